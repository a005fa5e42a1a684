import { proseOf, type Chunk, type Passage } from '../document.ts';
import type { Store } from '../store/store.ts';
import { tokensOf } from './prompt.ts';

/** Chunks on either side of a hit that are read with it, at most. */
const REACH = 2;
/** What stands around a passage in the prompt: its number, title and place. */
const FRAME_TOKENS = 50;
/** Less than this of a passage is not worth reading. */
const LEAST_TOKENS = 100;

/** A hit with the chunks around it, by their ordinals. */
interface Run {
  hit: Passage;
  near: ReadonlyMap<number, Chunk>;
  first: number;
  last: number;
}

export type Widen = ReturnType<typeof createWiden>;

/**
 * Joins hits with their neighbours to passages that can be read, within a number of tokens: first the hits themselves,
 * the best first, then what stands around each of them, the nearest first. Hits that touch become one passage, which
 * stands for the best of them: its span, page and text stay, and `context` is what is read. Headings, sheets, slides and
 * files inside files are borders.
 */
export function createWiden({ store }: { store: Pick<Store, 'chunks'> }) {
  async function chunksNear({ document, ordinal }: Passage): Promise<ReadonlyMap<number, Chunk>> {
    const offset = Math.max(0, ordinal - REACH);
    const chunks = await store.chunks(document.id, { offset, limit: ordinal - offset + REACH + 1 });
    return new Map(chunks.map((chunk) => [chunk.ordinal, chunk]));
  }

  return async function widen(hits: readonly Passage[], tokens: number): Promise<Passage[]> {
    const { kept, left } = fitting(hits, tokens);
    const runs = await Promise.all(
      kept.map(async (hit) => ({ hit, near: await chunksNear(hit), first: hit.ordinal, last: hit.ordinal })),
    );
    grow(runs, left);
    return joinTouching(runs).map(toPassage);
  };
}

/** The hits that fit, and the tokens that are left. The best is always among them, cut where it has to be. */
function fitting(hits: readonly Passage[], tokens: number): { kept: Passage[]; left: number } {
  let left = tokens;
  const kept: Passage[] = [];
  for (const hit of hits) {
    const cost = costOf(hit);
    if (cost > left) break;
    left -= cost;
    kept.push(hit);
  }
  const [best] = hits;
  return kept.length > 0 || !best
    ? { kept, left }
    : { kept: [cut(best, Math.max(LEAST_TOKENS, tokens - FRAME_TOKENS))], left: 0 };
}

function costOf({ text }: Pick<Chunk, 'text'>): number {
  return tokensOf(proseOf(text)) + FRAME_TOKENS;
}

/** Three bytes of UTF-8 count as a token. */
function cut(hit: Passage, tokens: number): Passage {
  const text = Buffer.from(hit.text)
    .subarray(0, 3 * tokens)
    .toString()
    .replace(/\ufffd$/u, '');
  return { ...hit, context: { text, span: [hit.span[0], hit.span[0] + text.length], chunks: [] } };
}

function grow(runs: readonly Run[], tokens: number): void {
  let left = tokens;
  const taken = new Set(runs.map(({ hit }) => keyOf(hit, hit.ordinal)));
  const reach = (run: Run, from: number, to: number): boolean => {
    const [here, next] = [run.near.get(from), run.near.get(to)];
    if (!here || !next || !isSamePlace(here, next)) return false;
    const key = keyOf(run.hit, to);
    if (taken.has(key)) return true;
    const cost = tokensOf(next.text);
    if (cost > left) return false;
    left -= cost;
    taken.add(key);
    return true;
  };
  for (let distance = 1; distance <= REACH; distance++)
    for (const run of runs) {
      if (run.last === run.hit.ordinal + distance - 1 && reach(run, run.last, run.last + 1)) run.last++;
      if (run.first === run.hit.ordinal - distance + 1 && reach(run, run.first, run.first - 1)) run.first--;
    }
}

function keyOf({ document }: Passage, ordinal: number): string {
  return `${document.id}/${ordinal}`;
}

/** Whether one reads on from the other without a border between them; pages are none. */
function isSamePlace(one: Chunk, other: Chunk): boolean {
  return (
    one.member === other.member &&
    one.sheet === other.sheet &&
    one.slide === other.slide &&
    one.chapter === other.chapter &&
    (one.headings ?? []).join('\n') === (other.headings ?? []).join('\n')
  );
}

/** Runs of one document that overlap become one, which stands where the best of them stood. */
function joinTouching(runs: readonly Run[]): Run[] {
  const joined: Run[] = [];
  for (const run of runs) {
    const touching = joined.filter(
      ({ hit, first, last }) =>
        hit.document.id === run.hit.document.id && first <= run.last && run.first <= last,
    );
    const [best] = touching;
    if (!best) {
      joined.push({ ...run });
      continue;
    }
    const all = [...touching, run];
    best.first = Math.min(...all.map(({ first }) => first));
    best.last = Math.max(...all.map(({ last }) => last));
    best.near = new Map(all.flatMap(({ near }) => Array.from(near)));
    for (const other of touching.slice(1)) joined.splice(joined.indexOf(other), 1);
  }
  return joined;
}

function toPassage({ hit, near, first, last }: Run): Passage {
  if (first === last) return hit;
  const chunks = Array.from({ length: last - first + 1 }, (_, at) => near.get(first + at)).filter(
    (chunk) => chunk !== undefined,
  );
  const [start, end] = [chunks[0]?.span[0] ?? hit.span[0], chunks.at(-1)?.span[1] ?? hit.span[1]];
  return { ...hit, context: { text: joinTexts(chunks), span: [start, end], chunks } };
}

/** Only white space stands between two chunks, and belongs to neither. */
function joinTexts(chunks: readonly Chunk[]): string {
  return chunks
    .map(({ text, span }, at) => {
      const before = chunks[at - 1];
      if (!before) return text;
      const gap = span[0] - before.span[1];
      return gap < 0 ? text.slice(-gap) : (gap > 1 ? '\n\n' : ' '.repeat(gap)) + text;
    })
    .join('');
}
