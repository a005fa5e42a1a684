import { createHash } from 'node:crypto';
import type { Chunk, DocumentFields } from '../../src/document.ts';
import type { FoundChunk, Hit, SearchQuery, Store } from '../../src/store/store.ts';

/** Small documents, and vectors that need no model: the same text has the same vector everywhere. */

export const MODEL = 'fake:1';
const NOBODY: ReadonlySet<string> = new Set();

export function documentOf(fields: Partial<DocumentFields> = {}): DocumentFields {
  return { id: 'd1', uri: 'sea/log.txt', title: 'Log', collection: 'sea', ...fields };
}

/** One chunk per text, standing one after the other as in an extracted text. */
export function chunksOf(...texts: string[]): Chunk[] {
  let at = 0;
  return texts.map((text, ordinal) => {
    const start = at;
    at += text.length + 2;
    return { ordinal, text, span: [start, start + text.length] };
  });
}

/** A unit vector of 32 dimensions that depends on nothing but the text. */
export function vectorOf(text: string): Float32Array {
  const bytes = createHash('sha256').update(text).digest();
  const values = Float32Array.from(bytes, (byte) => byte - 127.5);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

export function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}

/** Gives every chunk its vector, as the embedding loop does, and returns how many had none. */
export async function embedAll(store: Store, model = MODEL): Promise<number> {
  let embedded = 0;
  for (;;) {
    const batch = await store.unembedded(model, 100, NOBODY);
    if (batch.length === 0) return embedded;
    await store.putVectors(
      model,
      batch.map(({ chunkId, text }) => ({ chunkId, vector: vectorOf(text) })),
    );
    embedded += batch.length;
  }
}

/** Both lists, each chunk read and with its score. */
export async function listsOf(
  store: Store,
  query: SearchQuery,
): Promise<Record<'keyword' | 'vector', (FoundChunk & { score: number })[]>> {
  const [keyword, vector] = await store.search(query, (lists) => [
    { hits: lists.keyword },
    { hits: lists.vector },
  ]);
  return { keyword: readOf(keyword), vector: readOf(vector) };
}

function readOf({ hits, chunks }: { hits: readonly Hit[]; chunks: FoundChunk[] } = { hits: [], chunks: [] }) {
  return chunks.map((chunk, at) => ({ ...chunk, score: hits[at]?.score ?? Number.NaN }));
}

export interface Found {
  keyword: string[];
  vector: string[];
}

/** Searches by the words, and by the vector of `meaning` where given; answers the texts found. */
export async function find(
  store: Store,
  text: string,
  {
    meaning,
    collection,
    documents,
    limit = 10,
  }: { meaning?: string; collection?: string | undefined; documents?: string[]; limit?: number } = {},
): Promise<Found> {
  const lists = await listsOf(store, {
    text,
    limit,
    ...(meaning !== undefined && { vector: { model: MODEL, values: vectorOf(meaning) } }),
    ...(collection !== undefined && { collection }),
    ...(documents && { documents }),
  });
  return { keyword: textsOf(lists.keyword), vector: textsOf(lists.vector) };
}

export function textsOf(passages: readonly { text: string }[]): string[] {
  return passages.map(({ text }) => text);
}

export function allChunks(store: Store, documentId = 'd1'): Promise<Chunk[]> {
  return store.chunks(documentId, { offset: 0, limit: 1000 });
}
