/**
 * An inverted index of the chunks in some places of one page, never changed once it is made. All of it is in one shared
 * buffer, so that threads read the same bytes. Term `t` stands at `from = starts[t]` up to `starts[t + 1]` in `postings`;
 * terms ascend, and so do the slots of a term.
 */
export interface Segment {
  terms: Float64Array<SharedArrayBuffer>;
  starts: Uint32Array<SharedArrayBuffer>;
  /** A chunk's place in the page, from 0 to 4095, times 16, and the weighted count of the term there, from 1 to 15. */
  postings: Uint16Array<SharedArrayBuffer>;
}

/** Beyond this a count makes hardly a difference to a score that saturates: docs/decisions/0007-chunk-index.md. */
export const MOST_COUNTED = 15;

export const toPosting = (slot: number, count: number): number => slot * 16 + count;

const HEAD_BYTES = 8;

/** Where the parts of a segment of so many terms and postings stand in its buffer. */
function layOut(buffer: SharedArrayBuffer, terms: number, postings: number): Segment {
  const starts = HEAD_BYTES + terms * 8;
  return {
    terms: new Float64Array(buffer, HEAD_BYTES, terms),
    starts: new Uint32Array(buffer, starts, terms + 1),
    postings: new Uint16Array(buffer, starts + (terms + 1) * 4, postings),
  };
}

/** Room for so many, all zero. */
export function emptySegment(terms: number, postings: number): Segment {
  const buffer = new SharedArrayBuffer(HEAD_BYTES + terms * 12 + 4 + postings * 2);
  new Uint32Array(buffer, 0, 2).set([terms, postings]);
  return layOut(buffer, terms, postings);
}

/** A segment's bytes, to be kept, and the segment that they are. */
export const segmentBytes = ({ terms }: Segment): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(terms.buffer);

export function segmentOf(bytes: Uint8Array<SharedArrayBuffer>): Segment {
  const [terms = 0, postings = 0] = new Uint32Array(bytes.buffer, 0, 2);
  return layOut(bytes.buffer, terms, postings);
}

/** A segment with the new slot of each of its slots, in the same order; -1 for one that is left out. */
export interface MovedSegment {
  segment: Segment;
  slots: Int32Array;
}

/** One segment from several, in the order of their new slots. */
export function mergeSegments(moved: readonly MovedSegment[]): Segment {
  const segments = moved.map(({ segment }) => segment);
  const merged = emptySegment(
    segments.reduce((sum, { terms }) => sum + terms.length, 0),
    segments.reduce((sum, { postings: { length } }) => sum + length, 0),
  );
  const next = segments.map(() => 0);
  let terms = 0;
  let postings = 0;
  for (let term = lowestTerm(segments, next); term !== Infinity; term = lowestTerm(segments, next)) {
    for (const [at, one] of moved.entries()) {
      const index = next[at] ?? 0;
      if (one.segment.terms[index] !== term) continue;
      next[at] = index + 1;
      postings = copyPostings(one, index, merged, postings);
    }
    if (postings === (merged.starts[terms] ?? 0)) continue;
    merged.terms[terms++] = term;
    merged.starts[terms] = postings;
  }
  return shrink(merged, terms, postings);
}

function lowestTerm(segments: readonly Segment[], next: readonly number[]): number {
  let lowest = Infinity;
  for (let at = 0; at < segments.length; at++) {
    const term = segments[at]?.terms[next[at] ?? 0];
    if (term !== undefined && term < lowest) lowest = term;
  }
  return lowest;
}

/** Gives where the next posting goes. */
function copyPostings({ segment, slots }: MovedSegment, term: number, into: Segment, at: number): number {
  let end = at;
  const last = segment.starts[term + 1] ?? 0;
  for (let from = segment.starts[term] ?? 0; from < last; from++) {
    const posting = segment.postings[from] ?? 0;
    const slot = slots[posting >>> 4] ?? -1;
    if (slot >= 0) into.postings[end++] = toPosting(slot, posting & 15);
  }
  return end;
}

function shrink(segment: Segment, terms: number, postings: number): Segment {
  const exact = emptySegment(terms, postings);
  exact.terms.set(segment.terms.subarray(0, terms));
  exact.starts.set(segment.starts.subarray(0, terms + 1));
  exact.postings.set(segment.postings.subarray(0, postings));
  return exact;
}

/** Where `term` stands in the segment, -1 when it does not. */
export function findTerm({ terms }: Segment, term: number): number {
  let low = 0;
  let high = terms.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = terms[middle] ?? 0;
    if (found === term) return middle;
    if (found < term) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
