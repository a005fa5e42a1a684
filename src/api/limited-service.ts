import type { Catalogue, LedgerDocument } from '../ingest/catalogue.ts';
import type { Jobs } from '../ingest/jobs.ts';
import type { JobRow } from '../ingest/queue.ts';
import { DOCUMENT_JOB } from '../ingest/worker.ts';
import type { AccessScope } from './access.ts';
import type { Status } from './health.ts';
import type { Picture } from './images.ts';
import type { PullState } from './pulls.ts';

/** Something that tells of changes. */
export interface Told<T> {
  on(event: 'change', listener: (changed: T) => void): unknown;
  off(event: 'change', listener: (changed: T) => void): unknown;
}

/** What the ledger says for the keys of some collections. */
type Ledger = Pick<Catalogue, 'get' | 'countByState' | 'countByError' | 'totalsOf' | 'coverage'>;

export interface LimitedService {
  jobs: Jobs;
  changes: Told<LedgerDocument>;
  pictures: { events: Told<Picture> };
  pulls: { events: Told<PullState> };
  status: () => Promise<Status>;
  ledger: Ledger;
}

/** What is told of the whole service, as far as the key reaches; pictures and downloads are of no collection. */
export function limitService(parts: LimitedService, scope: AccessScope) {
  const { jobs, changes, pictures, pulls, status, ledger } = parts;
  return {
    jobs: limitJobs(jobs, ledger, scope),
    changes: limitTold(changes, ({ collection }) => collection, scope),
    pictures: { ...pictures, events: limitTold(pictures.events, () => undefined, scope) },
    pulls: { ...pulls, events: limitTold(pulls.events, () => undefined, scope) },
    status: limitStatus(status, ledger, scope),
  };
}

/** The jobs of documents that the key reaches. */
function limitJobs(inner: Jobs, ledger: Ledger, scope: AccessScope): Jobs {
  const reaches = ({ kind, key }: JobRow): boolean => {
    const document = kind === DOCUMENT_JOB ? ledger.get(key) : undefined;
    return document !== undefined && scope.reaches(document.collection);
  };
  const get = (id: number): JobRow | undefined => {
    const job = inner.get(id);
    return job && (!scope.collections() || reaches(job)) ? job : undefined;
  };

  return {
    get,
    list(after, limit) {
      if (!scope.collections()) return inner.list(after, limit);
      const found: JobRow[] = [];
      for (let from = after; ;) {
        const page = inner.list(from, limit);
        found.push(...page.filter(reaches));
        const last = page.at(-1);
        if (found.length >= limit || page.length < limit || !last) return found.slice(0, limit);
        from = last.id;
      }
    },
    retryNow: async (id) => get(id) !== undefined && inner.retryNow(id),
    cancel: async (id) => get(id) !== undefined && inner.cancel(id),
  };
}

/** Tells a listener only what the key of the request that begins to listen may know. */
function limitTold<T>(
  inner: Told<T>,
  collectionOf: (changed: T) => string | undefined,
  scope: AccessScope,
): Told<T> {
  const limited = new WeakMap<(changed: T) => void, (changed: T) => void>();
  return {
    on(event, listener) {
      const allowed = scope.collections();
      const tell = (changed: T): void => {
        if (!allowed || allowed.includes(collectionOf(changed) ?? '')) listener(changed);
      };
      limited.set(listener, tell);
      inner.on(event, tell);
    },
    off: (event, listener) => inner.off(event, limited.get(listener) ?? listener),
  };
}

/** The counts of the key's collections; where the inbox lies and what ails it is its owner's business. */
function limitStatus(
  inner: () => Promise<Status>,
  ledger: Ledger,
  scope: AccessScope,
): () => Promise<Status> {
  return async () => {
    const allowed = scope.collections();
    const whole = await inner();
    if (!allowed) return whole;
    const { inbox, servers, store } = whole;
    return {
      documents: Object.fromEntries(ledger.countByState(allowed)),
      failed: ledger.countByError(allowed),
      ...ledger.totalsOf(allowed),
      store,
      jobs: ledger.coverage(allowed).pending,
      settling: 0,
      inbox: {
        path: '',
        online: inbox.online,
        message: null,
        ignored: 0,
        held: 0,
        problems: [],
        watching: { mode: inbox.watching.mode, reason: null },
      },
      processors: { own: [], broken: [] },
      servers,
    };
  };
}
