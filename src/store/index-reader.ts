import type { IndexChanges } from './chunk-index.ts';
import type { GroupsView } from './groups.ts';
import { PAGE_SLOTS, type PageView } from './page.ts';
import { findTerm, type Segment } from './segment.ts';
import type { Hit } from './store.ts';
import { createTopList, type Found } from './top-list.ts';
import { createScanner } from './vector-space.ts';

/** BM25's parameters, as SQLite, Lucene and most others have them. */
export const K1 = 1.2;
export const B = 0.75;

/** The weight of the whole document's score beside the chunk's; figures in docs/decisions/0007-chunk-index.md. */
export const DOCUMENT_WEIGHT = 0.6;

/** Of the terms that may be meant by an unknown word, so many are asked, for so much of what they would weigh. */
const MEANT = 3;
export const MEANT_WEIGHT = 0.7;

/** The postings of one term in one part of a page. */
interface Run {
  base: number;
  segment: Segment;
  from: number;
  to: number;
}

/** A term's postings by pages, and the weights that its rarity gives it. */
interface Term {
  runs: Map<PageView, Run[]>;
  weight: number;
}

/** A term's key, and what of its weight counts. */
interface Asked {
  key: number;
  share: number;
}

/** A chunk that was found: the numbers of its row and of its document, and the key of its text. */
export interface IndexHit extends Hit {
  id: number;
  document: number;
  text: number;
}

/** Documents that a search may find, by their numbers; undefined is all of them. */
export type Wanted = Uint8Array | undefined;

export type IndexReader = ReturnType<typeof createIndexReader>;

