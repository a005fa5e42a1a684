import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SourceFile } from '../../src/document.ts';
import { createArrivals } from '../../src/ingest/arrivals.ts';
import { createCatalogue, type LedgerDocument } from '../../src/ingest/catalogue.ts';
import { createEmbedding, type DocumentEmbedder } from '../../src/ingest/embed.ts';
import { createExtractions, type StoredExtraction } from '../../src/ingest/extractions.ts';
import { createFigures } from '../../src/ingest/figures.ts';
import { createFolders } from '../../src/ingest/folders.ts';
import { createInbox } from '../../src/ingest/inbox.ts';
import { createNotices } from '../../src/ingest/notices.ts';
import { createPipeline } from '../../src/ingest/pipeline.ts';
import { createQueue } from '../../src/ingest/queue.ts';
import { createRecount } from '../../src/ingest/recount.ts';
import { createRequireSpace } from '../../src/ingest/space.ts';
import { createUploads } from '../../src/ingest/uploads.ts';
import { createWholeFolder } from '../../src/ingest/whole-folder.ts';
import { createWorker } from '../../src/ingest/worker.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import type { Store } from '../../src/store/store.ts';
import { until } from '../until.ts';

/** What stands in for the processors: gets the file's text, returns the extraction's or throws. */
export type Read = (text: string, file: SourceFile, signal: AbortSignal) => Promise<string> | string;

export interface BedOptions {
  read?: Read;
  /** Runs when the store holds a document's chunks and the ledger does not say so yet. */
  stored?: () => Promise<unknown>;
  /** Runs when the store is about to be told of a document's new place. */
  describing?: () => Promise<unknown>;
  /** Runs between the claim of a job and what the worker writes first. */
  beginning?: () => Promise<unknown>;
  /** Called before the store counts what it has of a document. */
  counting?: () => void | Promise<void>;
  embedder?: DocumentEmbedder;
  batch?: number;
  width?: number;
  processorsVersion?: string;
  forgetShare?: number;
  maxFileBytes?: number;
  /** Free bytes that have to stay; asked each time. */
  floor?: () => number;
}

export type Bed = Awaited<ReturnType<typeof openBed>>;

/** Everything between the inbox and the store as the service has it, on `folder`, with `read` for processors. */
export async function openBed(folder: string, options: BedOptions = {}) {
  const root = join(folder, 'inbox');
  const spool = join(folder, 'spool');
  const uploads = join(folder, 'uploads');
  for (const path of [spool, uploads]) await mkdir(path, { recursive: true });
  const lines: string[] = [];
  const log = createLog({ level: 'debug', secrets: [], write: (line) => lines.push(line) });
  const database = openDatabase(join(folder, 'test.sqlite'));
  const catalogue = createCatalogue(database);
  const queue = createQueue(database);
  const notices = createNotices({ database, queue });
  const store = createEmbeddedStore(database);
  const folders = createFolders({ database, log });
  const inbox = createInbox(root, folders.ignores);
  const extracted: string[] = [];

  async function extract(file: SourceFile, signal: AbortSignal): Promise<StoredExtraction> {
    extracted.push(file.name);
    const given = await readFile(file.path, 'utf8');
    // A reader that listens from now on would never hear of an end that came before.
    signal.throwIfAborted();
    const text = options.read ? await options.read(given, file, signal) : given;
    return { sections: [{ text }], warnings: [], processor: 'test' };
  }

  const slowed: Store = {
    ...store,
    replace: async (document, chunks) => {
      const counts = await store.replace(document, chunks);
      await options.stored?.();
      return counts;
    },
    describe: async (document) => {
      await options.describing?.();
      return store.describe(document);
    },
    count: async (...asked) => {
      await options.counting?.();
      return store.count(...asked);
    },
  };
  const requireSpace = (bytes: number): Promise<void> =>
    createRequireSpace(folder, options.floor?.() ?? 0)(bytes);
  const extractions = createExtractions(database);
  const pipeline = createPipeline(
    {
      spool,
      uploads,
      maxFileBytes: options.maxFileBytes ?? 1_000_000,
      versions: versionsOf(options.processorsVersion ?? '1'),
    },
    {
      inbox,
      folders,
      catalogue,
      extractions,
      figures: createFigures({ folder: join(folder, 'figures') }, { database }),
      extract,
      requireSpace,
      store: slowed,
    },
  );
  const recount = createRecount({ catalogue, store });
  const embedding =
    options.embedder &&
    createEmbedding(
      { batch: options.batch ?? 8, width: 2, firstRetryMs: 2 },
      { embedder: options.embedder, store, onEmbedded: recount.some, onModel: recount.all, log },
    );
  const held: Database = {
    ...database,
    write: async (...given) => {
      await options.beginning?.();
      return database.write(...given);
    },
  };
  const worker = createWorker(
    { width: options.width ?? 4, firstRetryMs: 5 },
    { database: held, queue, catalogue, pipeline, notices, onStored: () => embedding?.wake(), log },
  );
  const arrivals = createArrivals(
    {
      settleMs: 30,
      scanMs: 3_600_000,
      pollInboxMs: 3_600_000,
      watch: 'events' as const,
      forgetShare: options.forgetShare ?? 1,
    },
    { inbox, folders, recipeOf: pipeline.recipeOf, database, catalogue, queue, log },
  );

  const { integrity } = database;
  const { recipeOf } = pipeline;
  const { speed } = worker;
  const taken = { inbox, folders, uploads, catalogue, queue, store, arrivals };
  const whole = createWholeFolder({ ...taken, integrity, recipeOf, speed });

  await queue.recover();
  worker.start();
  embedding?.start();

  const all = (): LedgerDocument[] => catalogue.list({ limit: 10_000 });
  const calm = (): boolean => queue.size() === 0 && arrivals.settling() === 0;

  return {
    root,
    database,
    catalogue,
    folders,
    notices,
    worker,
    queue,
    store,
    pipeline,
    extractions,
    embedding,
    arrivals,
    /** Names of the files that were extracted, each as often as it was. */
    extracted,
    log: () => lines.join(''),
    all,
    find: (uri: string): LedgerDocument | undefined => catalogue.find('inbox', uri),
    /** The document at `uri`; throws when the ledger has none. */
    get(uri: string): LedgerDocument {
      const document = catalogue.find('inbox', uri);
      if (!document)
        throw new Error(
          `There is no ${uri}; there are ${all()
            .map((one) => one.uri)
            .join()}.`,
        );
      return document;
    },
    textOf: async (uri: string): Promise<string[]> => {
      const id = catalogue.find('inbox', uri)?.id ?? '';
      return (await store.chunks(id, { offset: 0, limit: 1000 })).map(({ text }) => text);
    },
    async put(uri: string, content: string): Promise<void> {
      await mkdir(dirname(join(root, uri)), { recursive: true });
      await writeFile(join(root, uri), content);
    },
    remove: (uri: string): Promise<void> => rm(join(root, uri), { recursive: true }),
    uploads,
    verify: whole.verify,
    preview: whole.preview,
    scanAndTell: whole.scan,
    save: createUploads(
      { folder: uploads, spool, maxFileBytes: 1_000_000 },
      { database, catalogue, queue, requireSpace },
    ),
    /** Scans, and waits until nothing settles, waits or runs. */
    async scan(): Promise<void> {
      await arrivals.scan();
      await until(calm, 'quiet');
    },
    calm,
    async close(): Promise<void> {
      await arrivals.close();
      await worker.close();
      await embedding?.close();
      await store.close();
      await database.close();
    },
  };
}

function versionsOf(version: string): { all: string; of: () => string } {
  return { all: version, of: () => version };
}
