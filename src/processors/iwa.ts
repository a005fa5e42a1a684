import { LimnerError } from '../errors.ts';

/** Values of a message of Protocol Buffers by the number of their field: whole numbers, or bytes. */
export type Fields = ReadonlyMap<number, readonly (number | Buffer)[]>;

/** One object of a document of Pages, Keynote or Numbers since 2013. */
export interface IwaObject {
  id: number;
  /** What it is; the programs number their kinds. */
  type: number;
  fields: Fields;
  /** The objects it names, in order. */
  refs: number[];
}

/** Blocks are written with 64 kB each. */
const MOST_BLOCK_BYTES = 1024 * 1024;

/**
 * The objects of an `.iwa` file: blocks behind four bytes of head, compressed as Snappy does without its checksums; in them
 * descriptions of messages, each followed by these. Stops where `budget.bytes` of unpacked bytes are used up. Throws LimnerError `corrupt`.
 */
export function* iwaObjects(file: Buffer, budget: { bytes: number }): Generator<IwaObject> {
  const blocks: Buffer[] = [];
  for (let at = 0; at + 4 <= file.length && budget.bytes > 0;) {
    const end = at + 4 + file.readUIntLE(at + 1, 3);
    const block = unpack(file.subarray(at + 4, end));
    budget.bytes -= block.length;
    blocks.push(block);
    at = end;
  }
  yield* objectsIn(Buffer.concat(blocks));
}

function* objectsIn(data: Buffer): Generator<IwaObject> {
  const reader = { data, at: 0 };
  while (reader.at < data.length) {
    const info = readFields(take(reader, varint(reader)));
    const id = numberIn(info, 1);
    for (const message of messagesIn(info, 2)) {
      const fields = readFields(take(reader, numberIn(message, 3)));
      yield { id, type: numberIn(message, 1), fields, refs: numbersIn(message, 5) };
    }
  }
}

/** The fields of a message. Throws LimnerError `corrupt` where it is none. */
export function readFields(data: Buffer): Fields {
  const fields = new Map<number, (number | Buffer)[]>();
  const reader = { data, at: 0 };
  while (reader.at < data.length) {
    const key = varint(reader);
    const values = fields.get(Math.floor(key / 8)) ?? [];
    fields.set(Math.floor(key / 8), [...values, valueOf(reader, key % 8)]);
  }
  return fields;
}

function valueOf(reader: Reader, wire: number): number | Buffer {
  if (wire === 0) return varint(reader);
  if (wire === 1) return take(reader, 8);
  if (wire === 2) return take(reader, varint(reader));
  if (wire === 5) return take(reader, 4);
  throw damaged();
}

/** The first number of a field, 0 where there is none. */
export function numberIn(fields: Fields | undefined, field: number): number {
  const value = fields?.get(field)?.[0];
  return typeof value === 'number' ? value : 0;
}

/** All numbers of a field, which may be packed into bytes. */
function numbersIn(fields: Fields, field: number): number[] {
  return (fields.get(field) ?? []).flatMap((value) => {
    if (typeof value === 'number') return [value];
    const found: number[] = [];
    for (const reader = { data: value, at: 0 }; reader.at < value.length;) found.push(varint(reader));
    return found;
  });
}

export function bytesIn(fields: Fields | undefined, field: number): Buffer[] {
  return (fields?.get(field) ?? []).filter((value) => typeof value !== 'number');
}

export function messagesIn(fields: Fields | undefined, field: number): Fields[] {
  return bytesIn(fields, field).map(readFields);
}

export function textIn(fields: Fields | undefined, field: number): string {
  return bytesIn(fields, field)
    .map((bytes) => bytes.toString('utf8'))
    .join('');
}

/** The object that a field names. */
export function refIn(fields: Fields | undefined, field: number): number {
  return numberIn(messagesIn(fields, field)[0], 1);
}

interface Reader {
  data: Buffer;
  at: number;
}

function take(reader: Reader, length: number): Buffer {
  const bytes = reader.data.subarray(reader.at, reader.at + length);
  if (bytes.length < length) throw damaged();
  reader.at += length;
  return bytes;
}

function varint(reader: Reader): number {
  let value = 0;
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const byte = reader.data[reader.at];
    if (byte === undefined) break;
    reader.at += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw damaged();
}

/** Snappy: literals, and copies of what was written before (google/snappy, format_description.txt). */
function unpack(packed: Buffer): Buffer {
  const reader = { data: packed, at: 0 };
  const length = varint(reader);
  if (length > MOST_BLOCK_BYTES) throw damaged();
  const out = Buffer.alloc(length);
  let at = 0;
  while (reader.at < packed.length) {
    const tag = take(reader, 1).readUInt8();
    if ((tag & 3) === 0) {
      const literal = take(reader, literalLength(reader, tag >> 2));
      at += literal.copy(out, at);
      continue;
    }
    const { count, back } = copyOf(reader, tag);
    if (back === 0 || back > at || at + count > length) throw damaged();
    // What is copied may be written by the copy itself.
    for (const end = at + count; at < end; at += 1) out[at] = out[at - back] ?? 0;
  }
  return out;
}

function literalLength(reader: Reader, size: number): number {
  const bytes = size - 59;
  return bytes <= 0 ? size + 1 : take(reader, bytes).readUIntLE(0, bytes) + 1;
}

function copyOf(reader: Reader, tag: number): { count: number; back: number } {
  if ((tag & 3) === 1)
    return { count: ((tag >> 2) & 7) + 4, back: ((tag >> 5) << 8) + take(reader, 1).readUInt8() };
  const bytes = (tag & 3) === 2 ? 2 : 4;
  return { count: (tag >> 2) + 1, back: take(reader, bytes).readUIntLE(0, bytes) };
}

function damaged(): LimnerError {
  return new LimnerError(
    'corrupt',
    'The document is damaged or was cut short; save it again where it was made.',
  );
}
