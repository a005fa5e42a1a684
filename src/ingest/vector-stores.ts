import { createHash, randomBytes } from 'node:crypto';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';
import type { Metadata } from './filter.ts';
import { checkCollection } from './uploads.ts';

/** A vector store as OpenAI has them: a collection, with what its maker said of it. */
export interface VectorStore {
  id: string;
  collection: string;
  name: string;
  metadata: Metadata;
  /** Milliseconds since 1970; 0 for a collection that nobody made here, such as a folder of the inbox. */
  createdAt: number;
}

/** Files that were put into a store in one request. */
export interface FileBatch {
  id: string;
  storeId: string;
  documents: string[];
  cancelled: boolean;
  createdAt: number;
}

/** Where uploaded files lie that are in no store. */
export const UNSORTED_COLLECTION = 'files';

const SCHEMA = [
  `create table vector_store(
     id text primary key, collection text not null unique, name text not null, metadata text not null,
     created_at integer not null
   ) without rowid;
   create table vector_store_batch(
     id text primary key, store_id text not null, documents text not null, cancelled integer not null default 0,
     created_at integer not null
   ) without rowid;`,
];

interface StoreRow {
  id: string;
  collection: string;
  name: string;
  metadata: string;
  created_at: number;
}

interface BatchRow {
  id: string;
  store_id: string;
  documents: string;
  cancelled: number;
  created_at: number;
}

export type VectorStores = ReturnType<typeof createVectorStores>;

/** Every collection is a store; a store that was made here is there before its first document. */
export function createVectorStores({
  database,
  collections,
}: {
  database: Database;
  collections: () => string[];
}) {
  database.migrate('vector-stores', SCHEMA);
  const { read } = database;
  const made = (): VectorStore[] => read.all<StoreRow>('select * from vector_store').map(fromStoreRow);

  /** In the order in which they were made, collections of the inbox first. */
  function list(): VectorStore[] {
    const rows = made();
    const known = new Set(rows.map(({ collection }) => collection));
    const found = collections().filter((name) => !known.has(name) && name !== UNSORTED_COLLECTION);
    return [...found.map(foundStore), ...rows].toSorted(
      (one, other) => one.createdAt - other.createdAt || one.id.localeCompare(other.id),
    );
  }

  function get(id: string): VectorStore {
    const store = list().find((one) => one.id === id);
    if (store) return store;
    throw new LimnerError('not_found', `There is no vector store ${id}.`, { param: 'vector_store_id' });
  }

  /** The name itself where it is free, so that `limner/<name>` asks the store. */
  function freeCollection(name: string): string {
    const wanted = checkCollection(name.replaceAll(/[/\\\p{Cc}]/gu, '-').slice(0, 90) || 'store');
    const taken = new Set([...list().map(({ collection }) => collection), UNSORTED_COLLECTION]);
    return taken.has(wanted) ? `${wanted}-${randomBytes(4).toString('hex')}` : wanted;
  }

  async function save({ id, collection, name, metadata, createdAt }: VectorStore): Promise<void> {
    await database.write((connection) =>
      connection.run(
        'insert or replace into vector_store values (?, ?, ?, ?, ?)',
        id,
        collection,
        name,
        JSON.stringify(metadata),
        createdAt,
      ),
    );
  }

  function batch(storeId: string, id: string): FileBatch {
    const row = read.get<BatchRow>(
      'select * from vector_store_batch where id = ? and store_id = ?',
      id,
      storeId,
    );
    if (row) return fromBatchRow(row);
    throw new LimnerError('not_found', `There is no file batch ${id} in this store.`, { param: 'batch_id' });
  }

  return {
    list,
    get,
    async create({ name = '', metadata = {} }: { name?: string; metadata?: Metadata }): Promise<VectorStore> {
      const collection = freeCollection(name.trim() || `store-${randomBytes(4).toString('hex')}`);
      const store = { ...foundStore(collection), name, metadata, createdAt: Date.now() };
      await save(store);
      return store;
    },
    async update(id: string, change: { name?: string; metadata?: Metadata }): Promise<VectorStore> {
      const store = { ...get(id), ...change };
      await save(store);
      return store;
    },
    /** Only the store: its documents are its owner's to move before. */
    remove: (id: string) =>
      database.write((connection) => connection.run('delete from vector_store where id = ?', id)),
    batch,
    async addBatch(storeId: string, documents: string[]): Promise<FileBatch> {
      const id = `vsfb_${randomBytes(12).toString('hex')}`;
      await database.write((connection) =>
        connection.run(
          'insert into vector_store_batch(id, store_id, documents, created_at) values (?, ?, ?, ?)',
          id,
          storeId,
          JSON.stringify(documents),
          Date.now(),
        ),
      );
      return batch(storeId, id);
    },
    async cancelBatch(storeId: string, id: string): Promise<FileBatch> {
      batch(storeId, id);
      await database.write((connection) =>
        connection.run('update vector_store_batch set cancelled = 1 where id = ?', id),
      );
      return batch(storeId, id);
    },
  };
}

/** The id follows from the collection, so that a store keeps it for as long as its collection has its name. */
function foundStore(collection: string): VectorStore {
  const id = `vs_${createHash('sha256').update(collection).digest('hex').slice(0, 24)}`;
  return { id, collection, name: collection, metadata: {}, createdAt: 0 };
}

function fromStoreRow({ created_at: createdAt, metadata, ...row }: StoreRow): VectorStore {
  return { ...row, createdAt, metadata: JSON.parse(metadata) };
}

function fromBatchRow({
  id,
  store_id: storeId,
  documents,
  cancelled,
  created_at: createdAt,
}: BatchRow): FileBatch {
  return { id, storeId, documents: JSON.parse(documents), cancelled: cancelled === 1, createdAt };
}
