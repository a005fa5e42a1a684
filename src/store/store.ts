import type { Chunk, DocumentFields, Passage } from '../document.ts';

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

export interface SearchQuery {
  /** The question as it was asked; the store's own tokenizer reads it, operators are text. */
  text: string;
  /** The question's vector and the identity of the model that made it. */
  vector?: { model: string; values: Float32Array };
  /** Only documents of this collection. */
  collection?: string;
  /** Only these documents, by their ids; none of them means no hits. */
  documents?: readonly string[];
  /** Length of each list, at most. */
  limit: number;
}

/** Both lists best first, unfused; each passage carries its own list's score and rank. */
export interface SearchLists {
  keyword: Passage[];
  vector: Passage[];
}

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
  totals(model?: string): Promise<Counts>;
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
  search(query: SearchQuery): Promise<SearchLists>;
  /** Forgets vectors that no chunk needs any more, and those of models that are neither in force nor `models`. */
  prune(models: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
