import type { Passage } from '../document.ts';
import type { Connection } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import type { Found } from './top-list.ts';
import { toVector } from './vector-rows.ts';

/** The vector of a question, and the model that made it. */
export interface QueryVector {
  model: string;
  values: Float32Array;
}

/** What is found in the index, best first. */
export interface FoundLists {
  keyword: Found[];
  /** With scores that are near the exact ones. */
  near: Found[];
}

/** The second half of a search: the rows of what was found. */
export interface ReadTask {
  ids: number[];
  /** Of these the dot product with the question's vector is wanted as the float32 rows have it. */
  near: ReadonlySet<number>;
  vector?: QueryVector;
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

/** Every chunk once, however many lists it is in. */
export function toRead({ keyword, near }: FoundLists, vector: QueryVector | undefined): ReadTask {
  const ids = new Set([...keyword, ...near].map(({ id }) => id));
  return { ids: [...ids], near: new Set(near.map(({ id }) => id)), ...(vector && { vector }) };
}

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

/** Without the candidates that turned out not to be among the nearest; what is left is what is sent. */
export function withoutFar(hits: readonly Hit[], keyword: readonly Found[], limit: number): Hit[] {
  const kept = new Set(keyword.map(({ id }) => id));
  for (const { id } of nearestOf(hits).slice(0, limit)) kept.add(id);
  return hits.filter(({ id }) => kept.has(id));
}

/** Those with a similarity, the greatest first. */
export function nearestOf(hits: readonly Hit[]): Found[] {
  return hits
    .flatMap(({ id, similarity }) => (similarity === undefined ? [] : [{ id, score: similarity }]))
    .sort(byScore);
}

/** Best first, ties by lower id. */
export function byScore(one: Found, other: Found): number {
  return other.score - one.score || one.id - other.id;
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
