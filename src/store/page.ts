import { findTerm, type Segment } from './segment.ts';

/** Chunks that one page of the index holds. */
export const PAGE_SLOTS = 4096;

/**
 * A page of the chunk index as a searching thread gets it: every chunk has a slot. The shared lists only grow, and what
 * stands in a slot never changes, so a thread may read them while the owner adds; `live` and `has` are copies.
 */
export interface PageView {
  number: number;
  /** Slots in use. */
  used: number;
  /** 1 for a slot whose chunk is still there. */
  live: Uint8Array;
  ids: Float64Array<SharedArrayBuffer>;
  /** The number of the chunk's document. */
  groups: Int32Array<SharedArrayBuffer>;
  /** Tokens of the chunk in all fields. */
  lengths: Uint32Array<SharedArrayBuffer>;
  /** The key of the chunk's text (`termKey`): equal texts have equal keys. */
  texts: Float64Array<SharedArrayBuffer>;
  /** Inverted indexes of the slots from `base` on, each with slots from its base. */
  parts: readonly Part[];
  /** Where the vectors are, and which slots have one. */
  vectors?: { block: number; has: Uint8Array };
}

export interface Part {
  base: number;
  segment: Segment;
}

const LIST_BYTES = PAGE_SLOTS * 24;

/** What is known of each slot, in one shared buffer. */
function createLists(): Pick<PageView, 'ids' | 'groups' | 'lengths' | 'texts'> {
  const buffer = new SharedArrayBuffer(LIST_BYTES);
  return {
    ids: new Float64Array(buffer, 0, PAGE_SLOTS),
    groups: new Int32Array(buffer, PAGE_SLOTS * 8, PAGE_SLOTS),
    lengths: new Uint32Array(buffer, PAGE_SLOTS * 12, PAGE_SLOTS),
    texts: new Float64Array(buffer, PAGE_SLOTS * 16, PAGE_SLOTS),
  };
}

/** Their bytes, to be kept or to be filled. */
export const listBytes = ({ ids }: Pick<PageView, 'ids'>): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(ids.buffer);

/** A page as its owner keeps it. */
export interface Page extends PageView {
  parts: Part[];
  /** When it changed last. */
  revision: number;
  /** Slots whose chunks are still there, and slots that have a vector. */
  alive: number;
  embedded: number;
  /** The least and the greatest id. */
  span: [number, number];
}

export function createPage(number: number, revision: number): Page {
  return {
    ...createLists(),
    number,
    revision,
    used: 0,
    live: new Uint8Array(PAGE_SLOTS),
    parts: [],
    alive: 0,
    embedded: 0,
    span: [Infinity, -Infinity],
  };
}

/** What a thread needs of it. */
export const viewOf = ({
  number,
  used,
  live,
  ids,
  groups,
  lengths,
  texts,
  parts,
  vectors,
}: Page): PageView => ({
  number,
  used,
  live,
  ids,
  groups,
  lengths,
  texts,
  parts,
  ...(vectors && { vectors }),
});

/** Whether a chunk of the pages has the term, or had it lately. */
export function hasTerm(pages: readonly Pick<Page, 'parts'>[], key: number): boolean {
  return pages.some(({ parts }) => parts.some(({ segment }) => findTerm(segment, key) >= 0));
}
