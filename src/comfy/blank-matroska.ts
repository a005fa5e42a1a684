import type { Patch } from './blank.ts';

/** Ids of elements (RFC 9559), with the bits that say how long they are. */
const SEGMENT = 0x18538067;
const CLUSTER = 0x1f43b675;
const WORDS: ReadonlySet<number> = new Set([0x1254c367 /* Tags */, 0x1941a469 /* Attachments */]);
const VOID = 0xec;

/** WebM and Matroska: what holds words becomes a Void of the same length. */
export async function blankMatroska(patch: Patch): Promise<void> {
  for (let at = 0; at < patch.size;) {
    const head = readHead(await patch.read(at, 12));
    if (!head) return;
    const { id, start, size } = head;
    if (WORDS.has(id) && size !== undefined) await voidOf(patch, at, start + size);
    // A segment is gone into; a cluster of unknown length is the rest of a stream, in which no words stand.
    if (id === CLUSTER && size === undefined) return;
    at += id === SEGMENT ? start : start + (size ?? 0);
  }
}

async function voidOf(patch: Patch, at: number, length: number): Promise<void> {
  const isShort = length - 2 < 0x7f;
  const head = Buffer.alloc(isShort ? 2 : 9);
  head[0] = VOID;
  if (isShort) head[1] = 0x80 | (length - 2);
  else {
    head.writeUIntBE(length - head.length, 3, 6);
    head[1] = 0x01;
  }
  await patch.write(at, head);
  await patch.clear(at + head.length, length - head.length);
}

/** An element's id, where its content starts, and how long that is; undefined where it says that it does not know. */
function readHead(bytes: Buffer): { id: number; start: number; size: number | undefined } | undefined {
  const idLength = lengthOf(bytes[0]);
  const sizeLength = lengthOf(bytes[idLength]);
  const start = idLength + sizeLength;
  if (idLength > 4 || sizeLength > 8 || bytes.length < start) return undefined;
  const id = bytes.readUIntBE(0, idLength);
  let size = (bytes[idLength] ?? 0) & (0xff >> sizeLength);
  let isUnknown = size === 0xff >> sizeLength;
  for (const byte of bytes.subarray(idLength + 1, start)) {
    size = size * 256 + byte;
    isUnknown &&= byte === 0xff;
  }
  return { id, start, size: isUnknown ? undefined : size };
}

/** The zeros at the front of the first byte say how many bytes follow. */
function lengthOf(first = 0): number {
  return Math.clz32(first) - 23;
}
