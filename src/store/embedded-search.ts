import { LimnerError } from '../errors.ts';
import { searchTerms, termKey } from './chunk-terms.ts';
import type { Language } from './language.ts';
import type { LiveIndex } from './live-index.ts';
import type { Meanings } from './meanings.ts';
import type { IndexThreads } from './index-threads.ts';
import { likelyTerms } from './spelling.ts';
import type { SearchLists, SearchQuery } from './store.ts';
import { checkVector } from './vector-space.ts';

/** A document that is written again and again while it is searched: so often a search begins anew. */
const TRIES = 20;

interface Parts {
  index: LiveIndex;
  meanings: Meanings;
  threads: IndexThreads;
  language: Language;
}

export function createEmbeddedSearch({ index, meanings, threads, language }: Parts) {
  /** The vector is asked only while its model is in force. */
  async function askable({ vector }: SearchQuery): Promise<SearchQuery['vector']> {
    if (!vector || !(await meanings.open(vector.model))) return undefined;
    const dimensions = index.dimensions();
    if (dimensions === undefined) return undefined;
    checkVector(vector.values, dimensions);
    return vector;
  }

  /** Throws a RangeError for a vector of another length than those of the model. */
  return async function search(query: SearchQuery): Promise<SearchLists> {
    await index.open();
    const { text, collection, documents, limit } = query;
    const keys = searchTerms(text, language).map(termKey);
    const likely = likelyTerms(text, language, (term) => index.hasTerm(termKey(term)));
    for (let tries = 0; tries < TRIES; tries++) {
      const vector = await askable(query);
      const lists = await threads.search({
        keys,
        likely: likely.map((terms) => [...terms].map(termKey)),
        limit,
        ...(vector && { vector }),
        ...(collection !== undefined && { collection }),
        ...(documents && { documents }),
      });
      if (lists) return lists;
    }
    throw new LimnerError(
      'store_unavailable',
      'The index names chunks whose rows are missing; start again to read it anew.',
    );
  };
}
