import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createKeys } from './api/keys.ts';
import { createServer } from './api/server.ts';
import { createKeptConversations } from './ask/kept-conversations.ts';
import { createMemory } from './ask/remembered.ts';
import { createGolden } from './ask/golden.ts';
import type { ImagesOptions } from './comfy/images.ts';
import { createAsking } from './asking.ts';
import type { Config } from './config.ts';
import { createDescribing } from './describing.ts';
import { openDataFolder } from './data-folder.ts';
import { createArrivals } from './ingest/arrivals.ts';
import { createCatalogue } from './ingest/catalogue.ts';
import { createDocuments } from './ingest/documents.ts';
import { createDeliveries } from './ingest/deliveries.ts';
import { createExtractions } from './ingest/extractions.ts';
import { createFigures } from './ingest/figures.ts';
import { createFolders } from './ingest/folders.ts';
import { createFetchUrl } from './ingest/fetch-url.ts';
import { placeWithin } from './ingest/ignore.ts';
import { createInbox } from './ingest/inbox.ts';
import { createJobs } from './ingest/jobs.ts';
import { withTranscription } from './ingest/listen.ts';
import { createNotices } from './ingest/notices.ts';
import { createNotify, NOTIFY_DEFAULTS, type NotifyOptions } from './ingest/notify.ts';
import { createPrefaces } from './ingest/prefaces.ts';
import { createPipeline } from './ingest/pipeline.ts';
import { createQueue } from './ingest/queue.ts';
import { createReadAgain } from './ingest/read-again.ts';
import { createRecount } from './ingest/recount.ts';
import { createRequireSpace } from './ingest/space.ts';
import { createUploads, recoverUploads } from './ingest/uploads.ts';
import { createWholeFolder } from './ingest/whole-folder.ts';
import { createStoreFiles } from './ingest/store-files.ts';
import { createVectorStores } from './ingest/vector-stores.ts';
import { createWorker } from './ingest/worker.ts';
import { createLeasedModels } from './gpu-lease.ts';
import type { Log } from './log.ts';
import { checkLanguages } from './processors/ocr-languages.ts';
import { loadOwnProcessors } from './processors/own-processors.ts';
import { createFingerprints } from './models/fingerprints.ts';
import { createTranscribe } from './models/transcribe.ts';
import type { ModelsOptions } from './models/models.ts';
import { createExtractor } from './processors/pool.ts';
import { createVersions } from './processors/versions.ts';
import { createPictures } from './pictures.ts';
import { startPruning } from './prune.ts';
import { createRest } from './rest.ts';
import { createStatus, createStatusMetrics } from './status.ts';
import { createSystem } from './system.ts';
import { createStore } from './store/create-store.ts';
import { createPictureNotices } from './tell.ts';
import { createVectors } from './vectors.ts';

/** A second of idling is enough to start the children again; a service that idles is small. */
const IDLE_MS = 20_000;
const REST_LOOK_MS = 10_000;
const EMBED_BATCH = 32;
const FETCH_MS = 120_000;

export type App = Awaited<ReturnType<typeof createApp>>;

/** What tests set otherwise. */
export interface AppOverrides {
  ollama?: Pick<ModelsOptions, 'timeouts' | 'pollMs'>;
  firstRetryMs?: number;
  comfy?: Partial<ImagesOptions>;
  notify?: Partial<NotifyOptions>;
}

