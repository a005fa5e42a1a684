import type { Config } from './config.ts';
import type { Catalogue } from './ingest/catalogue.ts';
import { createDescriptions } from './ingest/describe.ts';
import type { Figures } from './ingest/figures.ts';
import { createPrefaceLoop } from './ingest/preface-loop.ts';
import type { Prefaces } from './ingest/prefaces.ts';
import type { ReadAgain } from './ingest/read-again.ts';
import type { Log } from './log.ts';
import { createDescribe } from './models/describe.ts';
import type { Models } from './models/models.ts';
import { createWritePreface } from './models/preface.ts';
import type { Store } from './store/store.ts';

interface Parts {
  models: Models;
  figures: Figures;
  prefaces: Prefaces | undefined;
  store: Store;
  catalogue: Catalogue;
  readAgain: ReadAgain;
  log: Log;
}

/** What models say of figures and passages, written behind documents that are searchable without it. */
export function createDescribing(
  { visionModel, firstRetryMs }: Pick<Config, 'visionModel'> & { firstRetryMs: number },
  { models, figures, prefaces, store, ...parts }: Parts,
) {
  const describe = createDescribe({ model: visionModel }, models);
  const writer = createWritePreface(models);
  const loops = [
    createDescriptions({ firstRetryMs }, { ...parts, describe, figures }),
    ...(prefaces ? [createPrefaceLoop({ firstRetryMs }, { ...parts, writer, prefaces, store })] : []),
  ];
  // The model may have come, or something that lacks a description.
  const wake = (): void => {
    for (const loop of loops) loop.wake();
  };
  const { changes } = parts.catalogue;
  let unlisten: (() => void) | undefined;

  return {
    start(): void {
      unlisten = models.onChange(wake);
      changes.on('change', wake);
      for (const loop of loops) loop.start();
    },
    async close(): Promise<void> {
      unlisten?.();
      changes.off('change', wake);
      await Promise.all(loops.map((loop) => loop.close()));
    },
  };
}
