import type { Connection } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import type { FoundChunk, Hit } from './store.ts';

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');
const CHUNK = `select ${COLUMNS}, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id where c.id = ?`;

/** Chunks by their ids, in one turn and so in one state of the database; undefined when it lacks one of them. */
export function readChunks(read: Connection, ids: readonly number[]): FoundChunk[] | undefined {
  const chunks: FoundChunk[] = [];
  for (const id of ids) {
    const row = read.get<ChunkRow & { uri: string; title: string }>(CHUNK, id);
    if (!row) return undefined;
    const { document_id, uri, title, collection } = row;
    chunks.push({ ...toChunk(row), document: { id: document_id, uri, title, collection } });
  }
  return chunks;
}

/** Best first, ties by lower id. */
export function byScore<H extends Hit & { id: number }>(one: H, other: H): number {
  return other.score - one.score || one.id - other.id;
}
