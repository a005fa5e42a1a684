import type { Status } from './api/health.ts';
import type { Arrivals } from './ingest/arrivals.ts';
import type { Catalogue } from './ingest/catalogue.ts';
import type { Queue } from './ingest/queue.ts';
import { createMetrics } from './metrics.ts';
import type { StoreState } from './store/create-store.ts';

export interface StatusParts {
  inbox: string;
  arrivals: Pick<Arrivals, 'state' | 'settling'>;
  catalogue: Pick<Catalogue, 'countByState' | 'countByError'>;
  queue: Pick<Queue, 'size'>;
  store: () => Promise<StoreState>;
  processors: Status['processors'];
  /** What is known of each server, by its name. */
  servers: () => Record<string, unknown>;
}

/** The truthful number, for `GET /api/status`: what the ledger and the store hold now, and which servers are there. */
export function createStatus(parts: StatusParts): () => Promise<Status> {
  const { arrivals, catalogue, queue, store } = parts;
  return async () => {
    const { offline, ignored, held, problems, watching } = arrivals.state();
    const { chunks, vectors, ...state } = await store();
    return {
      documents: Object.fromEntries(catalogue.countByState()),
      failed: catalogue.countByError(),
      chunks,
      vectors,
      store: state,
      jobs: queue.size(),
      settling: arrivals.settling(),
      inbox: {
        path: parts.inbox,
        online: offline === undefined,
        message: offline ?? heldMessage(held),
        ignored,
        held,
        problems,
        watching,
      },
      processors: parts.processors,
      servers: parts.servers(),
    };
  };
}

/** The same for Prometheus. */
export function createStatusMetrics({
  catalogue,
  queue,
  store,
}: Pick<StatusParts, 'catalogue' | 'queue' | 'store'>) {
  return createMetrics([
    {
      name: 'limner_documents',
      help: 'Documents of the ledger by state',
      label: 'state',
      read: async () => Object.fromEntries(catalogue.countByState()),
    },
    {
      name: 'limner_failed_documents',
      help: 'Failed documents by the code of their error',
      label: 'code',
      read: async () => catalogue.countByError(),
    },
    {
      name: 'limner_chunks',
      help: 'Chunks in the store',
      read: async () => known((await store()).chunks),
    },
    {
      name: 'limner_vectors',
      help: 'Chunks that have a vector',
      read: async () => known((await store()).vectors),
    },
    {
      name: 'limner_store_up',
      help: 'Whether the store in force can be asked',
      label: 'kind',
      read: async () => {
        const { kind, state } = await store();
        return { [kind]: state === 'ready' ? 1 : 0 };
      },
    },
    { name: 'limner_jobs', help: 'Jobs that wait or run', read: async () => ({ all: queue.size() }) },
  ]);
}

/** No figure at all is truer than a wrong one. */
function known(count: number | null): Record<string, number> {
  return count === null ? {} : { all: count };
}

/** What a person reads in the status while the brake holds. */
function heldMessage(held: number): string | null {
  return held === 0
    ? null
    : `${held} files are missing at once; nothing is forgotten until \`limner forget\` confirms it`;
}
