import { open, type FileHandle } from 'node:fs/promises';

/** The first eight bytes of every OLE compound file. */
export const OLE_MAGIC = 'd0cf11e0a1b11ae1';

const ENTRY_BYTES = 128;
const NO_ENTRY = 0xffffffff;
/** Sectors of the directory that are read: 2 048 entries of a file with 512-byte sectors. */
const MAX_SECTORS = 512;

/**
 * Names in the root directory of an OLE compound file ([MS-CFB] 2.2 and 2.6), which tell what it is. Embedded
 * files have directories of their own and do not count. Whatever of a damaged file cannot be followed is left out.
 */
export async function readOleNames(path: string): Promise<string[]> {
  const file = await open(path);
  try {
    return rootNames(await readDirectory(file));
  } finally {
    await file.close();
  }
}

async function readDirectory(file: FileHandle): Promise<Buffer> {
  const header = await readAt(file, 512, 0);
  if (header.length < 512) return Buffer.alloc(0);
  const shift = header.readUInt16LE(30) === 12 ? 12 : 9;
  const sectors: Buffer[] = [];
  let sector = header.readUInt32LE(48);
  while (sector < 0xfffffffa && sectors.length < MAX_SECTORS) {
    sectors.push(await readAt(file, 2 ** shift, (sector + 1) * 2 ** shift));
    sector = await nextSector(file, header, shift, sector);
  }
  return Buffer.concat(sectors);
}

/** Looks the chain up in the allocation table, whose first 109 sectors the header lists: 7 MB of file and more. */
async function nextSector(file: FileHandle, header: Buffer, shift: number, sector: number): Promise<number> {
  const perSector = 2 ** shift / 4;
  const index = Math.floor(sector / perSector);
  if (index >= 109) return NO_ENTRY;
  const table = header.readUInt32LE(76 + index * 4);
  const entry = await readAt(file, 4, (table + 1) * 2 ** shift + (sector % perSector) * 4);
  return entry.length === 4 ? entry.readUInt32LE() : NO_ENTRY;
}

/** Walks the tree of siblings under the root entry. */
function rootNames(directory: Buffer): string[] {
  const names: string[] = [];
  const seen = new Set<number>();
  const open = [field(directory, 0, 76)];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (seen.has(index) || (index + 1) * ENTRY_BYTES > directory.length) continue;
    seen.add(index);
    names.push(nameOf(directory, index));
    open.push(field(directory, index, 68), field(directory, index, 72));
  }
  return names;
}

function field(directory: Buffer, index: number, offset: number): number {
  const at = index * ENTRY_BYTES + offset;
  return at + 4 <= directory.length ? directory.readUInt32LE(at) : NO_ENTRY;
}

function nameOf(directory: Buffer, index: number): string {
  const start = index * ENTRY_BYTES;
  const bytes = Math.max(0, Math.min(64, directory.readUInt16LE(start + 64)) - 2);
  return directory.toString('utf16le', start, start + bytes);
}

async function readAt(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
