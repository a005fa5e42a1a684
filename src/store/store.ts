import type { Chunk, DocumentFields } from '../document.ts';

/** How much of a document, or of everything, is in the store. */
export interface Counts {
  chunks: number;
  vectors: number;
}

/** A chunk that has no vector of the asked model yet. `text` is what to embed. */
export interface Unembedded {
  chunkId: string;
  documentId: string;
  text: string;
}

/** The vector of a question, and the identity of the model that made it. */
export interface QueryVector {
  model: string;
  values: Float32Array;
}

export interface SearchQuery {
  /** The question as it was asked; the store's own tokenizer reads it, operators are text. */
  text: string;
  /** May still be on its way: words are looked for meanwhile where the store can. */
  vector?: QueryVector | Promise<QueryVector | undefined>;
  /** Only documents of this collection. */
  collection?: string;
  /** Only these documents, by their ids; none of them means no hits. */
  documents?: readonly string[];
  /** Length of each list, at most. */
  limit: number;
}

/** A chunk in a list, before it is read. */
export interface Hit {
  /** Its name in its store. */
  id: number | string;
  /** The same for chunks of one document and no others. */
  document: number | string;
  /** The same for equal texts and no others. */
  text: number | string;
  /** BM25 with its document's share, or the cosine. */
  score: number;
}

/** Both lists best first, unfused. */
export interface SearchLists {
  keyword: Hit[];
  vector: Hit[];
}

/** Hits to be read together. */
export interface Choice {
  hits: readonly Hit[];
}

/** A chunk as it was read. */
export interface FoundChunk extends Chunk {
  document: DocumentFields;
}

/** What was chosen, with its chunks in the order of its hits. */
export type Chosen<C extends Choice> = C & { chunks: FoundChunk[] };

/**
 * Where chunks and vectors live. Every verb may be repeated: the second time changes nothing.
 * Each resolves only when its effect is durable and visible to searches.
 * Fails with `store_unavailable` or `disk_full`, and then nothing of the verb is kept.
 */
export interface Store {
  /**
   * Makes `chunks` the only chunks of the document, in one step: a search sees all of the old or all of the
   * new. Chunks whose embedding text is already known keep its vector, whatever document it came from.
   */
  replace(document: DocumentFields, chunks: readonly Chunk[]): Promise<Counts>;
  /** Changes the fields of a document, for a move; its chunks and vectors stay. */
  describe(document: DocumentFields): Promise<void>;
  remove(documentId: string): Promise<void>;
  /** Counted in the store itself, with vectors of `model` only. */
  count(documentId: string, model?: string): Promise<Counts>;
  /** The store may keep these counts, in one step with what they count. */
  totals(model?: string): Promise<Counts>;
  /** The same, counted anew, to see whether what is kept is right. */
  recount(): Promise<Counts>;
  /** Chunks of one document in their order. */
  chunks(documentId: string, page: { offset: number; limit: number }): Promise<Chunk[]>;
  /** The model whose vectors answer; undefined before the first was named. */
  model(): string | undefined;
  /** Puts the vectors of another model in force, in one step; those of the old one are kept. */
  use(model: string): Promise<void>;
  /**
   * Up to `limit` chunks without a vector of `model`, leaving out `except`. A model comes into force by being asked
   * for where none is, or none has vectors; otherwise its vectors are built beside those in force.
   */
  unembedded(model: string, limit: number, except: ReadonlySet<string>): Promise<Unembedded[]>;
  /** Vectors are L2-normalised; a chunk that is gone by now is passed over. */
  putVectors(model: string, vectors: readonly { chunkId: string; vector: Float32Array }[]): Promise<void>;
  /**
   * Reads what `choose` takes from the lists, all of it as it is in one state. `choose` is asked again when a chunk was
   * written anew meanwhile. Throws a RangeError for a vector of another length than those of the model.
   */
  search<C extends Choice>(
    query: SearchQuery,
    choose: (lists: SearchLists) => readonly C[],
  ): Promise<Chosen<C>[]>;
  /** Forgets vectors that no chunk needs any more, and those of models that are neither in force nor `models`. */
  prune(models: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
