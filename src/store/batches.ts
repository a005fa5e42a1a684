import type { Chunk, DocumentFields } from '../document.ts';
import type { Batch } from './chunk-index.ts';
import { FIELD_WEIGHTS, termKey, termsOf } from './chunk-terms.ts';
import { ENGLISH, type Language } from './language.ts';
import { emptySegment, MOST_COUNTED, toPosting, type Segment } from './segment.ts';

/** Chunks in a batch at most: a batch that does not fit in a page leaves the rest of the page empty. */
const BATCH_CHUNKS = 256;

/** A posting and its term's number within the batch, in one number. */
const TERM_FACTOR = toPosting(BATCH_CHUNKS, 0);

/** Counts the terms of chunks, and makes an inverted index of every `BATCH_CHUNKS` of them. */
export function createBatches(language = ENGLISH) {
  const done: Batch[] = [];
  let batch = emptyBatch(language);

  function finish(): void {
    if (batch.ids.length === 0) return;
    const { ids, groups, lengths, texts, numbers, postings } = batch;
    done.push({ ids, groups, lengths, texts, segment: toSegment([...numbers.keys()], postings) });
    batch = emptyBatch(language);
  }

  return {
    /** A chunk with its row's id and the number of its document. */
    add(id: number, group: number, document: DocumentFields, chunk: Chunk): void {
      batch.lengths.push(count(batch, batch.ids.length, document, chunk));
      batch.ids.push(id);
      batch.groups.push(group);
      batch.texts.push(termKey(chunk.text));
      if (batch.ids.length === BATCH_CHUNKS) finish();
    },
    /** All batches since the last time; the last one may be small. */
    take(): Batch[] {
      finish();
      return done.splice(0);
    },
  };
}

interface Filling {
  language: Language;
  ids: number[];
  groups: number[];
  lengths: number[];
  texts: number[];
  /** Terms in the order in which they came. */
  numbers: Map<string, number>;
  postings: number[];
}

const emptyBatch = (language: Language): Filling => ({
  language,
  ids: [],
  groups: [],
  lengths: [],
  texts: [],
  numbers: new Map(),
  postings: [],
});

/** Adds the postings of one chunk; gives the number of its tokens. */
function count(
  { language, numbers, postings }: Filling,
  slot: number,
  document: DocumentFields,
  chunk: Chunk,
): number {
  const counts = new Map<number, number>();
  let length = 0;
  const add = (text: string, weight: number): void => {
    length += termsOf(
      text,
      (term) => {
        const number = numbers.get(term) ?? numbers.size;
        if (number === numbers.size) numbers.set(term, number);
        counts.set(number, (counts.get(number) ?? 0) + weight);
      },
      language,
    );
  };
  add(document.title, FIELD_WEIGHTS.title);
  // A file inside another is found by its own name as well.
  add(chunk.member === undefined ? document.uri : `${document.uri} ${chunk.member}`, FIELD_WEIGHTS.path);
  add((chunk.headings ?? []).join(' '), FIELD_WEIGHTS.headings);
  add(chunk.preface ?? '', FIELD_WEIGHTS.body);
  add(chunk.text, FIELD_WEIGHTS.body);
  for (const [number, times] of counts)
    postings.push(number * TERM_FACTOR + toPosting(slot, Math.min(MOST_COUNTED, times)));
  return length;
}

function toSegment(terms: readonly string[], postings: readonly number[]): Segment {
  const keys = terms.map(termKey);
  const segment = emptySegment(terms.length, postings.length);
  segment.terms.set(keys);
  segment.terms.sort();
  const ranks = new Map<number, number>();
  for (const [rank, key] of segment.terms.entries()) ranks.set(key, rank);
  const rankOf = keys.map((key) => ranks.get(key) ?? 0);
  const ends = segment.starts;
  for (const posting of postings) {
    const rank = rankOf[Math.floor(posting / TERM_FACTOR)] ?? 0;
    ends[rank + 1] = (ends[rank + 1] ?? 0) + 1;
  }
  for (let rank = 0; rank < terms.length; rank++) ends[rank + 1] = (ends[rank + 1] ?? 0) + (ends[rank] ?? 0);
  const next = ends.slice();
  for (const posting of postings) {
    const rank = rankOf[Math.floor(posting / TERM_FACTOR)] ?? 0;
    const at = next[rank] ?? 0;
    next[rank] = at + 1;
    segment.postings[at] = posting % TERM_FACTOR;
  }
  return segment;
}
