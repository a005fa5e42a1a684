import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { DocumentFields, DocumentState } from '../document.ts';
import { LimnerError, type ErrorCode } from '../errors.ts';
import type { Connection, Database } from '../sqlite.ts';
import { conditionOf, metadataKeysOf, type Filter, type Metadata } from './filter.ts';
import { listDocuments, type DocumentFilter } from './ledger-list.ts';
import { fromRow, WITHIN, within, type LedgerRow } from './ledger-row.ts';

/** One row per file or upload, from first sight: the ledger. Counts are read back from the store. */
export interface LedgerDocument {
  id: string;
  source: 'inbox' | 'upload';
  /** Path relative to the inbox with `/`, or the sender's `external_id`. Unique within its source. */
  uri: string;
  /** The path's own bytes, relative to the inbox; a name need not be UTF-8. */
  path: Uint8Array;
  title: string;
  collection: string;
  state: DocumentState;
  error: { code: ErrorCode; message: string } | null;
  warnings: string[];
  bytes: number;
  pages: number | null;
  /** Pages whose text was read from pictures, and the mean confidence of that, 0 to 100. */
  ocr_pages: number | null;
  ocr_confidence: number | null;
  chunks: number;
  vectors: number;
  /** SHA-256 of the content last taken, hex. */
  hash: string | null;
  /** Counts the contents that were taken, from 1; 0 before the first. */
  revision: number;
  /** What `lstat` said of the content last taken. */
  signature: string | null;
  /** Versions of what made the chunks; another recipe means the document is made again. */
  recipe: string | null;
  processor: string | null;
  /** What its sender or its folder's policy says of it. */
  metadata: Metadata;
  tags: string[];
  created_at: string;
  updated_at: string;
}

/** What a finished job says of a document. */
export type Outcome = Partial<Omit<LedgerDocument, 'id' | 'source' | 'created_at' | 'updated_at'>> & {
  state: DocumentState;
};

const SCHEMA = [
  `create table document(
     id text primary key, source text not null, uri text not null, path blob not null, title text not null,
     collection text not null, state text not null, error_code text, error_message text,
     warnings text not null default '[]', bytes integer not null default 0, pages integer,
     chunks integer not null default 0, vectors integer not null default 0, hash text,
     revision integer not null default 0, signature text, recipe text, processor text,
     created_at text not null, updated_at text not null
   ) without rowid;
   create unique index document_uri on document(source, uri);
   create index document_state on document(state, id);
   create index document_hash on document(hash);`,
  `alter table document add column metadata text not null default '{}';
   alter table document add column tags text not null default '[]';`,
  `alter table document add column ocr_pages integer;
   alter table document add column ocr_confidence real;`,
  `create index document_collection on document(collection, state);`,
  `create index document_updated on document(updated_at, id);`,
];

export type Catalogue = ReturnType<typeof createCatalogue>;

