import { createHash } from 'node:crypto';
import { embeddingText, morePlace, type Chunk, type DocumentFields } from '../document.ts';
import type { Connection, Database } from '../sqlite.ts';
import { reach } from '../points.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { createEmbeddedSearch } from './embedded-search.ts';
import { createMeanings } from './meanings.ts';
import { createKeywordTable, indexText } from './keyword.ts';
import type { Counts, Store } from './store.ts';

/**
 * `entry` holds the fields of a document, `chunk` its passages, `chunk_terms` the full-text index of our own
 * tokens, `vector` the embeddings by the hash of what was embedded: a text that moves, is copied or comes
 * back keeps its vector. `chunk.model` names the model of the chunk's vector, null while it has none.
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
   ${createKeywordTable('chunk_terms')};
   create index chunk_counted on chunk(document_id, model);
   create index chunk_model on chunk(model) where model is not null;
   create table vector(embedding_key blob not null, model text not null, data blob not null);
   create unique index vector_key on vector(embedding_key, model);`,
  `alter table chunk add column place text;`,
  `create index chunk_collection on chunk(collection);`,
  `create index vector_model on vector(model);`,
];

/** Chunks that have a vector of a model that is not in force. */
const EMBEDDED_BESIDE = `select count(*) as rows from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = ? where true`;

/** The store in the service's own SQLite file, searched in this process. */
export function createEmbeddedStore(database: Database): Store {
  database.migrate('store', SCHEMA);
  const { read } = database;
  const meanings = createMeanings(database);

  async function replace(document: DocumentFields, chunks: readonly Chunk[]): Promise<Counts> {
    const model = meanings.model();
    const removed = await database.write(function* (connection) {
      const old = yield* deleteChunks(connection, document.id);
      putEntry(connection, document);
      reach('storing');
      for (const chunk of chunks) {
        insertChunk(connection, document, chunk, model);
        yield;
      }
      return old;
    });
    meanings.follow(document.id, removed);
    return count(document.id);
  }

  async function describe(document: DocumentFields): Promise<void> {
    await database.write(function* (connection) {
      putEntry(connection, document);
      const rows = connection.all<ChunkRow>(
        `select ${CHUNK_COLUMNS} from chunk where document_id = ? order by ordinal`,
        document.id,
      );
      for (const row of rows) {
        connection.run('update chunk set collection = ? where id = ?', document.collection, row.id);
        connection.run('delete from chunk_terms where rowid = ?', row.id);
        insertTerms(connection, row.id, document, toChunk(row));
        yield;
      }
    });
    meanings.follow(document.id, []);
  }

  async function remove(documentId: string): Promise<void> {
    const removed = await database.write(function* (connection) {
      const old = yield* deleteChunks(connection, documentId);
      connection.run('delete from entry where document_id = ?', documentId);
      return old;
    });
    meanings.follow(documentId, removed);
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

  /** Two questions, each answered from an index alone; together they would read every row. */
  function totals(model = meanings.model()): Promise<Counts> {
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
    chunks: async (documentId, { offset, limit }) =>
      read
        .all<ChunkRow>(
          `select ${CHUNK_COLUMNS} from chunk where document_id = ? order by ordinal limit ? offset ?`,
          documentId,
          limit,
          offset,
        )
        .map(toChunk),
    unembedded: meanings.unembedded,
    putVectors: meanings.put,
    model: meanings.model,
    use: meanings.use,
    search: createEmbeddedSearch(database, meanings),
    prune: (models) =>
      database.write((connection) => {
        connection.run('delete from vector where embedding_key not in (select embedding_key from chunk)');
        connection.run(
          'delete from vector where model not in (select value from json_each(?))',
          JSON.stringify([...models, meanings.model() ?? '']),
        );
      }),
    close: () => Promise.resolve(),
  };
}

/** Returns the ids of the chunks that went. */
function* deleteChunks(connection: Connection, documentId: string): Generator<void, number[]> {
  const rows = connection.all<{ id: number }>('select id from chunk where document_id = ?', documentId);
  for (const { id } of rows) {
    connection.run('delete from chunk_terms where rowid = ?', id);
    connection.run('delete from chunk where id = ?', id);
    yield;
  }
  return rows.map(({ id }) => id);
}

function putEntry(connection: Connection, document: DocumentFields): void {
  connection.run(
    'insert or replace into entry(document_id, uri, title, collection) values (?, ?, ?, ?)',
    document.id,
    document.uri,
    document.title,
    document.collection,
  );
}

function insertChunk(
  connection: Connection,
  document: DocumentFields,
  chunk: Chunk,
  model: string | undefined,
): void {
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
  insertTerms(connection, id, document, chunk);
}

function insertTerms(connection: Connection, id: number, document: DocumentFields, chunk: Chunk): void {
  connection.run(
    'insert into chunk_terms(rowid, title, path, headings, body) values (?, ?, ?, ?, ?)',
    id,
    indexText(document.title),
    // A file inside another is found by its own name as well.
    indexText([document.uri, chunk.member].filter(Boolean).join(' ')),
    indexText((chunk.headings ?? []).join(' ')),
    indexText(chunk.text),
  );
}

function placeJson(chunk: Chunk): string | null {
  const place = morePlace(chunk);
  return Object.keys(place).length === 0 ? null : JSON.stringify(place);
}
