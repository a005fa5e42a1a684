import type { Connection } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import type { FoundChunk, Hit, QueryVector } from './store.ts';
import { toVector } from './vector-rows.ts';

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');
const CHUNK = `select ${COLUMNS}, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id where c.id = ?`;
const VECTOR = `select v.data from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = ? where c.id = ?`;

/** The dot products of chunks' float32 rows with the question's vector; undefined when one of them is there no more. */
export function similarities(
  read: Connection,
  ids: readonly number[],
  { model, values }: QueryVector,
): number[] | undefined {
  const scores: number[] = [];
  // Without it every row would be a transaction of its own.
  read.run('begin');
  try {
    for (const id of ids) {
      const row = read.get<{ data: Uint8Array }>(VECTOR, model, id);
      if (!row) return undefined;
      scores.push(dot(toVector(row.data), values));
    }
    return scores;
  } finally {
    read.run('commit');
  }
}

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

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
