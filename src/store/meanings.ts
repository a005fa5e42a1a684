import { setImmediate as nextTurn } from 'node:timers/promises';
import { embeddingText } from '../document.ts';
import type { Connection, Database } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import type { Unembedded } from './store.ts';
import { createVectorIndex, type VectorIndex } from './vector-index.ts';

/** The vectors of one model: their rows are the truth, an index in memory answers, loaded when first asked. */
export interface Meanings {
  /** The model whose vectors are in force; undefined before the first was named. */
  model(): string | undefined;
  /** The index of `model`; undefined when it has no vectors or another model is in force. */
  index(model: string): Promise<MeaningIndex | undefined>;
  unembedded(model: string, limit: number, except: ReadonlySet<string>): Promise<Unembedded[]>;
  put(model: string, vectors: readonly { chunkId: string; vector: Float32Array }[]): Promise<void>;
  /** Brings the index in line after a document's rows changed: `removed` chunks go, those it has now are in. */
  follow(documentId: string, removed: readonly number[]): void;
}

export interface MeaningIndex {
  vectors: VectorIndex;
  /** The numbers by which the index knows collections. */
  groups: ReadonlyMap<string, number>;
  add(id: number, collection: string, vector: Float32Array): void;
}

interface VectorRow {
  id: number;
  collection: string;
  data: Uint8Array;
}

/** Rows read between two turns of the event loop while the index is loaded. */
const LOAD_PAGE = 500;

/** Rows looked at between two turns while another model comes into force. */
const SWITCH_PAGE = 200;

const VECTOR_ROWS = `select c.id, c.collection, v.data from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = c.model where c.model = ?`;

export function createMeanings(database: Database): Meanings {
  const { read } = database;
  let model = read.get<{ model: string }>(
    'select model from chunk where model is not null and exists (select 1 from vector) limit 1',
  )?.model;
  let index: MeaningIndex | undefined;
  let loading: Promise<void> | undefined;
  let switching: Promise<void> = Promise.resolve();

  function forgetIndex(): void {
    index = undefined;
    loading = undefined;
  }

  /** Makes `next` the model in force: chunks whose text it has embedded before have their vectors at once. */
  async function useModel(next: string): Promise<void> {
    if (next !== model) {
      model = next;
      forgetIndex();
      switching = switchTo(next);
    }
    try {
      await switching;
    } catch (error) {
      if (model === next) model = undefined;
      throw error;
    }
  }

  /** What a search loads in the middle lacks the vectors that come back at the end. */
  async function switchTo(next: string): Promise<void> {
    await database.write((connection) => switchRows(connection, next));
    if (model === next) forgetIndex();
  }

  function add(row: VectorRow): void {
    const vector = toVector(row.data);
    index ??= createMeaningIndex(vector.length);
    index.add(row.id, row.collection, vector);
  }

  /** A page is read and added in one turn, so that nothing can change between the two. */
  async function load(wanted: string): Promise<void> {
    for (let after = 0; model === wanted; await nextTurn()) {
      const rows = read.all<VectorRow>(
        `${VECTOR_ROWS} and c.id > ? order by c.id limit ?`,
        wanted,
        after,
        LOAD_PAGE,
      );
      rows.forEach(add);
      const last = rows.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  return {
    model: () => model,
    async index(wanted) {
      if (wanted !== model) return undefined;
      try {
        await (loading ??= load(wanted));
      } catch (error) {
        forgetIndex();
        throw error;
      }
      return wanted === model ? index : undefined;
    },
    async unembedded(wanted, limit, except) {
      await useModel(wanted);
      // The model is there, so questions will come: the first should not wait until all vectors are read.
      (loading ??= load(wanted)).catch(forgetIndex);
      return firstUnembedded(read, limit, except);
    },
    async put(wanted, vectors) {
      if (wanted !== model) return;
      await database.write((connection) => putVectors(connection, wanted, vectors));
      if (!loading || wanted !== model) return;
      for (const { chunkId } of vectors)
        read.all<VectorRow>(`${VECTOR_ROWS} and c.id = ?`, wanted, Number(chunkId)).forEach(add);
    },
    follow(documentId, removed) {
      if (!loading || model === undefined) return;
      for (const id of removed) index?.vectors.remove(id);
      read.all<VectorRow>(`${VECTOR_ROWS} and c.document_id = ?`, model, documentId).forEach(add);
    },
  };
}

/** Row after row with turns between, since a change of the model may touch every chunk there is. */
function* switchRows(connection: Connection, model: string): Generator<void, void> {
  const last = connection.get<{ id: number | null }>('select max(id) as id from chunk')?.id ?? 0;
  const known = '(select v.model from vector v where v.embedding_key = chunk.embedding_key and v.model = ?)';
  for (let after = 0; after < last; after += SWITCH_PAGE) {
    connection.run(
      `update chunk set model = ${known} where id > ? and id <= ? and model is not ${known}`,
      model,
      after,
      after + SWITCH_PAGE,
      model,
    );
    yield;
  }
}

function createMeaningIndex(dimensions: number): MeaningIndex {
  const vectors = createVectorIndex({ dimensions });
  const groups = new Map<string, number>();
  return {
    vectors,
    groups,
    add(id, collection, vector) {
      const group = groups.get(collection) ?? groups.size;
      groups.set(collection, group);
      vectors.add(id, group, vector);
    },
  };
}

/** Every document gets its first chunks first, so that a small one does not wait behind a big one. */
function firstUnembedded(read: Connection, limit: number, except: ReadonlySet<string>): Unembedded[] {
  const found: Unembedded[] = [];
  const rows = read.all<ChunkRow & { document_id: string }>(
    `select ${CHUNK_COLUMNS} from chunk where model is null order by ordinal, id limit ?`,
    limit + except.size,
  );
  for (const row of rows) {
    if (found.length === limit) break;
    if (except.has(String(row.id))) continue;
    found.push({
      chunkId: String(row.id),
      documentId: row.document_id,
      text: embeddingText(toChunk(row)),
    });
  }
  return found;
}

/** Throws a RangeError for vectors of another length than those the model has already. */
function putVectors(
  connection: Connection,
  model: string,
  vectors: readonly { chunkId: string; vector: Float32Array }[],
): void {
  const known = connection.get<{ data: Uint8Array }>(`${VECTOR_ROWS} limit 1`, model);
  const bytes = known?.data.byteLength ?? vectors[0]?.vector.byteLength;
  for (const one of vectors) {
    if (one.vector.byteLength !== bytes)
      throw new RangeError(`A vector of ${model} has another length than those before it.`);
    putVector(connection, model, one);
  }
}

/** One vector serves every chunk with the same embedding text. */
function putVector(
  connection: Connection,
  model: string,
  { chunkId, vector }: { chunkId: string; vector: Float32Array },
): void {
  const row = connection.get<{ embedding_key: Uint8Array }>(
    'select embedding_key from chunk where id = ?',
    Number(chunkId),
  );
  if (!row) return;
  connection.run(
    'insert or replace into vector(embedding_key, model, data) values (?, ?, ?)',
    row.embedding_key,
    model,
    new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength),
  );
  connection.run('update chunk set model = ? where embedding_key = ?', model, row.embedding_key);
}

/** A row's bytes as float32, little-endian; copied, since a row's bytes need not be aligned. */
export function toVector(data: Uint8Array): Float32Array {
  return new Float32Array(data.slice().buffer);
}
