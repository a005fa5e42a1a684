import { createEmbedding, type EmbedOptions } from './ingest/embed.ts';
import { createModelChange, nameOfModel, previousModel } from './ingest/model-change.ts';
import type { createRecount } from './ingest/recount.ts';
import type { GpuLease } from './gpu-lease.ts';
import type { Log } from './log.ts';
import type { Identify } from './models/fingerprints.ts';
import type { ModelServer } from './models/model-server.ts';
import { sameModel } from './models/model-state.ts';
import { createFormerEmbedder, type Models, type ModelsOptions } from './models/models.ts';
import type { Database } from './sqlite.ts';
import type { Store } from './store/store.ts';

export interface VectorParts {
  database: Database;
  store: Store;
  models: Models;
  /** Makes a server's calls wait for their turn on a card that pictures are made on too. */
  lease: Pick<GpuLease, 'models'>;
  identify: Identify;
  recount: ReturnType<typeof createRecount>;
  /** How well the index answers the golden questions; undefined when there are none. */
  score: (signal: AbortSignal) => Promise<number | undefined>;
  log: Log;
}

/** Fills in the vectors of the settings' model and, while those of another one still answer, of that one too. */
export function createVectors(options: { embed: EmbedOptions; models: ModelsOptions }, parts: VectorParts) {
  const { store, models, recount, log } = parts;
  const former = createFormer();
  const change = createModelChange({
    database: parts.database,
    store,
    wanted: models.embed,
    former: former?.embed,
    score: parts.score,
    wake: () => wake(),
    recount: recount.all,
    log,
  });
  const loops = [
    createEmbedding(options.embed, {
      embedder: models.embed,
      store,
      onComplete: change.complete,
      onEmbedded: recount.some,
      onModel: recount.all,
      log,
    }),
    ...(former ? [createFormerEmbedding(former)] : []),
  ];

  /** The model in force, or the one to go back to, where the settings name another one by now. */
  function createFormer(): ModelServer | undefined {
    const known = [store.model(), previousModel(parts.database)].flatMap((one) => one ?? []);
    const wanted = options.models.ollama.embedModel;
    const name = known.map(nameOfModel).find((one) => !sameModel(one, wanted));
    return name === undefined
      ? undefined
      : parts.lease.models(createFormerEmbedder(name, options.models, { ...parts, turns: models.turns }));
  }

  /** Only as long as its vectors are those that answer. */
  function createFormerEmbedding({ embed }: ModelServer) {
    const ready = (): ReturnType<typeof embed.ready> =>
      embed.ready()?.identity === store.model() ? embed.ready() : undefined;
    const embedder = { ready, documents: embed.documents };
    return createEmbedding(options.embed, {
      embedder,
      store,
      onEmbedded: recount.some,
      onModel: recount.all,
      log,
    });
  }

  const wake = (): void => {
    for (const loop of loops) loop.wake();
  };
  const stops = [models, former].flatMap((server) => server?.onChange(wake) ?? []);

  return {
    change,
    wake,
    start(): void {
      former?.start();
      for (const loop of loops) loop.start();
    },
    async close(): Promise<void> {
      for (const stop of stops) stop();
      await former?.close();
      await Promise.all(loops.map((loop) => loop.close()));
    },
  };
}
