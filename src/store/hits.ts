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
const ENTRY = 'join entry e on e.document_id = c.document_id';
const VECTOR = 'join vector v on v.embedding_key = c.embedding_key and v.model = ?';
const PLAIN = `select ${COLUMNS}, e.uri, e.title from chunk c ${ENTRY} where c.id = ?`;
const WITH_VECTOR = `select ${COLUMNS}, e.uri, e.title, v.data from chunk c ${ENTRY} ${VECTOR} where c.id = ?`;

type HitRow = ChunkRow & { uri: string; title: string; data?: Uint8Array };

/** Rows of one state of the database; undefined when that lacks one of them. */
export function readHits(read: Connection, { ids, near, vector }: ReadTask): Hit[] | undefined {
  const hits: Hit[] = [];
  read.run('begin');
  try {
    for (const id of ids) {
      const row =
        vector && near.has(id)
          ? read.get<HitRow>(WITH_VECTOR, vector.model, id)
          : read.get<HitRow>(PLAIN, id);
      if (!row) return undefined;
      hits.push(toHit(row, vector?.values));
    }
    return hits;
  } finally {
    read.run('commit');
  }
}

function toHit(row: HitRow, vector: Float32Array | undefined): Hit {
  const { id, document_id, uri, title, collection, data } = row;
  const passage = { ...toChunk(row), document: { id: document_id, uri, title, collection } };
  return { id, passage, ...(data && vector && { similarity: dot(toVector(data), vector) }) };
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
