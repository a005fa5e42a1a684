import { posix } from 'node:path';
import { constants, inflateSync } from 'node:zlib';
import { oleStream, readOle, writeOle, type OleStream } from './ole-file.ts';
import { recordsIn } from './ppt-text.ts';
import type { Member } from './processor.ts';
import { readRelationships } from './relationships.ts';
import type { Archive } from './zip.ts';

/**
 * Files that an Office document holds: documents, and what was inserted as an object. The workbooks behind charts are
 * left out, for their figures are in the charts.
 */
export async function* embeddedFiles(archive: Archive): AsyncGenerator<Member> {
  const behindCharts = await chartData(archive);
  for (const name of archive.names) {
    if (!name.includes('/embeddings/') || name.endsWith('/') || behindCharts.has(name)) continue;
    const bytes = await archive.read(name);
    const member = bytes && unwrap(posix.basename(name), bytes);
    if (member) yield member;
  }
}

async function chartData(archive: Archive): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const name of archive.names) {
    if (!/\/charts\/chart[^/]{0,20}\.xml$/.test(name)) continue;
    for (const { target } of await readRelationships(archive, name)) found.add(target);
  }
  return found;
}

/** Storages of objects in old Word and Excel files ([MS-DOC] 2.1.4 and [MS-XLS] 2.1.3). */
const OBJECTS = /^(?:ObjectPool\/_\d{1,10}|MBD[0-9A-F]{8})$/i;

/** Files that an old Word or Excel file holds, as `embeddedFiles`. */
export async function* embeddedInOle(data: Buffer): AsyncGenerator<Member> {
  const objects = new Map<string, OleStream[]>();
  for (const { path, bytes } of readOle(data)?.streams ?? []) {
    const depth = path[0] === 'ObjectPool' ? 2 : 1;
    const storage = path.slice(0, depth).join('/');
    if (!OBJECTS.test(storage) || path.length === depth) continue;
    const streams = objects.get(storage) ?? [];
    objects.set(storage, [...streams, { path: path.slice(depth), bytes }]);
  }
  let number = 0;
  for (const streams of objects.values()) {
    number += 1;
    const member = unwrapped(`object-${number}`, streams, await writeOle(streams));
    if (member) yield member;
  }
}

/** A record of an old PowerPoint file that holds an object, packed where it does not begin as an OLE file ([MS-PPT] 2.10.34). */
const OBJECT_RECORD = 4113;
const PACKED_AT = 4;
/** Some end before their checksum. */
const OPTIONS = { maxOutputLength: 200 * 1024 * 1024, finishFlush: constants.Z_SYNC_FLUSH };

/** Files that an old PowerPoint file holds; none of another file. */
export function* embeddedInPowerPoint(data: Buffer): Generator<Member> {
  const stream = oleStream(data, 'PowerPoint Document');
  let number = 0;
  for (const record of stream ? recordsIn(stream, OBJECT_RECORD, 0) : []) {
    number += 1;
    const member = unwrap(`object-${number}`, readOle(record) ? record : inflated(record));
    if (member) yield member;
  }
}

/** Nothing where it is damaged. */
function inflated(record: Buffer): Buffer {
  try {
    return inflateSync(record.subarray(PACKED_AT), OPTIONS);
  } catch (error) {
    if (error instanceof Error) return Buffer.alloc(0);
    throw error;
  }
}

/** Hexadecimal digits behind the word for them (RTF 1.9.1, Objects). */
const OBJECT_DATA = /\\objdata(?![a-z])([0-9a-f\s]+)/gi;
const EMBEDDED = 2;

/** Files that an RTF document holds: objects in the manner of OLE 1 ([MS-OLEDS] 2.2.5). */
export function* embeddedInRtf(data: Buffer): Generator<Member> {
  let number = 0;
  for (const [, digits = ''] of data.toString('latin1').matchAll(OBJECT_DATA)) {
    number += 1;
    const member = rtfObject(`object-${number}`, Buffer.from(digits.replaceAll(/\s/g, ''), 'hex'));
    if (member) yield member;
  }
}

/** A version, a sort, three names behind their lengths, and the object behind its own. */
function rtfObject(name: string, data: Buffer): Member | undefined {
  if (data.length < 12 || data.readUInt32LE(4) !== EMBEDDED) return undefined;
  const kind = data.toString('latin1', 12, 11 + data.readUInt32LE(8));
  let at = 8;
  for (let names = 0; names < 3 && at + 4 <= data.length; names += 1) at += 4 + data.readUInt32LE(at);
  if (at + 4 > data.length) return undefined;
  const object = data.subarray(at + 4, at + 4 + data.readUInt32LE(at));
  // A package tells no length of its own here.
  return kind === 'Package'
    ? nativeFile(name, Buffer.concat([Buffer.alloc(4), object]))
    : unwrap(name, object);
}

/** Objects are wrapped in an OLE file. */
function unwrap(name: string, bytes: Buffer): Member | undefined {
  const file = readOle(bytes);
  if (bytes.length === 0) return undefined;
  return file ? unwrapped(name, file.streams, bytes) : { name, bytes };
}

/** An object is a package, plain contents, a file with its name, or an old Office file, which it is as a `whole`. */
function unwrapped(name: string, streams: readonly OleStream[], whole: Buffer): Member | undefined {
  const stream = (title: string): Buffer | undefined =>
    streams.find(({ path }) => path.length === 1 && path[0] === title)?.bytes;
  const contents = stream('Package') ?? stream('CONTENTS');
  if (contents) return { name, bytes: contents };
  const native = stream('\u0001Ole10Native');
  if (native) return nativeFile(name, native);
  return ['WordDocument', 'Workbook', 'Book', 'PowerPoint Document'].some(stream)
    ? { name, bytes: whole }
    : undefined;
}

/** Size, a flag, the label and the path it came from, a second path, and the file ([MS-OLEDS] 2.3.6 and OLE1). */
function nativeFile(name: string, data: Buffer): Member | undefined {
  const labelEnd = data.indexOf(0, 6);
  const pathEnd = data.indexOf(0, labelEnd + 1);
  const second = pathEnd + 5;
  if (labelEnd === -1 || pathEnd === -1 || second + 4 > data.length) return undefined;
  const start = second + 4 + data.readUInt32LE(second);
  if (start + 4 > data.length) return undefined;
  const bytes = data.subarray(start + 4, start + 4 + data.readUInt32LE(start));
  return { name: data.toString('latin1', 6, labelEnd) || name, bytes };
}
