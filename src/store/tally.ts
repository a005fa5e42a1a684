import type { Connection } from '../sqlite.ts';
import type { Counts } from './store.ts';

/** `model` and `vectors` are of the model in force; a chunk has no other (see `switchRows`). */
const RECOUNT = `insert or replace into tally
  select 1, (select count(*) from chunk), m.model, (select count(*) from chunk where model = m.model)
  from (select (select model from chunk where model is not null limit 1) as model) m`;

/** Counting every row takes 25 ms for 500 000, so the counts are kept, in one transaction with the rows. */
export const TALLY_TABLE = `create table tally(
   id integer primary key check (id = 1), chunks integer not null, model text, vectors integer not null
 );
 ${RECOUNT};`;

/** Undefined where the vectors that are kept count of are another model's. */
export function readTally(read: Connection, model: string | undefined): Counts | undefined {
  const kept = read.get<Counts & { model: string | null }>('select chunks, vectors, model from tally');
  if (!kept || (model !== undefined && model !== kept.model)) return undefined;
  return { chunks: kept.chunks, vectors: model === undefined ? 0 : kept.vectors };
}

/** Runs what changes the chunks of one document, and counts what it changed. */
export function* tallied<T>(
  connection: Connection,
  documentId: string,
  work: Generator<void, T>,
): Generator<void, T> {
  const before = countOf(connection, documentId);
  const result = yield* work;
  const after = countOf(connection, documentId);
  connection.run(
    'update tally set chunks = chunks + ?, vectors = vectors + ?',
    after.chunks - before.chunks,
    after.vectors - before.vectors,
  );
  return result;
}

export function addVectors(connection: Connection, count: number): void {
  if (count > 0) connection.run('update tally set vectors = vectors + ?', count);
}

/** Another model has come into force. */
export function retally(connection: Connection, model: string): void {
  connection.run(
    'update tally set model = ?, vectors = (select count(*) from chunk where model = ?)',
    model,
    model,
  );
}

/** Counts the rows, for what may have gone wrong in spite of all. */
export function mendTally(connection: Connection): void {
  connection.run(RECOUNT);
}

function countOf(connection: Connection, documentId: string): Counts {
  const sql = 'select count(*) as chunks, count(model) as vectors from chunk where document_id = ?';
  return connection.get<Counts>(sql, documentId) ?? { chunks: 0, vectors: 0 };
}