/** Searches the index as it was when `apply` was called last. `reader` numbers the threads that share one memory. */
export function createIndexReader(reader: number) {
  const pages = new Map<number, PageView>();
  /** The same by their numbers, in every thread alike. */
  let inOrder: readonly PageView[] = [];
  const scores = new Float64Array(PAGE_SLOTS);
  const scored = new Uint16Array(PAGE_SLOTS);
  const mask = new Uint8Array(PAGE_SLOTS);
  const embedded = new WeakMap<PageView, Uint8Array>();
  let revision = 0;
  let groups: GroupsView | undefined;
  let scan: { generation: number; ask: ReturnType<typeof createScanner> } | undefined;
  /** By the document's number: its score, and how often it has the term that is being counted. */
  let parents = new Float64Array(0);
  let within = new Float64Array(0);

  function apply(changes: IndexChanges | undefined): void {
    if (!changes) return;
    revision = changes.revision;
    for (const number of changes.dropped) pages.delete(number);
    for (const page of changes.pages) pages.set(page.number, page);
    inOrder = [...pages.values()].sort((one, other) => one.number - other.number);
    groups = changes.groups;
    if (groups.lengths.length !== parents.length) {
      parents = new Float64Array(groups.lengths.length);
      within = new Float64Array(groups.lengths.length);
    }
    const { vectors } = changes;
    if (!vectors) scan = undefined;
    else if (vectors.generation !== scan?.generation)
      scan = { generation: vectors.generation, ask: createScanner(vectors, reader) };
  }

  function runsOf(key: number): Map<PageView, Run[]> {
    const runs = new Map<PageView, Run[]>();
    for (const page of pages.values()) {
      for (const { base, segment } of page.parts) {
        const at = findTerm(segment, key);
        if (at < 0) continue;
        const run = { base, segment, from: segment.starts[at] ?? 0, to: segment.starts[at + 1] ?? 0 };
        runs.set(page, [...(runs.get(page) ?? []), run]);
      }
    }
    return runs;
  }

  /** Those of the terms that may be meant which most chunks hold. */
  function meant(keys: readonly number[]): Asked[] {
    return keys
      .map((key) => ({ key, share: MEANT_WEIGHT, chunks: countRuns(runsOf(key)) }))
      .filter(({ chunks }) => chunks > 0)
      .sort((one, other) => other.chunks - one.chunks || one.key - other.key)
      .slice(0, MEANT);
  }

  /** Counts a term's chunks and documents that are there, and adds what it brings to each document's score. */
  function weigh({ key, share }: Asked, view: GroupsView, touched: number[]): Term {
    const runs = runsOf(key);
    const documents: number[] = [];
    let chunks = 0;
    for (const [page, list] of runs) {
      for (const { base, segment, from, to } of list) {
        for (let at = from; at < to; at++) {
          const posting = segment.postings[at] ?? 0;
          const slot = base + (posting >>> 4);
          if (page.live[slot] === 0) continue;
          chunks++;
          const group = page.groups[slot] ?? 0;
          const before = within[group] ?? 0;
          if (before === 0) documents.push(group);
          within[group] = before + (posting & 15);
        }
      }
    }
    const weight = share * DOCUMENT_WEIGHT * rarity(view.documents, documents.length);
    const average = view.tokens / view.documents;
    for (const group of documents) {
      const share = saturation(within[group] ?? 0, view.lengths[group] ?? 0, average);
      const before = parents[group] ?? 0;
      if (before === 0) touched.push(group);
      parents[group] = before + weight * share;
      within[group] = 0;
    }
    return { runs, weight: share * rarity(view.chunks, chunks) };
  }

  /** Sums up the terms' scores of a page in `scores`; gives how many slots have one, which stand in `scored`. */
  function scorePage(page: PageView, terms: readonly Term[], average: number): number {
    let count = 0;
    for (const { runs, weight } of terms) {
      for (const { base, segment, from, to } of runs.get(page) ?? []) {
        for (let at = from; at < to; at++) {
          const posting = segment.postings[at] ?? 0;
          const slot = base + (posting >>> 4);
          const before = scores[slot] ?? 0;
          if (before === 0) scored[count++] = slot;
          scores[slot] = before + weight * saturation(posting & 15, page.lengths[slot] ?? 0, average);
        }
      }
    }
    return count;
  }

  /**
   * The chunks with the best BM25 for `keys` (see `termKey`), to which that of the whole document is added. Chunks and
   * documents outside of `wanted` count for how rare a term is. `likely`: for words that no chunk holds, the keys of the
   * terms that may be meant.
   */
  function keywords(
    { keys, likely = [] }: { keys: readonly number[]; likely?: readonly (readonly number[])[] },
    limit: number,
    wanted?: Wanted,
  ): Found[] {
    const view = groups;
    if (!view || view.chunks === 0 || !(limit >= 1)) return [];
    const touched: number[] = [];
    const asked = [...keys.map((key) => ({ key, share: 1 })), ...likely.flatMap(meant)];
    const terms = asked.map((one) => weigh(one, view, touched));
    const top = createTopList(limit);
    for (const page of pages.values()) {
      const count = scorePage(page, terms, view.tokens / view.chunks);
      for (let at = 0; at < count; at++) {
        const slot = scored[at] ?? 0;
        const group = page.groups[slot] ?? 0;
        const score = (scores[slot] ?? 0) + (parents[group] ?? 0);
        scores[slot] = 0;
        if (page.live[slot] === 1 && wanted?.[group] !== 0)
          top.offer(page.ids[slot] ?? 0, score, placeOf(page, slot));
      }
    }
    for (const group of touched) parents[group] = 0;
    return top.take();
  }

  /** The slots of a page that a vector search may find, or undefined when there are none. */
  function maskOf(page: PageView, wanted: Wanted): Uint8Array | undefined {
    const embedded = embeddedSlots(page);
    if (!wanted) return embedded;
    let any = 0;
    for (let slot = 0; slot < page.used; slot++)
      any |= mask[slot] = (embedded?.[slot] ?? 0) & (wanted[page.groups[slot] ?? 0] ?? 0);
    return any === 1 ? mask : undefined;
  }

  /** Made once for a page as it is. */
  function embeddedSlots(page: PageView): Uint8Array | undefined {
    const known = embedded.get(page);
    if (known || !page.vectors) return known;
    const { has } = page.vectors;
    const slots = page.live.map((live, slot) => live & (has[slot] ?? 0));
    embedded.set(page, slots);
    return slots;
  }

  /**
   * The chunks whose vectors have the greatest dot products with `query`, which are near the exact ones. Threads that know
   * the same revision share the pages when they share `next`, which gives each its next page. What cannot be among the first by
   * the upper halves of its bytes is not looked at further.
   */
  function nearest(query: Float32Array, limit: number, wanted?: Wanted, next = counter()): Found[] {
    const scanBlock = scan?.ask(query);
    if (!scanBlock || !(limit >= 1)) return [];
    /** By the least that they may be worth. */
    const sure = createTopList(limit);
    const top = createTopList(limit);
    for (let page = inOrder[next()]; page; page = inOrder[next()]) {
      const wantedSlots = page.vectors && maskOf(page, wanted);
      if (!page.vectors || !wantedSlots) continue;
      const { upper, lowerOf, scoreOf } = scanBlock(page.vectors.block, page.used, wantedSlots);
      const likely: number[] = [];
      const { used } = page;
      let least = sure.least();
      for (let slot = 0; slot < used; slot++) {
        const most = upper[slot] ?? 0;
        if (most < least || most === -Infinity) continue;
        sure.offer(slot, lowerOf(slot), 0);
        least = sure.least();
        likely.push(slot);
      }
      for (const slot of likely)
        if ((upper[slot] ?? 0) >= sure.least())
          top.offer(page.ids[slot] ?? 0, scoreOf(slot), placeOf(page, slot));
    }
    return top.take();
  }

  /** The documents of `collection`, and of `numbers`, where these are given. */
  function wantedOf(collection: string | undefined, numbers: readonly number[] | undefined): Wanted {
    if (collection === undefined && !numbers) return undefined;
    const size = groups?.collectionOf.length ?? 0;
    const wanted = new Uint8Array(size);
    const home = collection === undefined ? undefined : (groups?.collections.indexOf(collection) ?? -1);
    const belongs = (group: number): boolean => home === undefined || groups?.collectionOf[group] === home;
    if (numbers) for (const group of numbers) wanted[group] = belongs(group) ? 1 : 0;
    else for (let group = 0; group < size; group++) wanted[group] = belongs(group) ? 1 : 0;
    return wanted;
  }

  /** What is known of a chunk that was found since `apply` was called last. */
  function hitOf({ id, place }: Found, score: number): IndexHit {
    const page = pages.get(Math.floor(place / PAGE_SLOTS));
    const slot = place % PAGE_SLOTS;
    return { id, document: page?.groups[slot] ?? -1, text: page?.texts[slot] ?? -1, score };
  }

  return { apply, revision: () => revision, keywords, nearest, wantedOf, hitOf };
}

const placeOf = ({ number }: PageView, slot: number): number => number * PAGE_SLOTS + slot;

/** Chunks that are gone count as long as their page is as it was. */
function countRuns(runs: ReadonlyMap<PageView, readonly Run[]>): number {
  let chunks = 0;
  for (const list of runs.values()) for (const { from, to } of list) chunks += to - from;
  return chunks;
}

/** Counts from 0. */
function counter(): () => number {
  let count = 0;
  return () => count++;
}

/** BM25's weight of a term that `having` of `all` have; as SQLite's, never below a millionth. */
function rarity(all: number, having: number): number {
  return Math.max(1e-6, Math.log((all - having + 0.5) / (having + 0.5)));
}

/** BM25's share of a term that stands `count` times in a text of so many tokens: from 0 to K1 + 1. */
function saturation(count: number, length: number, average: number): number {
  return (count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / average));
}
