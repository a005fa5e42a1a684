import { OLE_MAGIC } from './ole.ts';

const FREE = 0xfffffffa;
const ENTRY_BYTES = 128;
const HEADER_TABLES = 109;
const STORAGE = 1;
const STREAM = 2;
const NAMES = ['WordDocument', '0Table', '1Table', 'Data', 'Workbook', 'Book', 'PowerPoint Document'];

/** A stream of an OLE compound file, with the storages it lies in and its own name last. */
export interface OleStream {
  path: string[];
  bytes: Buffer;
}

export interface OleFile {
  streams: OleStream[];
  /** All chains of sectors ended where they should, and names that readers look for are spelt as they expect. */
  isSound: boolean;
}

/**
 * The streams of an OLE compound file ([MS-CFB]), as far as they can be followed: chains that turn in a circle or
 * lead out of the file end there. Undefined for another file.
 */
export function readOle(data: Buffer): OleFile | undefined {
  if (data.length < 512 || data.toString('hex', 0, 8) !== OLE_MAGIC) return undefined;
  const seen = { isSound: true };
  const sectorBytes = data.readUInt16LE(30) === 12 ? 4096 : 512;
  const table = allocationTable(data, sectorBytes, seen);
  const sector = (index: number): Buffer =>
    data.subarray((index + 1) * sectorBytes, (index + 2) * sectorBytes);
  const follow = (start: number): Buffer => Buffer.concat(chain(table, start, seen).map(sector));

  const directory = follow(data.readUInt32LE(48));
  const small = readTable(follow(data.readUInt32LE(60)));
  const pool = directory.length < ENTRY_BYTES ? directory : follow(directory.readUInt32LE(116));
  const cutoff = data.readUInt32LE(56);
  const shortSector = (index: number): Buffer => pool.subarray(index * 64, (index + 1) * 64);

  // Entries of a hostile file may share their sectors without end.
  let room = data.length * 2;
  const streams: OleStream[] = [];
  for (const { path, start, bytes: size } of entriesOf(directory)) {
    const parts =
      size < cutoff ? chain(small, start, seen).map(shortSector) : chain(table, start, seen).map(sector);
    const bytes = Buffer.concat(parts).subarray(0, size);
    room -= bytes.length;
    if (room < 0) break;
    if (bytes.length < size) seen.isSound = false;
    streams.push({ path, bytes });
  }
  return {
    streams,
    isSound: seen.isSound && !streams.some(({ path }) => path.some((name) => name !== spelt(name))),
  };
}

/**
 * An OLE compound file that parsers can be trusted with: `data` itself where its structure is sound, else a new one
 * of what it holds. Another file stays what it is.
 */
export async function soundOle(data: Buffer): Promise<Buffer> {
  const file = readOle(data);
  return !file || file.isSound ? data : writeOle(file.streams);
}

/** The OLE compound file with another stream of this name at its top. */
export async function replaceStream(data: Buffer, name: string, bytes: Buffer): Promise<Buffer> {
  const streams = readOle(data)?.streams ?? [];
  for (const stream of streams) if (isTop(stream, name)) stream.bytes = bytes;
  return writeOle(streams);
}

/** An OLE compound file of these streams. */
export async function writeOle(streams: readonly OleStream[]): Promise<Buffer> {
  const { CFB } = await import('@e965/xlsx');
  const whole = CFB.utils.cfb_new();
  for (const { path, bytes } of streams)
    CFB.utils.cfb_add(whole, `/${path.map((name) => spelt(name)).join('/')}`, bytes);
  const written: unknown = CFB.write(whole, { type: 'buffer' });
  if (!Buffer.isBuffer(written)) throw new TypeError('The writer of OLE files gave no bytes.');
  return freed(written);
}

