import type { Passage } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { searchTerms, termKey } from './chunk-terms.ts';
import { byScore, nearestOf, toRead, type FoundLists, type Hit } from './hits.ts';
import type { Find, IndexThreads } from './index-threads.ts';
import type { Language } from './language.ts';
import type { LiveIndex } from './live-index.ts';
import type { Meanings } from './meanings.ts';
import { likelyTerms } from './spelling.ts';
import type { SearchLists, SearchQuery } from './store.ts';
import type { Found } from './top-list.ts';
import { checkVector } from './vector-space.ts';

/** A document that is written again and again while it is searched: so often a search begins anew. */
const TRIES = 20;

/** Candidates of the int8 scan that are scored again from their float32 rows. */
const rescored = (limit: number): number => Math.max(40, limit + 30);

/** Pages of vectors that are worth a thread of their own: about a millisecond. */
const PAGES_EACH = 4;

interface Parts {
  index: LiveIndex;
  meanings: Meanings;
  threads: IndexThreads;
  language: Language;
}

type Terms = Pick<Find, 'keys' | 'likely'>;

export function createEmbeddedSearch({ index, meanings, threads, language }: Parts) {
  /** The vector is asked only while its model is in force. */
  async function askable({ vector }: SearchQuery): Promise<SearchQuery['vector']> {
    if (!vector || !(await meanings.open(vector.model))) return undefined;
    const dimensions = index.dimensions();
    if (dimensions === undefined) return undefined;
    checkVector(vector.values, dimensions);
    return vector;
  }

  /** Undefined when a chunk that was found had gone before its row was read. */
  async function searchOnce(query: SearchQuery, terms: Terms): Promise<SearchLists | undefined> {
    const vector = await askable(query);
    const { collection, documents, limit } = query;
    const limits = { keyword: limit, near: rescored(limit) };
    const shares = vector ? Math.ceil(index.pageCount() / PAGES_EACH) : 1;
    const { parts, hits: known } = await threads.find(
      {
        ...terms,
        limits,
        ...(vector && { vector }),
        ...(collection !== undefined && { collection }),
        ...(documents && { documents }),
      },
      shares,
    );
    const found = joined(parts, limits.near);
    const hits = known ?? (await threads.read(toRead(found, vector)));
    return hits && toLists(hits, found.keyword, limit);
  }

  /** Throws a RangeError for a vector of another length than those of the model. */
  return async function search(query: SearchQuery): Promise<SearchLists> {
    await index.open();
    const { text } = query;
    const terms = {
      keys: searchTerms(text, language).map(termKey),
      likely: likelyTerms(text, language, (term) => index.hasTerm(termKey(term))).map((likely) =>
        [...likely].map(termKey),
      ),
    };
    for (let tries = 0; tries < TRIES; tries++) {
      const lists = await searchOnce(query, terms);
      if (lists) return lists;
    }
    throw new LimnerError(
      'store_unavailable',
      'The index names chunks whose rows are missing; start again to read it anew.',
    );
  };
}

/** One list of each kind from what the threads found. */
function joined(parts: readonly FoundLists[], limit: number): FoundLists {
  return {
    keyword: parts.flatMap(({ keyword }) => keyword),
    near: parts
      .flatMap(({ near }) => near)
      .sort(byScore)
      .slice(0, limit),
  };
}

function toLists(hits: readonly Hit[], keyword: readonly Found[], limit: number): SearchLists {
  const passages = new Map(hits.map(({ id, passage }) => [id, passage]));
  const vector = nearestOf(hits).slice(0, limit);
  const toPassages = (found: readonly Found[], list: keyof SearchLists): Passage[] =>
    found.flatMap(({ id, score }, position) => {
      const passage = passages.get(id);
      return passage ? [{ ...passage, score, ranks: { [list]: position + 1 } }] : [];
    });
  return { keyword: toPassages(keyword, 'keyword'), vector: toPassages(vector, 'vector') };
}
