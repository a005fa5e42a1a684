import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import { createEmbeddedStore } from './embedded.ts';
import { loadLanguage, type Language } from './language.ts';
import { createQdrantStore, type QdrantStore } from './qdrant.ts';
import { createRevisions } from './qdrant-revisions.ts';
import { createQdrantServer, type QdrantOptions } from './qdrant-server.ts';
import { movableEmbedded, movableQdrant, type Movable } from './movable.ts';
import type { Store } from './store.ts';

export type StoreKind = 'embedded' | 'qdrant';

/** What a person is told of the store in force. */
export interface StoreState {
  kind: StoreKind;
  state: 'ready' | 'unavailable';
  /** Of a Qdrant server: its address without credentials, its version once it was asked, and the alias. */
  url?: string;
  version?: string;
  collection?: string;
  message: string | null;
  /** Counted in the store itself; null while it cannot be asked. */
  chunks: number | null;
  vectors: number | null;
}

export interface StoreInForce {
  store: Store;
  kind: StoreKind;
  /** Whose words it stems. */
  language: Language;
  /** Never fails: a store that cannot be asked is `unavailable`. */
  state(): Promise<StoreState>;
}

export interface StoreOptions {
  qdrant: QdrantOptions | undefined;
  /** A code of `LANGUAGE_CODES`. */
  language: string;
}

const SCHEMA = [`create table store_in_force(id integer primary key check (id = 1), kind text not null);`];

/** A server that is asked how it is has this long to answer. */
const HURRY = { timeoutMs: 3000, tries: 1, firstWaitMs: 0 };

/**
 * The store that has the passages: the one that they were moved to, else Qdrant where `qdrant` is given before there
 * are any, else the embedded one. Throws `invalid_config` when they are in Qdrant and no address is given.
 */
export async function createStore(
  options: StoreOptions,
  database: Database,
  log?: Log,
): Promise<StoreInForce> {
  const language = await loadLanguage(options.language);
  const kind = kindInForce(options, database);
  if (kind === 'qdrant') await putInForce(database, kind);
  else await forgetUnused(database);
  if (kind === 'embedded')
    return {
      ...embedded(createEmbeddedStore(database, language, log), options.qdrant !== undefined),
      language,
    };
  if (!options.qdrant)
    throw new LimnerError(
      'invalid_config',
      'The passages of this data folder are in Qdrant: set QDRANT_URL, and `limner store move --to embedded` brings them back.',
    );
  return { ...qdrant(createQdrantStore(options.qdrant, database, { language }), options.qdrant), language };
}

/** How a server is, in words, without making or changing anything there. Throws `store_unavailable` when it is not there. */
export async function lookAtQdrant(options: QdrantOptions): Promise<string> {
  const server = createQdrantServer(options, HURRY);
  const { version } = await server.ask((client) => client.versionInfo());
  const info = await server.find((client) => client.getCollection(options.collection));
  return info ? `version ${version}, status ${info.status}` : `version ${version}, not made yet`;
}

/** Both stores are needed for a copy, whichever is in force. Throws `invalid_config` for Qdrant without its address. */
export async function openMovable(
  kind: StoreKind,
  options: StoreOptions,
  database: Database,
): Promise<Movable> {
  const language = await loadLanguage(options.language);
  if (kind === 'embedded') return movableEmbedded(createEmbeddedStore(database, language), database);
  if (!options.qdrant)
    throw new LimnerError('invalid_config', 'Set QDRANT_URL to the address of the Qdrant server.');
  return movableQdrant(createQdrantStore(options.qdrant, database, { language }));
}

/** Empties a store that is not in force. */
export async function forgetOld(kind: StoreKind, options: StoreOptions, database: Database): Promise<void> {
  if (kind === 'qdrant') {
    if (options.qdrant) await createQdrantStore(options.qdrant, database).drop();
    return;
  }
  const { store, documents } = await openMovable(kind, options, database);
  for await (const { id } of documents()) await store.remove(id);
  await store.prune([]);
  await store.close();
}

/** What is left of the collection goes, and what is known of it, so that the next start makes a new one. */
export async function beginAnew(options: StoreOptions, database: Database): Promise<void> {
  if (kindInForce(options, database) !== 'qdrant' || !options.qdrant)
    throw new LimnerError('conflict', 'The passages are not in Qdrant; there is nothing to begin anew.');
  await createQdrantStore(options.qdrant, database).drop();
}

export function kindInForce(
  { qdrant: options }: Pick<StoreOptions, 'qdrant'>,
  database: Database,
): StoreKind {
  database.migrate('store-in-force', SCHEMA);
  const known = database.read.get<{ kind: StoreKind }>('select kind from store_in_force')?.kind;
  // Qdrant was tried, and nothing ever came there: without its address everything is as if it had not been.
  if (known === 'qdrant' && !options && createRevisions(database).expected() === 0) return 'embedded';
  return known ?? (options && !hasEmbedded(database) ? 'qdrant' : 'embedded');
}

/** One step: what is asked of the store from the next start on is answered by the other. */
export function putInForce(database: Database, kind: StoreKind): Promise<unknown> {
  return database.write((connection) =>
    connection.run('insert or replace into store_in_force(id, kind) values (1, ?)', kind),
  );
}

/** That Qdrant was in force does not matter any more once it is left. */
function forgetUnused(database: Database): Promise<unknown> {
  return database.write((connection) => connection.run(`delete from store_in_force where kind = 'qdrant'`));
}

function hasEmbedded({ read }: Database): boolean {
  const table = read.get(`select 1 from sqlite_master where type = 'table' and name = 'chunk'`);
  return table !== undefined && read.get('select 1 from chunk limit 1') !== undefined;
}

function embedded(store: Store, isQdrantSet: boolean): Omit<StoreInForce, 'language'> {
  const message = isQdrantSet
    ? 'QDRANT_URL is set, and the passages are in the embedded store; `limner store move --to qdrant` moves them.'
    : null;
  return {
    store,
    kind: 'embedded',
    state: async () => ({ kind: 'embedded', state: 'ready', message, ...(await store.totals()) }),
  };
}

function qdrant(store: QdrantStore, options: QdrantOptions): Omit<StoreInForce, 'language'> {
  const hurried = createQdrantServer(options, HURRY);
  const about = { kind: 'qdrant', url: store.address, collection: store.alias } as const;

  async function look(): Promise<StoreState> {
    await hurried.ask((client) => client.versionInfo());
    const counts = await store.totals();
    const lost = store.expected() - counts.chunks;
    return {
      ...about,
      state: 'ready',
      version: store.version(),
      // What changes while it is counted may be off by a document; a loss stays.
      message:
        lost > 0 ? `${lost} passages are missing in Qdrant; \`limner verify\` names the documents.` : null,
      ...counts,
    };
  }

  return {
    store,
    kind: 'qdrant',
    async state() {
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof LimnerError)) throw error;
        return { ...about, state: 'unavailable', message: error.message, chunks: null, vectors: null };
      }
    },
  };
}
