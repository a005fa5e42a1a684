import type { Passage } from '../document.ts';
import type { Connection } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { toVector } from './vector-rows.ts';

/** The second half of a search: the rows of what was found. */
export interface ReadTask {
  ids: number[];
  /** Of these the dot product with the question's vector is wanted as the float32 rows have it. */
  near: ReadonlySet<number>;
  vector?: { model: string; values: Float32Array };
}

/** A chunk that was found, without its place in a list. */
export interface Hit {
  id: number;
  passage: Omit<Passage, 'score' | 'ranks'>;
  /** The exact dot product, where it was wanted. */
  similarity?: number;
}

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');

/** Rows of one state of the database; undefined when that lacks one of them. */
export function readHits(read: Connection, { ids, near, vector }: ReadTask): Hit[] | undefined {
  const hits: Hit[] = [];
  read.run('begin');
  try {
    for (const id of ids) {
      const passage = passageOf(read, id);
      const values = vector && near.has(id) ? vectorOf(read, id, vector.model) : undefined;
      if (!passage || (vector && near.has(id) && !values)) return undefined;
      hits.push({ id, passage, ...(values && vector && { similarity: dot(values, vector.values) }) });
    }
    return hits;
  } finally {
    read.run('commit');
  }
}

function passageOf(read: Connection, id: number): Hit['passage'] | undefined {
  const row = read.get<ChunkRow & { uri: string; title: string }>(
    `select ${COLUMNS}, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id
     where c.id = ?`,
    id,
  );
  if (!row) return undefined;
  const { document_id, uri, title, collection } = row;
  return { ...toChunk(row), document: { id: document_id, uri, title, collection } };
}

function vectorOf(read: Connection, id: number, model: string): Float32Array | undefined {
  const row = read.get<{ data: Uint8Array }>(
    `select v.data from chunk c join vector v on v.embedding_key = c.embedding_key and v.model = ?
     where c.id = ?`,
    model,
    id,
  );
  return row && toVector(row.data);
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