/** The writer leaves zeros in its table for sectors beyond the end, which strict readers take for sectors in use. */
function freed(file: Buffer): Buffer {
  const sectors = file.length / 512 - 1;
  for (const [order, index] of tableSectors(file, 512).entries())
    for (let at = 0; at < 128; at += 1)
      if (order * 128 + at >= sectors) file.writeUInt32LE(0xffffffff, (index + 1) * 512 + at * 4);
  return file;
}

/** The stream of this name at the top of an OLE compound file; undefined where there is none. */
export function oleStream(data: Buffer, name: string): Buffer | undefined {
  return readOle(data)?.streams.find((stream) => isTop(stream, name))?.bytes;
}

function isTop({ path }: OleStream, name: string): boolean {
  return path.length === 1 && spelt(path[0] ?? '') === name;
}

/** Names are the same whatever their case ([MS-CFB] 2.6.4), which not every reader knows. */
function spelt(name: string): string {
  const lower = name.toLowerCase();
  return NAMES.find((known) => known.toLowerCase() === lower) ?? name;
}

/** The sectors of the table are listed in the header, and in a chain of sectors for what has no room there (2.3 and 2.5). */
function tableSectors(data: Buffer, sectorBytes: number): number[] {
  const found: number[] = [];
  const most = Math.ceil(data.length / sectorBytes);
  let listed = data.subarray(76, 76 + HEADER_TABLES * 4);
  let next = data.readUInt32LE(68);
  for (let lists = 0; found.length < most; lists += 1) {
    found.push(...readTable(listed).filter((index) => index < FREE));
    if (next >= FREE || lists > most) break;
    const list = data.subarray((next + 1) * sectorBytes, (next + 2) * sectorBytes);
    if (list.length < sectorBytes) break;
    listed = list.subarray(0, -4);
    next = list.readUInt32LE(sectorBytes - 4);
  }
  return found.slice(0, most);
}

function allocationTable(data: Buffer, sectorBytes: number, seen: { isSound: boolean }): Uint32Array {
  const parts = tableSectors(data, sectorBytes).map((index) =>
    data.subarray((index + 1) * sectorBytes, (index + 2) * sectorBytes),
  );
  if (parts.some((part) => part.length < sectorBytes)) seen.isSound = false;
  return readTable(Buffer.concat(parts));
}

function readTable(bytes: Buffer): Uint32Array {
  return Uint32Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    bytes.readUInt32LE(index * 4),
  );
}

/** The sectors of a chain, each once. */
function chain(table: Uint32Array, start: number, seen: { isSound: boolean }): number[] {
  const known = new Set<number>();
  let at = start;
  while (at < table.length && !known.has(at)) {
    known.add(at);
    at = table[at] ?? FREE;
  }
  if (at < FREE) seen.isSound = false;
  return [...known];
}

interface OleEntry {
  path: string[];
  start: number;
  bytes: number;
}

/** The streams of the directory, from its root down. */
function* entriesOf(directory: Buffer): Generator<OleEntry> {
  const known = new Set<number>();
  const open: { index: number; path: string[] }[] = [{ index: number(directory, 0, 76), path: [] }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { index, path } = next;
    if (known.has(index) || (index + 1) * ENTRY_BYTES > directory.length) continue;
    known.add(index);
    const own = [...path, nameOf(directory, index)];
    open.push({ index: number(directory, index, 68), path }, { index: number(directory, index, 72), path });
    const kind = directory[index * ENTRY_BYTES + 66];
    if (kind === STORAGE) open.push({ index: number(directory, index, 76), path: own });
    if (kind === STREAM)
      yield { path: own, start: number(directory, index, 116), bytes: number(directory, index, 120) };
  }
}

function number(directory: Buffer, index: number, offset: number): number {
  const at = index * ENTRY_BYTES + offset;
  return at + 4 <= directory.length ? directory.readUInt32LE(at) : 0xffffffff;
}

function nameOf(directory: Buffer, index: number): string {
  const start = index * ENTRY_BYTES;
  const bytes = Math.max(0, Math.min(64, directory.readUInt16LE(start + 64)) - 2);
  return directory.toString('utf16le', start, start + bytes);
}