/** Builds every part once, in the order the data flows. Nothing runs before `start`. */
export async function createApp(config: Config, log: Log, overrides: AppOverrides = {}) {
  const dataFolder = await placeWithin(config.inbox, config.data);
  const { uploads, spool, unlock, database } = await openDataFolder(config.data);
  const firstRetryMs = overrides.firstRetryMs ?? 1000;
  const width = config.extract.workers || Math.max(1, availableParallelism() - 1);

  // A file arrives, and its chunks are stored.
  const catalogue = createCatalogue(database);
  const queue = createQueue(database);
  const readAgain = createReadAgain({ catalogue, queue });
  const notices = createNotices({ database, queue });
  const extractions = createExtractions(database);
  const figures = createFigures({ folder: join(config.data, 'figures') }, { database });
  const { store, language, state: storeState } = await createStore(config, database, log);
  const { maxFileBytes, limits } = config.extract;
  checkLanguages(limits.ocrLanguages);
  const own = await loadOwnProcessors(config.processors, log);
  const versions = createVersions(limits, own.processors, config.transcribe?.model);
  const identify = createFingerprints(database);
  const modelsOptions = { ...config, ...overrides.ollama };
  const { models, lease } = createLeasedModels(config, modelsOptions, { identify, log });
  const extractor = createExtractor({
    ...config.extract,
    size: width,
    own: own.processors,
    idleMs: IDLE_MS,
    log,
  });
  const transcribe = config.transcribe && createTranscribe(config.transcribe);
  const extract = withTranscription(extractor.extract, transcribe);
  const folders = createFolders({ database, log, dataFolder });
  const inbox = createInbox(config.inbox, folders.ignores);
  const requireSpace = createRequireSpace(config.data, config.minFreeBytes);
  const prefaces = config.contextHeaders ? createPrefaces(database) : undefined;
  const pipeline = createPipeline(
    { spool, uploads, maxFileBytes, versions },
    { inbox, folders, catalogue, extractions, figures, extract, requireSpace, store, prefaces },
  );
  const recount = createRecount({ catalogue, store });
  const vectors = createVectors(
    { embed: { batch: EMBED_BATCH, width: 2, firstRetryMs }, models: modelsOptions },
    { database, store, models, lease, identify, recount, score: (signal) => golden.ndcg(signal), log },
  );
  const worker = createWorker(
    { width: width + 1, firstRetryMs },
    { database, queue, catalogue, pipeline, notices, onStored: vectors.wake, log },
  );
  const descriptions = createDescribing(
    { ...config, firstRetryMs },
    { models, figures, prefaces, store, catalogue, readAgain, log },
  );
  const { recipeOf } = pipeline;
  const arrivals = createArrivals(config, { inbox, folders, recipeOf, database, catalogue, queue, log });
  const save = createUploads(
    { folder: uploads, spool, maxFileBytes },
    { database, catalogue, queue, requireSpace },
  );
  const notify = createNotify({ ...NOTIFY_DEFAULTS, ...overrides.notify }, { database, queue, notices, log });
  const fetchUrl = createFetchUrl({ allow: new Set(config.fetchAllow), totalMs: FETCH_MS });
  const taken = { inbox, folders, catalogue, queue, store, uploads, arrivals };
  const documents = createDocuments({ ...taken, readAgain, fetchUrl, pipeline, figures, save });
  const folder = createWholeFolder({
    ...taken,
    recipeOf,
    speed: worker.speed,
    integrity: database.integrity,
  });
  const stores = createVectorStores({ database, collections: catalogue.collections });

  // A question arrives, and an answer leaves.
  const canDraw = (model: string): boolean => pictures.canDraw(model);
  const { embedder } = vectors.change;
  const answering = { store, embedder, models, coverage: catalogue.coverage, canDraw, language, log };
  const asking = createAsking(config, answering);
  const golden = createGolden({ database, retrieve: asking.retrieve });

  // Pictures beside the text.
  const told = createPictureNotices(notices, queue);
  const shown = { database, documents, folders, lease: lease.pictures, onEnded: told.onEnded, log };
  const pictures = await createPictures(config, overrides.comfy ?? {}, { ...asking, ...shown });
  const { images } = pictures;

  const keys = createKeys(database);
  const counted = { catalogue, queue, store: storeState };
  const status = createStatus({
    ...counted,
    inbox: config.inbox,
    arrivals,
    processors: { own: own.processors.map(({ name }) => name), broken: own.broken },
    servers: () => ({ ...models.servers(), comfyui: images.states() }),
  });
  const metrics = createStatusMetrics(counted);
  const system = createSystem(config, { speed: worker.speed, pictures: images.events });

  const server = createServer(
    {
      guard: { apiKeys: config.apiKeys, isExposed: config.isExposed, origins: config.corsOrigins },
      limits: config.limits,
      publicUrl: config.publicUrl,
      maxFileBytes,
    },
    {
      keys,
      conversations: createKeptConversations(database),
      documents,
      jobs: createJobs({ database, queue, catalogue, pipeline, worker }),
      changes: catalogue.changes,
      ledger: catalogue,
      ...pictures,
      pictures: images,
      deliveries: createDeliveries(database),
      secrets: config.webhookSecrets,
      notices,
      index: vectors.change,
      golden,
      folder,
      ...asking,
      fetchPicture: fetchUrl,
      embedder: { name: () => models.status().embed.name, plain: models.embed.plain },
      memory: createMemory(database),
      transcribe,
      stores,
      files: createStoreFiles({ documents, catalogue, stores }),
      collections: catalogue.collections,
      matching: catalogue.matching,
      status,
      system: system.read,
      settings: config.settings,
      pulls: models.pulls,
      metrics,
      log,
    },
  );

  const rest = createRest({ lookMs: REST_LOOK_MS }, database);
  let stopPruning: (() => void) | undefined;
  images.events.on('change', told.onChange);

  return {
    server,
    models,
    documents,
    status,
    /** Whether anybody could open it, when a key is needed. */
    hasKeys: () => config.apiKeys.length > 0 || keys.any(),
    /** Works off the queue and watches models; with `watch` also the inbox. */
    async start({ watch }: { watch: boolean }): Promise<void> {
      // An inbox that was there before and is missing now may be a disk that is not mounted.
      if (catalogue.inboxRows().length === 0 && !existsSync(config.inbox))
        await mkdir(config.inbox, { recursive: true });
      await queue.recover();
      await recoverUploads(uploads, { database, catalogue, queue, recipe: pipeline.recipeOfUploads });
      models.start();
      worker.start();
      vectors.start();
      descriptions.start();
      notify.start();
      system.start();
      rest.start();
      await images.start();
      stopPruning = startPruning({
        store,
        neededModels: vectors.change.needed,
        extractions,
        figures,
        notices,
        version: versions.base,
        log,
      });
      if (watch) await arrivals.start();
    },
    async close(): Promise<void> {
      stopPruning?.();
      system.close();
      rest.close();
      await server.close();
      await arrivals.close();
      await models.close();
      await worker.close();
      await extractor.close();
      await vectors.close();
      await descriptions.close();
      await notify.close();
      await images.close();
      await store.close();
      await database.close();
      unlock();
    },
  };
}
