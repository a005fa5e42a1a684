import { fuse, spread, type Fused } from '../src/ask/fuse.ts';
import type { SearchLists } from '../src/store/store.ts';
import { createCorpus, createRandom, createVectors } from './corpus.ts';

export const DIMENSIONS = 768;
/** Holds a tenth of the chunks. */
export const TENTH = 'tenth';
const QUERIES = 100;

/** What people type: words they know are there, and questions as they would ask a person. */
export const TEXTS = ['rare words', 'question'] as const;
export type TextKind = (typeof TEXTS)[number];

/** The same queries in every process. */
export function createQueries() {
  const corpus = createCorpus(2);
  const nextVector = createVectors(DIMENSIONS, 1000, createRandom(3));
  const topic = (at: number): number => (at * 7) % corpus.topics;
  return Array.from({ length: QUERIES }, (_, at) => ({
    'rare words': corpus.rareWords(topic(at)),
    question: corpus.question(topic(at)),
    vector: nextVector(),
  }));
}

/** What the service reads of both lists for ten passages. */
export function bestTen(lists: SearchLists): Fused[] {
  return spread(fuse(lists), 10, ({ hits }) => hits[0].document);
}
