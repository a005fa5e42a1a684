import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { embeddingText, morePlace, type Chunk, type DocumentFields } from '../document.ts';
import type { Log } from '../log.ts';
import { reach } from '../points.ts';
import type { Connection, Database } from '../sqlite.ts';
import { createBatches } from './batches.ts';
import type { IndexChange } from './chunk-index.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { createEmbeddedSearch } from './embedded-search.ts';
import { PAGE_TABLES } from './kept-pages.ts';
import { ENGLISH, type Language } from './language.ts';
import { createLiveIndex, writeThrough } from './live-index.ts';
import { createMeanings } from './meanings.ts';
import { createIndexThreads } from './index-threads.ts';
import type { Counts, Store } from './store.ts';
import { mendTally, readTally, tallied, TALLY_TABLE } from './tally.ts';
import { vectorsOfDocument } from './vector-rows.ts';

/**
 * `entry` holds the fields of a document, `chunk` its passages, `vector` the embeddings by the hash of what was embedded:
 * a text that moves, is copied or comes back keeps its vector. `chunk.model` names the model of the chunk's vector,
 * null while it has none. The index that is searched follows from these; `PAGE_TABLES` keep what is costly of it.
 */
const SCHEMA = [
  `create table entry(
     document_id text primary key, uri text not null, title text not null, collection text not null
   ) without rowid;
   create table chunk(
     id integer primary key autoincrement, document_id text not null, collection text not null,
     ordinal integer not null, text text not null, span_start integer not null, span_end integer not null,
     page integer, headings text, first_line integer, last_line integer,
     embedding_key blob not null, model text
   );
   create unique index chunk_document on chunk(document_id, ordinal);
   create index chunk_key on chunk(embedding_key);
   create index chunk_unembedded on chunk(ordinal, id) where model is null;
   create index chunk_counted on chunk(document_id, model);
   create index chunk_model on chunk(model) where model is not null;
   create table vector(embedding_key blob not null, model text not null, data blob not null);
   create unique index vector_key on vector(embedding_key, model);`,
  `alter table chunk add column place text;`,
  `create index chunk_collection on chunk(collection);`,
  `create index vector_model on vector(model);`,
  `create table numbered_entry(
     number integer primary key autoincrement, document_id text unique not null,
     uri text not null, title text not null, collection text not null
   );
   insert into numbered_entry(document_id, uri, title, collection) select * from entry;
   drop table entry;
   alter table numbered_entry rename to entry;
   drop table if exists chunk_terms;
   ${PAGE_TABLES}`,
  TALLY_TABLE,
];

/** Chunks that have a vector of a model that is not in force. */
const EMBEDDED_BESIDE = `select count(*) as rows from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = ? where true`;

/** Threads that search at once; more than the cores would only wait for each other. */
const MOST_THREADS = 4;

