import type { Patch } from './blank.ts';

/** A box of ISO 14496-12: where it and its content begin, and where it ends. */
export interface Box {
  type: string;
  at: number;
  start: number;
  end: number;
}

/** The boxes between two places, as far as they are whole. */
export async function* boxesOf(patch: Patch, from: number, end: number): AsyncGenerator<Box> {
  for (let at = from; at + 8 <= end;) {
    const head = await patch.read(at, 16);
    if (head.length < 8) return;
    const given = head.readUInt32BE(0);
    const isLong = given === 1 && head.length === 16;
    const start = isLong ? 16 : 8;
    const size = isLong ? Number(head.readBigUInt64BE(8)) : given || end - at;
    if (size < start || at + size > end) return;
    yield { type: head.toString('latin1', 4, 8), at, start: at + start, end: at + size };
    at += size;
  }
}

/** What held words becomes free space. */
export async function freeBox(patch: Patch, { at, start, end }: Box): Promise<void> {
  await patch.write(at + 4, Buffer.from('free'));
  await patch.clear(start, end - start);
}

/** Boxes that hold words, and those in which they stand. */
const WORDS: ReadonlySet<string> = new Set(['udta', 'meta']);
const HOLDERS: ReadonlySet<string> = new Set(['moov', 'trak']);

/** MP4 and QuickTime. */
export async function blankMp4(patch: Patch, from = 0, end = patch.size): Promise<void> {
  for await (const box of boxesOf(patch, from, end)) {
    if (HOLDERS.has(box.type)) await blankMp4(patch, box.start, box.end);
    if (WORDS.has(box.type)) await freeBox(patch, box);
  }
}
