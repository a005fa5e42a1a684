import { embeddingText } from '../document.ts';
import type { Connection } from '../sqlite.ts';
import type { ChunkVector } from './chunk-index.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { toVector } from './similarities.ts';
import type { Unembedded } from './store.ts';
import { addVectors, retally } from './tally.ts';

/** Rows looked at between two turns while another model comes into force. */
const SWITCH_PAGE = 200;

/** Row after row with turns between, since a change of the model may touch every chunk there is. */
export function* switchRows(connection: Connection, model: string): Generator<void, void> {
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
  retally(connection, model);
}

type UnembeddedRow = ChunkRow & { document_id: string };

const toUnembedded = (row: UnembeddedRow): Unembedded => ({
  chunkId: String(row.id),
  documentId: row.document_id,
  text: embeddingText(toChunk(row)),
});

/** Every document gets its first chunks first, so that a small one does not wait behind a big one. */
export function firstUnembedded(read: Connection, limit: number, except: ReadonlySet<string>): Unembedded[] {
  const rows = read.all<UnembeddedRow>(
    `select ${CHUNK_COLUMNS} from chunk where model is null order by ordinal, id limit ?`,
    limit + except.size,
  );
  return rows
    .filter(({ id }) => !except.has(String(id)))
    .slice(0, limit)
    .map(toUnembedded);
}

/** Chunks after `after`, by their id, that have no vector of a model that is not in force. */
export function unembeddedBeside(
  read: Connection,
  model: string,
  after: number,
  limit: number,
): Unembedded[] {
  return read
    .all<UnembeddedRow>(
      `select ${CHUNK_COLUMNS} from chunk where id > ? and not exists (
         select 1 from vector v where v.embedding_key = chunk.embedding_key and v.model = ?)
       order by id limit ?`,
      after,
      model,
      limit,
    )
    .map(toUnembedded);
}

/**
 * Keeps vectors; with `inForce` their chunks have them at once. Gives every chunk that has one now: those with the same
 * text, too. Throws a RangeError for vectors of another length than those the model has already.
 */
export function putVectors(
  connection: Connection,
  model: string,
  vectors: readonly { chunkId: string; vector: Float32Array }[],
  inForce: boolean,
): ChunkVector[] {
  const known = connection.get<{ data: Uint8Array }>(
    'select data from vector indexed by vector_model where model = ? limit 1',
    model,
  );
  const bytes = known?.data.byteLength ?? vectors[0]?.vector.byteLength;
  return vectors.flatMap((one) => {
    if (one.vector.byteLength !== bytes)
      throw new RangeError(`A vector of ${model} has another length than those before it.`);
    return putVector(connection, model, one, inForce);
  });
}

/** One vector serves every chunk with the same embedding text. */
function putVector(
  connection: Connection,
  model: string,
  { chunkId, vector }: { chunkId: string; vector: Float32Array },
  inForce: boolean,
): ChunkVector[] {
  const row = connection.get<{ embedding_key: Uint8Array }>(
    'select embedding_key from chunk where id = ?',
    Number(chunkId),
  );
  if (!row) return [];
  connection.run(
    'insert or replace into vector(embedding_key, model, data) values (?, ?, ?)',
    row.embedding_key,
    model,
    new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength),
  );
  if (inForce) addVectors(connection, nameModel(connection, model, row.embedding_key));
  return connection
    .all<{ id: number }>('select id from chunk where embedding_key = ?', row.embedding_key)
    .map(({ id }) => ({ id, vector }));
}

/** Gives how many chunks have a vector now that had none. */
function nameModel(connection: Connection, model: string, key: Uint8Array): number {
  const sql = 'update chunk set model = ? where embedding_key = ? and model is not ?';
  return connection.run(sql, model, key, model).changes;
}

/** Vectors that chunks of a document have already, since their texts were embedded before. */
export function* vectorsOfDocument(
  connection: Connection,
  documentId: string,
  model: string,
): Generator<void, ChunkVector[]> {
  const ids = connection.all<{ id: number }>(
    'select id from chunk where document_id = ? and model = ?',
    documentId,
    model,
  );
  const vectors: ChunkVector[] = [];
  for (const { id } of ids) {
    const row = connection.get<{ data: Uint8Array }>(
      `select v.data from chunk c join vector v on v.embedding_key = c.embedding_key and v.model = c.model
       where c.id = ?`,
      id,
    );
    if (row) vectors.push({ id, vector: toVector(row.data) });
    yield;
  }
  return vectors;
}
