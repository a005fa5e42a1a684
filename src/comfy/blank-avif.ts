import { boxesOf, freeBox, type Box } from './blank-boxes.ts';
import type { Patch } from './blank.ts';

/** Boxes of the file itself that hold words: XMP may stand in one of the kind `uuid`. */
const WORDS: ReadonlySet<string> = new Set(['udta', 'uuid']);
/** Items that say something of the picture instead of showing it: Exif, XMP and other text. */
const WORD_ITEMS: ReadonlySet<string> = new Set(['Exif', 'mime', 'uri ']);
/** A list of items that is longer than this belongs to no picture. */
const MAX_LIST = 16 * 1024 * 1024;

/**
 * AVIF (HEIF, ISO 23008-12): its items of words are zeros and of a kind that readers pass over, since one that says Exif and
 * holds none is an error to them. Pictures that move have tracks beside that, as a video has.
 */
export async function blankAvif(patch: Patch): Promise<void> {
  for await (const box of boxesOf(patch, 0, patch.size)) {
    if (box.type === 'meta') await blankItems(patch, box);
    if (box.type === 'moov') await blankTracks(patch, box);
    if (WORDS.has(box.type)) await freeBox(patch, box);
  }
}

/** The items of a track show nothing, so that its list of them can go. */
async function blankTracks(patch: Patch, { start, end }: Box): Promise<void> {
  for await (const box of boxesOf(patch, start, end)) {
    if (box.type === 'trak') await blankTracks(patch, box);
    if (box.type === 'meta') await blankItems(patch, box);
    if (box.type === 'meta' || WORDS.has(box.type)) await freeBox(patch, box);
  }
}

/** `meta` is a full box: four bytes of version and flags stand before its boxes. */
async function blankItems(patch: Patch, meta: Box): Promise<void> {
  const inside = new Map<string, Box>();
  for await (const box of boxesOf(patch, meta.start + 4, meta.end)) inside.set(box.type, box);
  const [infos, places, data, shown] = ['iinf', 'iloc', 'idat', 'iprp'].map((type) => inside.get(type));
  const ids = infos ? await hideItems(patch, infos) : new Set<number>();
  const list = places ? await listOf(patch, places) : Buffer.alloc(0);
  const held = extentsOf(list)
    .filter(({ id }) => ids.has(id))
    .map(({ inData, offset, length }) => ({
      from: inData ? (data?.start ?? patch.size) + offset : offset,
      length,
    }))
    .toSorted((one, other) => one.from - other.from);
  let cleared = 0;
  for (const { from, length } of held) {
    // A list may name the same bytes any number of times.
    const start = Math.max(cleared, from);
    cleared = Math.max(cleared, from + length);
    await patch.clear(start, cleared - start);
  }
  if (shown) await blankDescriptions(patch, shown);
}

/** Gives the ids of the items that hold words; what is said of them goes at once. */
async function hideItems(patch: Patch, infos: Box): Promise<Set<number>> {
  const ids = new Set<number>();
  const version = (await patch.read(infos.start, 1))[0] ?? 0;
  for await (const box of boxesOf(patch, infos.start + (version === 0 ? 6 : 8), infos.end)) {
    const head = await patch.read(box.start, 14);
    const isWide = head[0] === 3;
    const type = isWide ? 10 : 8;
    if (box.type !== 'infe' || head.length < 14 || box.end < box.start + type + 4) continue;
    if (!WORD_ITEMS.has(head.toString('latin1', type, type + 4))) continue;
    ids.add(isWide ? head.readUInt32BE(4) : head.readUInt16BE(4));
    await patch.write(box.start + type, Buffer.from('free'));
    await patch.clear(box.start + type + 4, box.end - box.start - type - 4);
  }
  return ids;
}

/** The property `udes` holds names and descriptions for people. Its place among the others stays. */
async function blankDescriptions(patch: Patch, shown: Box): Promise<void> {
  for await (const box of boxesOf(patch, shown.start, shown.end))
    if (box.type === 'ipco')
      for await (const property of boxesOf(patch, box.start, box.end))
        if (property.type === 'udes') await freeBox(patch, property);
}

async function listOf(patch: Patch, { start, end }: Box): Promise<Buffer> {
  return end - start > MAX_LIST ? Buffer.alloc(0) : patch.read(start, end - start);
}

interface Extent {
  id: number;
  /** Counted from the beginning of `idat`, and not of the file. */
  inData: boolean;
  offset: number;
  length: number;
}

/** Where items stand (ISO 14496-12, 8.11.3); of a list that is cut off, those before the cut. */
function extentsOf(list: Buffer): Extent[] {
  const extents: Extent[] = [];
  let at = 0;
  const take = (bytes: number): number => {
    at += bytes;
    if (at > list.length) throw new RangeError('The list is cut off.');
    if (bytes > 6) return Number(list.readBigUInt64BE(at - bytes));
    return bytes === 0 ? 0 : list.readUIntBE(at - bytes, bytes);
  };
  try {
    const version = take(1);
    const sizes = [take(3), take(1), take(1)];
    const [offsetSize, lengthSize] = halvesOf(sizes[1]);
    const [baseSize, indexSize] = halvesOf(sizes[2]);
    const idSize = version < 2 ? 2 : 4;
    for (let items = take(idSize); items > 0; items--) {
      const id = take(idSize);
      const inData = version > 0 && (take(2) & 0x0f) === 1;
      take(2);
      const base = take(baseSize);
      for (let parts = take(2); parts > 0; parts--) {
        if (version > 0) take(indexSize);
        const offset = base + take(offsetSize);
        extents.push({ id, inData, offset, length: take(lengthSize) });
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return extents;
}

function halvesOf(byte = 0): [high: number, low: number] {
  return [byte >> 4, byte & 0x0f];
}
