import type { Patch } from './blank.ts';

const PAGE_HEAD = 27;
/** A page at its longest: 255 segments of 255 bytes. */
const MAX_PAGE = PAGE_HEAD + 255 + 255 * 255;
const CHECKSUM = 22;
/** The packet of comments, by how it begins, with what follows its last comment. */
const PACKETS: readonly [magic: string, end: Buffer][] = [
  ['OpusTags', Buffer.alloc(0)],
  ['\x03vorbis', Buffer.of(1)],
];

interface Page {
  at: number;
  bytes: Buffer;
  /** Where what belongs to the packet stands in `bytes`. */
  start: number;
  end: number;
}

/** Opus and Vorbis in Ogg: the second packet says that it holds no comment, and the rest of it is zeros. */
export async function blankOgg(patch: Patch): Promise<void> {
  const first = await readPage(patch, 0);
  const pages = first ? await readPacket(patch, first.bytes.length) : [];
  const packet = Buffer.concat(pages.map(({ bytes, start, end }) => bytes.subarray(start, end)));
  if (!withoutComments(packet)) return;
  let from = 0;
  for (const { at, bytes, start, end } of pages) {
    packet.copy(bytes, start, from, from + end - start);
    from += end - start;
    bytes.writeUInt32LE(0, CHECKSUM);
    bytes.writeUInt32LE(checksumOf(bytes), CHECKSUM);
    await patch.write(at, bytes);
  }
}

/** Changes the packet; false where it is none of comments. */
function withoutComments(packet: Buffer): boolean {
  const [magic, end] = PACKETS.find(([name]) => packet.toString('latin1', 0, name.length) === name) ?? [];
  if (magic === undefined || end === undefined || packet.length < magic.length + 4) return false;
  const at = magic.length + 4 + packet.readUInt32LE(magic.length);
  if (at + 4 + end.length > packet.length) return false;
  packet.fill(0, at);
  end.copy(packet, at + 4);
  return true;
}

/** The pages of the packet that begins at `at`: a segment of less than 255 bytes ends it. */
async function readPacket(patch: Patch, at: number): Promise<Page[]> {
  const pages: Page[] = [];
  for (let next = at; ;) {
    const page = await readPage(patch, next);
    if (!page) return [];
    pages.push(page);
    if (page.isEnd) return pages;
    next += page.bytes.length;
  }
}

async function readPage(patch: Patch, at: number): Promise<(Page & { isEnd: boolean }) | undefined> {
  const found = await patch.read(at, MAX_PAGE);
  if (found.length < PAGE_HEAD || found.toString('latin1', 0, 4) !== 'OggS') return undefined;
  const start = PAGE_HEAD + found.readUInt8(26);
  const segments = [...found.subarray(PAGE_HEAD, start)];
  const last = segments.findIndex((length) => length < 255);
  const whole = start + sum(segments);
  if (found.length < whole) return undefined;
  const end = start + sum(last < 0 ? segments : segments.slice(0, last + 1));
  return { at, bytes: found.subarray(0, whole), start, end, isEnd: last >= 0 };
}

function sum(lengths: number[]): number {
  return lengths.reduce((all, length) => all + length, 0);
}

/** CRC-32 as Ogg has it (RFC 3533): from the highest bit on, beginning with 0. */
function checksumOf(bytes: Buffer): number {
  let rest = 0;
  for (const byte of bytes) {
    rest ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) rest = rest < 0 ? (rest << 1) ^ 0x04c11db7 : rest << 1;
  }
  return rest >>> 0;
}
