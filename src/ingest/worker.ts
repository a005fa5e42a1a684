import { setTimeout as after } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import type { Catalogue, LedgerDocument } from './catalogue.ts';
import { NOT_ITS_FAULT, type Pipeline, type Result } from './pipeline.ts';
import { LEASE_MS, type Job, type Queue } from './queue.ts';

/** The one kind of job: bring the store in line with a document's file. Its key is the document's id. */
export const DOCUMENT_JOB = 'document';

/** After this many failures of its own a document is given up. */
const MAX_TRIES = 4;

export interface WorkerParts {
  database: Database;
  queue: Queue;
  catalogue: Catalogue;
  pipeline: Pick<Pipeline, 'process' | 'recount'>;
  /** Called after a document got chunks. */
  onStored: () => void;
  log: Log;
}

/** Runs `width` jobs side by side until closed; `firstRetryMs` doubles with every try. */
export function createWorker(options: { width: number; firstRetryMs: number }, parts: WorkerParts) {
  const { database, queue, catalogue, pipeline, log } = parts;
  const stop = new AbortController();
  let loops: Promise<void>[] = [];
  let busy = 0;

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const job = await queue.claim();
        if (!job) await somethingDue(queue, stop.signal);
        else await run(job);
      } catch (error) {
        await waitOut(error);
      }
    }
  }

  /** The queue itself failed, most likely on a full disk; what was claimed is free again when its lease ends. */
  async function waitOut(error: unknown): Promise<void> {
    log.error({ err: error }, 'the queue cannot be written; it is tried again');
    await after(options.firstRetryMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  async function run(job: Job): Promise<void> {
    busy++;
    const lease = holdLease(job);
    try {
      await work(job, AbortSignal.any([stop.signal, lease.lost]));
    } catch (error) {
      if (lease.lost.aborted) log.warn({ document: job.key }, 'a job took too long and was taken over');
      else await putBack(job, error);
    } finally {
      lease.release();
      busy--;
    }
  }

  function holdLease(job: Job): { lost: AbortSignal; release: () => void } {
    const lost = new AbortController();
    const renew = async (): Promise<void> => {
      if (!(await queue.renew(job))) lost.abort();
    };
    const timer = setInterval(() => {
      renew().catch((error: unknown) => log.warn({ err: error }, 'a lease was not renewed'));
    }, LEASE_MS / 3);
    return { lost: lost.signal, release: () => clearInterval(timer) };
  }

  async function work(job: Job, signal: AbortSignal): Promise<void> {
    const document = catalogue.get(job.key);
    if (!document) return database.write((connection) => queue.end(connection, job));
    await catalogue.change(job.key, (connection) => catalogue.set(connection, job.key, { state: 'working' }));
    const since = performance.now();
    const result = await pipeline.process(document, signal, job.failures + 1 >= MAX_TRIES);
    await finish(job, document, result);
    tell(log, document, result, performance.now() - since);
  }

  /** The ledger and the queue change together; a lost lease takes both back. */
  async function finish(job: Job, document: LedgerDocument, result: Result): Promise<void> {
    await catalogue.change(document.id, (connection) => {
      if ('again' in result) {
        queue.retry(connection, job, { delayMs: result.again, reason: 'may have moved', counts: false });
        return catalogue.set(connection, document.id, { state: document.state });
      }
      queue.end(connection, job);
      if ('erase' in result) catalogue.erase(connection, document.id);
      else catalogue.set(connection, document.id, result.outcome);
    });
    if ('again' in result) queue.wake();
    if (!('outcome' in result) || result.outcome.state !== 'searchable') return;
    // Vectors may have come between the count and this commit.
    await pipeline.recount(new Set([document.id]));
    parts.onStored();
  }

  async function putBack(job: Job, error: unknown): Promise<void> {
    if (!(error instanceof LimnerError) && !stop.signal.aborted)
      log.error({ err: error, document: job.key }, 'a document failed in a way that is a bug');
    const ours = error instanceof LimnerError ? error.code : 'internal';
    const counts = !stop.signal.aborted && !NOT_ITS_FAULT.has(ours);
    const delayMs = stop.signal.aborted ? 0 : options.firstRetryMs * 2 ** job.failures;
    await catalogue.change(job.key, (connection) => {
      queue.retry(connection, job, { delayMs, reason: ours, counts });
      catalogue.set(connection, job.key, { state: 'waiting' });
    });
    queue.wake();
  }

  return {
    start(): void {
      loops = Array.from({ length: options.width }, loop);
    },
    busy: () => busy,
    /** Stops what runs; it waits in the queue for the next start. */
    async close(): Promise<void> {
      stop.abort();
      queue.wake();
      await Promise.all(loops);
    },
  };
}

function tell(log: Log, document: LedgerDocument, result: Result, ms: number): void {
  if (!('outcome' in result)) return;
  const { state, error, chunks } = result.outcome;
  const fields = { document: document.id, uri: document.uri, state, chunks, ms: Math.round(ms) };
  if (error) log.warn({ ...fields, code: error.code, reason: error.message }, 'document not searchable');
  else log.info(fields, 'document done');
}

/** Resolves when a job may be ready: one was enqueued, or the next waiting one is due. */
function somethingDue(queue: Queue, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const due = queue.nextDueMs();
  const timer = due === undefined ? undefined : setTimeout(resolve, Math.max(10, due));
  queue.events.once('ready', resolve);
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) resolve();
  return promise.finally(() => {
    clearTimeout(timer);
    queue.events.off('ready', resolve);
    signal.removeEventListener('abort', onAbort);
  });
}