export function createCatalogue(database: Database) {
  database.migrate('catalogue', SCHEMA);
  const { read } = database;
  const changes = new EventEmitter<{ change: [document: LedgerDocument] }>();
  changes.setMaxListeners(0); // one per reader of events

  const one = (where: string, ...values: (string | number)[]): LedgerDocument | undefined =>
    fromRow(read.get<LedgerRow>(`select * from document where ${where}`, ...values));

  function announce(id: string): void {
    const document = one('id = ?', id);
    if (document) changes.emit('change', document);
  }

  /** Writes, and tells who listens after the commit. */
  async function change(id: string, work: (connection: Connection) => void): Promise<void> {
    await database.write(work);
    announce(id);
  }

  /** Of all collections, or of these. */
  function countByState(collections?: readonly string[]): Map<DocumentState, number> {
    const rows = read.all<{ state: DocumentState; count: number }>(
      `select state, count(*) as count from document where ${WITHIN} group by state`,
      ...within(collections),
    );
    return new Map(rows.map(({ state, count }) => [state, count]));
  }

  return {
    changes,
    get: (id: string) => one('id = ?', id),
    /** The same inside a transaction, with what others wrote in it before. */
    read: (connection: Connection, id: string) =>
      fromRow(connection.get<LedgerRow>('select * from document where id = ?', id)),
    find: (source: LedgerDocument['source'], uri: string) => one('source = ? and uri = ?', source, uri),

    list: (filter: DocumentFilter): LedgerDocument[] =>
      listDocuments(read, filter).flatMap((row) => fromRow(row) ?? []),

    /** Ids of the documents, of these collections, that a filter fits. Throws `invalid_request` for a key that none has. */
    matching(filter: Filter, collections?: readonly string[]): string[] {
      const { sql, values } = conditionOf(filter);
      for (const key of metadataKeysOf(filter)) {
        const known = read.get(
          `select 1 from document, json_each(metadata) where key = ? and ${WITHIN} limit 1`,
          key,
          ...within(collections),
        );
        if (!known)
          throw new LimnerError('invalid_request', `No document has the field ${key}.`, { param: 'filter' });
      }
      const rows = read.all<{ id: string }>(
        `select id from document where state != 'gone' and ${WITHIN} and ${sql}`,
        ...within(collections),
        ...values,
      );
      return rows.map(({ id }) => id);
    },

    countByState,

    /** Chunks and vectors of these collections, as the ledger counts them. */
    totalsOf: (collections: readonly string[]) =>
      read.get<{ chunks: number; vectors: number }>(
        `select coalesce(sum(chunks), 0) as chunks, coalesce(sum(vectors), 0) as vectors from document
         where state = 'searchable' and ${WITHIN}`,
        ...within(collections),
      ) ?? { chunks: 0, vectors: 0 },

    /** Chunks of all documents, as the ledger counts them. */
    totalChunks: (): number =>
      read.get<{ chunks: number }>('select coalesce(sum(chunks), 0) as chunks from document')?.chunks ?? 0,

    /** What was sent and is not gone. */
    uploadRows: () =>
      read.all<Pick<LedgerRow, 'id' | 'state' | 'signature' | 'recipe'>>(
        `select id, state, signature, recipe from document where source = 'upload' and state != 'gone'`,
      ),

    /** What a collection holds, by state; `last` is when one of them changed last. */
    tally: (collection: string) =>
      read.all<{ state: DocumentState; count: number; bytes: number; last: string }>(
        `select state, count(*) as count, sum(bytes) as bytes, max(updated_at) as last from document
         where collection = ? and state != 'gone' group by state`,
        collection,
      ),

    /** How much of what is known can be found: an answer says when it came from a part. */
    coverage(collections?: readonly string[]): { searchable: number; pending: number; failed: number } {
      const counts = countByState(collections);
      const of = (...states: DocumentState[]): number =>
        states.reduce((sum, state) => sum + (counts.get(state) ?? 0), 0);
      return {
        searchable: of('searchable', 'empty'),
        pending: of('seen', 'waiting', 'working'),
        failed: of('failed'),
      };
    },

    countByError(collections?: readonly string[]): Record<string, number> {
      const rows = read.all<{ error_code: string; count: number }>(
        `select error_code, count(*) as count from document where state = 'failed' and ${WITHIN} group by error_code`,
        ...within(collections),
      );
      return Object.fromEntries(rows.map((row) => [row.error_code, row.count]));
    },

    collections: () =>
      read
        .all<{ collection: string }>(
          `select distinct collection from document where state != 'gone' order by collection`,
        )
        .map((row) => row.collection),

    /** Documents of the inbox that are not gone. */
    countInbox: (): number =>
      read.get<{ count: number }>(
        `select count(*) as count from document where source = 'inbox' and state != 'gone'`,
      )?.count ?? 0,

    /** What a scan compares the folder with: every inbox document that is not gone. */
    inboxRows: () =>
      read.all<Pick<LedgerRow, 'id' | 'uri' | 'path' | 'signature' | 'recipe' | 'state'>>(
        `select id, uri, path, signature, recipe, state from document where source = 'inbox' and state != 'gone'`,
      ),

    /** Other documents of the inbox with this content. */
    withHash(hash: string, except: string): LedgerDocument[] {
      const rows = read.all<LedgerRow>(
        `select * from document where hash = ? and id != ? and source = 'inbox' order by updated_at desc`,
        hash,
        except,
      );
      return rows.flatMap((row) => fromRow(row) ?? []);
    },

    /** Documents that were read from this content. */
    ofContent: (hash: string): { id: string }[] =>
      read.all<{ id: string }>(
        `select id from document where hash = ? and state in ('searchable', 'empty')`,
        hash,
      ),

    /** Ids of documents with fewer vectors than chunks. */
    lackingVectors: () =>
      read
        .all<{ id: string }>(`select id from document where state = 'searchable' and vectors < chunks`)
        .map(({ id }) => id),

    /** Whether a file of this size was seen and not taken yet: it may be where a missing one went. */
    hasUntaken: (bytes: number) =>
      read.get(
        `select 1 from document where source = 'inbox' and bytes = ? and state in ('seen', 'waiting', 'working')
         and hash is null`,
        bytes,
      ) !== undefined,

    /** The row of a document, made at first sight; a `gone` one comes back as `seen`. Inside a transaction. */
    see(
      connection: Connection,
      fields: Pick<LedgerDocument, 'source' | 'uri' | 'path' | 'title' | 'collection' | 'bytes'>,
    ): string {
      const now = new Date().toISOString();
      const row = connection.get<{ id: string }>(
        `insert into document(id, source, uri, path, title, collection, state, bytes, created_at, updated_at)
         values (?, ?, ?, ?, ?, ?, 'seen', ?, ?, ?)
         on conflict(source, uri) do update set
           recipe = iif(state = 'gone', null, recipe), state = iif(state = 'gone', 'seen', state),
           bytes = excluded.bytes
         returning id`,
        newId(),
        fields.source,
        fields.uri,
        fields.path,
        fields.title,
        fields.collection,
        fields.bytes,
        now,
        now,
      );
      if (!row) throw new Error('The ledger row was not written.');
      return row.id;
    },

    /** Sets columns of a document. Inside a transaction; call `announce` after it. */
    set(connection: Connection, id: string, outcome: Partial<Outcome>): void {
      const { error, warnings, metadata, tags, ...columns } = outcome;
      const values: Record<string, string | number | Uint8Array | null> = { ...columns };
      if (metadata) values['metadata'] = JSON.stringify(metadata);
      if (tags) values['tags'] = JSON.stringify(tags);
      if (error !== undefined) {
        values['error_code'] = error?.code ?? null;
        values['error_message'] = error?.message ?? null;
      }
      if (warnings) values['warnings'] = JSON.stringify(warnings);
      const names = Object.keys(values).filter((name) => values[name] !== undefined);
      connection.run(
        `update document set ${[...names, 'updated_at'].map((name) => `${name} = ?`).join(', ')} where id = ?`,
        ...names.map((name) => values[name] ?? null),
        new Date().toISOString(),
        id,
      );
    },

    erase(connection: Connection, id: string): void {
      connection.run('delete from document where id = ?', id);
    },

    announce,
    change,
  };
}

export function fieldsOf(document: LedgerDocument): DocumentFields {
  return { id: document.id, uri: document.uri, title: document.title, collection: document.collection };
}

/** The row as other programs see it. */
export function publicFields(document: LedgerDocument) {
  const { path: _path, signature: _signature, recipe: _recipe, ...rest } = document;
  const { ocr_pages: pages, ocr_confidence: confidence, ...shown } = rest;
  return { ...shown, ocr: pages === null ? null : { pages, confidence } };
}

function newId(): string {
  return randomBytes(10).toString('hex');
}
