import { createBatches } from '../../src/store/batches.ts';
import { createChunkIndex, type ChunkIndex } from '../../src/store/chunk-index.ts';
import { createIndexReader } from '../../src/store/index-reader.ts';
import type { Chunk, DocumentFields } from '../../src/document.ts';

export interface SmallChunk {
  id: number;
  /** The number of its document. */
  group: number;
  text: string;
  title?: string;
  headings?: string[];
  vector?: Float32Array;
}

/** An index of some chunks, each added by a change of its own, and its reader in the same thread. */
export function createSmallIndex(chunks: readonly SmallChunk[], model?: string) {
  const index = createChunkIndex(() => Infinity);
  if (model !== undefined) index.useVectors(model);
  const reader = createIndexReader(0);
  for (const chunk of chunks) addChunk(index, chunk);
  let known = 0;
  const refresh = (): void => {
    const changes = index.changes(known);
    known = changes?.revision ?? known;
    // A thread gets copies, and so does this reader.
    reader.apply(structuredClone(changes));
  };
  refresh();
  return { index, reader, refresh };
}

export function addChunk(
  index: ChunkIndex,
  { id, group, text, title = '', headings, vector }: SmallChunk,
): void {
  const batches = createBatches();
  const fields: DocumentFields = { id: `d${group}`, uri: '', title, collection: `c${group % 2}` };
  const chunk: Chunk = { ordinal: 0, text, span: [0, text.length], ...(headings && { headings }) };
  batches.add(id, group, fields, chunk);
  index.publish({
    placed: [[group, fields.collection]],
    added: batches.take(),
    vectors: vector ? [{ id, vector }] : [],
  });
}
