import type { Extractions } from './ingest/extractions.ts';
import type { Figures } from './ingest/figures.ts';
import type { Notices } from './ingest/notices.ts';
import type { Log } from './log.ts';
import type { Store } from './store/store.ts';

const PRUNE_MS = 6 * 3_600_000;

export interface PruneParts {
  /** Embedding models whose vectors are kept besides those in force. */
  neededModels: () => string[];
  store: Store;
  extractions: Extractions;
  figures: Figures;
  notices: Notices;
  /** Of the processors: what others made is forgotten. */
  version: string;
  log: Log;
}

/** Forgets now and then what nothing needs any more; returns what ends that. */
export function startPruning({
  store,
  neededModels,
  extractions,
  figures,
  notices,
  version,
  log,
}: PruneParts): () => void {
  const prune = async (): Promise<void> => {
    await store.prune(neededModels());
    await extractions.prune(version);
    await figures.prune();
    await notices.prune();
  };
  const timer = setInterval(
    () => void prune().catch((error: unknown) => log.error({ err: error }, 'pruning failed')),
    PRUNE_MS,
  );
  timer.unref();
  return () => clearInterval(timer);
}
