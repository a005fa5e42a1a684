import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Passage } from '../document.ts';
import type { QueryVector, SearchLists, SearchQuery, Store } from '../store/store.ts';
import { fuse, spread, toPassages, type Fused } from './fuse.ts';
import type { Rerank } from './rerank.ts';

/** What turns a question into a vector; `ready` is undefined while there is none. */
export interface QueryEmbedder {
  ready(): { identity: string } | undefined;
  query(text: string, signal: AbortSignal): Promise<Float32Array>;
}

export interface RetrieveQuery {
  text: string;
  collection?: string;
  /** Only these documents, by their ids. */
  documents?: readonly string[];
  /** Passages at most. */
  limit: number;
  /** One arm alone, to see what it does. */
  arm?: 'keyword' | 'vector';
}

export interface Retrieved {
  passages: Passage[];
  /** Which arms answered: keywords always, vectors when the embedder was there. */
  arms: { keyword: number; vector: number };
}

/** Both lists are read this deep before they are fused. */
const DEPTH = 50;

/** Longer questions are cut for the embedder, which has its own limit; keywords read more. */
const EMBED_CHARACTERS = 4000;

/** Takes from both lists what is to be read. */
type Choose = (lists: SearchLists) => Fused[];

export type Retrieve = ReturnType<typeof createRetrieve>;

/** Finds passages by keywords and, where an embedder is there, by meaning; without one it still answers. */
export function createRetrieve({
  store,
  embedder,
  rerank,
  keywordShare,
  log,
}: {
  store: Store;
  embedder: QueryEmbedder;
  /** The second stage, where there is one. */
  rerank?: Rerank | undefined;
  /** Share of the keywords in the fused list; the same as that of the vectors when left out. */
  keywordShare?: number;
  log: Log;
}) {
  async function embed(text: string, signal: AbortSignal): Promise<QueryVector | undefined> {
    const model = embedder.ready()?.identity;
    if (model === undefined || text.trim() === '') return undefined;
    try {
      return { model, values: await embedder.query(text.slice(0, EMBED_CHARACTERS), signal) };
    } catch (error) {
      if (signal.aborted || !(error instanceof LimnerError)) throw error;
      log.warn({ code: error.code, reason: messageOf(error) }, 'searching by keywords only');
      return undefined;
    }
  }

  /** A vector that does not fit the index says that the embedder is another one than it was; keywords still answer. */
  async function search(query: SearchQuery, choose: Choose): Promise<Passage[]> {
    try {
      return toPassages(await store.search(query, choose));
    } catch (error) {
      if (!(error instanceof RangeError) || !query.vector) throw error;
      log.error({ reason: error.message }, 'searching by keywords only');
      const { vector: _vector, ...words } = query;
      return toPassages(await store.search(words, choose));
    }
  }

  return async function retrieve(query: RetrieveQuery, signal: AbortSignal): Promise<Retrieved> {
    const { text, arm, limit, collection, documents } = query;
    const second = arm === undefined ? rerank : undefined;
    const vector = arm === 'keyword' ? undefined : embed(text, signal);
    // A store that fails does not ask for it any more.
    vector?.catch(() => undefined);
    let arms = { keyword: 0, vector: 0 };
    const passages = await search(
      {
        text: arm === 'vector' ? '' : text,
        limit: Math.max(DEPTH, limit),
        ...(vector && { vector }),
        ...(collection !== undefined && { collection }),
        ...(documents && { documents }),
      },
      (lists) => {
        arms = { keyword: lists.keyword.length, vector: lists.vector.length };
        const fused = fuse(lists, keywordShare);
        return second ? fused : spread(fused, limit, ({ hits }) => hits[0].document);
      },
    );
    return {
      passages: second
        ? spread(await second(text, passages, signal), limit, ({ document }) => document.id)
        : passages,
      arms,
    };
  };
}
