import { setImmediate as nextTurn } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import type { Connection } from '../sqlite.ts';
import { searchTerms, termKey } from './chunk-terms.ts';
import { byScore, readChunks } from './hits.ts';
import type { IndexHit } from './index-reader.ts';
import type { IndexThreads } from './index-threads.ts';
import type { Language } from './language.ts';
import type { LiveIndex } from './live-index.ts';
import type { Meanings } from './meanings.ts';
import { likelyTerms } from './spelling.ts';
import type { Choice, Chosen, SearchLists, SearchQuery, Store } from './store.ts';
import { checkVector } from './vector-space.ts';

/** A document that is written again and again while it is searched: so often a search begins anew. */
const TRIES = 20;

/** Candidates of the int8 scan that are scored again from their float32 rows. */
const rescored = (limit: number): number => Math.max(40, limit + 20);

/** Pages of vectors that are worth a thread of their own: a third of a millisecond, and as long for the rows of what is near. */
const PAGES_EACH = 2;

/** The question goes to its model first, which takes longest: its connection is looked at for one turn and written to in the next. */
async function sending(): Promise<void> {
  await nextTurn();
  await nextTurn();
}

interface Parts {
  read: Connection;
  index: LiveIndex;
  meanings: Meanings;
  threads: IndexThreads;
  language: Language;
}

/** What every part of a search says. */
interface Where {
  collection?: string;
  documents?: readonly string[];
}

export function createEmbeddedSearch({ read, index, meanings, threads, language }: Parts): Store['search'] {
  /** Words that no chunk holds are looked for as what may be meant. */
  async function keywords(
    { text, limit, vector }: SearchQuery,
    where: Where,
  ): Promise<IndexHit[] | undefined> {
    if (vector) await sending();
    const keys = searchTerms(text, language).map(termKey);
    const likely = likelyTerms(text, language, (term) => index.hasTerm(termKey(term))).map((terms) =>
      [...terms].map(termKey),
    );
    return keys.length + likely.length === 0 ? [] : threads.keywords({ keys, likely, limit, ...where });
  }

  /** The vector is asked only while its model is in force. */
  async function near({ limit, ...query }: SearchQuery, where: Where): Promise<IndexHit[] | undefined> {
    const vector = await query.vector;
    if (!vector || !(await meanings.open(vector.model))) return [];
    const dimensions = index.dimensions();
    if (dimensions === undefined) return [];
    checkVector(vector.values, dimensions);
    const most = Math.ceil(index.pageCount() / PAGES_EACH);
    const hits = await threads.near({ vector, limit: rescored(limit), ...where }, most);
    return hits?.sort(byScore).slice(0, limit);
  }

  /** Undefined when a chunk that was found had gone before its row was read. */
  async function searchOnce<C extends Choice>(
    query: SearchQuery,
    choose: (lists: SearchLists) => readonly C[],
  ): Promise<Chosen<C>[] | undefined> {
    const { collection, documents } = query;
    const where = { ...(collection !== undefined && { collection }), ...(documents && { documents }) };
    const [keyword, vector] = await Promise.all([keywords(query, where), near(query, where)]);
    return keyword && vector && readChoices(read, choose({ keyword, vector }));
  }

  return async function search(query, choose) {
    await index.open();
    for (let tries = 0; tries < TRIES; tries++) {
      const chosen = await searchOnce(query, choose);
      if (chosen) return chosen;
    }
    throw new LimnerError(
      'store_unavailable',
      'The index names chunks whose rows are missing; start again to read it anew.',
    );
  };
}

function readChoices<C extends Choice>(read: Connection, choices: readonly C[]): Chosen<C>[] | undefined {
  const chunks = readChunks(
    read,
    choices.flatMap(({ hits }) => hits.map(({ id }) => Number(id))),
  );
  return chunks && choices.map((choice) => ({ ...choice, chunks: chunks.splice(0, choice.hits.length) }));
}