/** The store in the service's own SQLite file, searched by threads of this process. */
export function createEmbeddedStore(database: Database, language = ENGLISH, log?: Log): Store {
  database.migrate('store', SCHEMA);
  const { read } = database;
  const threads = createIndexThreads(
    { path: database.path, size: Math.min(MOST_THREADS, availableParallelism()) },
    { changes: (since) => index.changes(since) },
  );
  const index = createLiveIndex(database, threads, language, log);
  const meanings = createMeanings(database, index);

  async function replace(document: DocumentFields, chunks: readonly Chunk[]): Promise<Counts> {
    await change(document.id, function* (connection, model) {
      const removed = yield* deleteChunks(connection, document.id);
      const number = putEntry(connection, document);
      reach('storing');
      return yield* insertChunks(connection, { document, number, model, removed, language }, chunks);
    });
    return count(document.id);
  }

  /** The fields are words of every chunk, so each gets a new row with a place of its own in the index. */
  function describe(document: DocumentFields): Promise<void> {
    return change(document.id, function* (connection, model) {
      const rows = connection.all<ChunkRow>(
        `select ${CHUNK_COLUMNS} from chunk where document_id = ? order by ordinal`,
        document.id,
      );
      const removed = yield* deleteChunks(connection, document.id);
      const number = putEntry(connection, document);
      return yield* insertChunks(
        connection,
        { document, number, model, removed, language },
        rows.map(toChunk),
      );
    });
  }

  function remove(documentId: string): Promise<void> {
    return change(documentId, function* (connection) {
      const removed = yield* deleteChunks(connection, documentId);
      connection.run('delete from entry where document_id = ?', documentId);
      return { removed };
    });
  }

  /** Writes rows, and brings the index in line as soon as they are committed. */
  async function change(
    documentId: string,
    work: (connection: Connection, model: string | undefined) => Generator<void, IndexChange>,
  ): Promise<void> {
    const model = meanings.model();
    await writeThrough(
      database,
      (connection) => tallied(connection, documentId, work(connection, model)),
      // Vectors of a model that is no longer in force stay out.
      ({ vectors = [], ...rest }) => index.publish(index.model() === model ? { ...rest, vectors } : rest),
    );
  }

  function count(documentId: string, model = meanings.model()): Promise<Counts> {
    const chunks = countRows('select count(*) as rows from chunk where document_id = ?', documentId);
    const vectors =
      model === meanings.model()
        ? countRows(
            'select count(*) as rows from chunk where document_id = ? and model = ?',
            documentId,
            model ?? null,
          )
        : countRows(`${EMBEDDED_BESIDE} and c.document_id = ?`, model ?? null, documentId);
    return Promise.resolve({ chunks, vectors });
  }

  async function totals(model = meanings.model()): Promise<Counts> {
    return (model === meanings.model() ? readTally(read, model) : undefined) ?? recount(model);
  }

  /** Two questions, each answered from an index alone; together they would read every row. */
  function recount(model = meanings.model()): Promise<Counts> {
    const chunks = countRows('select count(*) as rows from chunk');
    const vectors =
      model === meanings.model()
        ? countRows('select count(*) as rows from chunk where model = ?', model ?? null)
        : countRows(EMBEDDED_BESIDE, model ?? null);
    return Promise.resolve({ chunks, vectors });
  }

  const countRows = (sql: string, ...values: (string | null)[]): number =>
    read.get<{ rows: number }>(sql, ...values)?.rows ?? 0;

  return {
    replace,
    describe,
    remove,
    count,
    totals,
    recount,
    chunks: async (documentId, { offset, limit }) =>
      read
        .all<ChunkRow>(
          `select ${CHUNK_COLUMNS} from chunk where document_id = ? and ordinal >= ? and ordinal < ?
           order by ordinal`,
          documentId,
          offset,
          offset + limit,
        )
        .map(toChunk),
    unembedded: meanings.unembedded,
    putVectors: meanings.put,
    model: meanings.model,
    use: meanings.use,
    search: createEmbeddedSearch({ read, index, meanings, threads, language }),
    async prune(models) {
      await database.write((connection) => {
        connection.run('delete from vector where embedding_key not in (select embedding_key from chunk)');
        connection.run(
          'delete from vector where model not in (select value from json_each(?))',
          JSON.stringify([...models, meanings.model() ?? '']),
        );
        mendTally(connection);
      });
      await index.tidy();
    },
    async close() {
      // What the threads leave undone is no failure to an index that is closed.
      await Promise.all([index.close(), threads.close()]);
    },
  };
}

/** Returns the ids of the chunks that went. */
function* deleteChunks(connection: Connection, documentId: string): Generator<void, number[]> {
  const rows = connection.all<{ id: number }>('select id from chunk where document_id = ?', documentId);
  for (const { id } of rows) {
    connection.run('delete from chunk where id = ?', id);
    connection.run('insert or ignore into chunk_gone values (?)', id);
    yield;
  }
  return rows.map(({ id }) => id);
}

/** Gives the document's number, which it keeps. */
function putEntry(connection: Connection, document: DocumentFields): number {
  connection.run(
    `insert into entry(document_id, uri, title, collection) values (?, ?, ?, ?)
     on conflict(document_id) do update set uri = excluded.uri, title = excluded.title, collection = excluded.collection`,
    document.id,
    document.uri,
    document.title,
    document.collection,
  );
  const row = connection.get<{ number: number }>(
    'select number from entry where document_id = ?',
    document.id,
  );
  return row?.number ?? 0;
}

interface Insertion {
  document: DocumentFields;
  number: number;
  model: string | undefined;
  removed: readonly number[];
  language: Language;
}

/** Writes the chunks of a document, and gives what changes for searches. */
function* insertChunks(
  connection: Connection,
  { document, number, model, removed, language }: Insertion,
  chunks: readonly Chunk[],
): Generator<void, IndexChange> {
  const batches = createBatches(language);
  for (const chunk of chunks) {
    batches.add(insertChunk(connection, document, chunk, model), number, document, chunk);
    yield;
  }
  const added = batches.take();
  yield;
  const vectors = model === undefined ? [] : yield* vectorsOfDocument(connection, document.id, model);
  return { placed: [[number, document.collection]], removed, added, vectors };
}

function insertChunk(
  connection: Connection,
  document: DocumentFields,
  chunk: Chunk,
  model: string | undefined,
): number {
  const key = createHash('sha256').update(embeddingText(chunk)).digest();
  const { id } = connection.run(
    `insert into chunk(document_id, collection, ordinal, text, span_start, span_end, page, headings,
       first_line, last_line, place, embedding_key, model)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (select model from vector where embedding_key = ? and model = ?))`,
    document.id,
    document.collection,
    chunk.ordinal,
    chunk.text,
    chunk.span[0],
    chunk.span[1],
    chunk.page ?? null,
    chunk.headings ? JSON.stringify(chunk.headings) : null,
    chunk.lines?.[0] ?? null,
    chunk.lines?.[1] ?? null,
    placeJson(chunk),
    key,
    key,
    model ?? null,
  );
  return id;
}

function placeJson(chunk: Chunk): string | null {
  const place = morePlace(chunk);
  return Object.keys(place).length === 0 ? null : JSON.stringify(place);
}
