import { setTimeout as after } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Connection, Database } from '../sqlite.ts';
import { reach } from '../points.ts';
import { publicFields, type Catalogue, type LedgerDocument, type Outcome } from './catalogue.ts';
import type { NoticeEvent, Notices } from './notices.ts';
import { NOT_ITS_FAULT, type Pipeline, type Result } from './pipeline.ts';
import type { Speed } from './preview.ts';
import { LEASE_MS, somethingDue, type Job, type Queue } from './queue.ts';

/** The one kind of job: bring the store in line with a document's file. Its key is the document's id. */
export const DOCUMENT_JOB = 'document';

/** After this many failures of its own a document is given up. */
const MAX_TRIES = 4;

export interface WorkerParts {
  database: Database;
  queue: Queue;
  catalogue: Catalogue;
  pipeline: Pick<Pipeline, 'process' | 'recount' | 'cancel'>;
  notices: Pick<Notices, 'write'>;
  /** Called after a document got chunks. */
  onStored: () => void;
  log: Log;
}

export type Worker = ReturnType<typeof createWorker>;

/** Runs `width` jobs side by side until closed; `firstRetryMs` doubles with every try. */
export function createWorker(options: { width: number; firstRetryMs: number }, parts: WorkerParts) {
  const { database, queue, catalogue, pipeline, notices, log } = parts;
  const stop = new AbortController();
  const speed: Speed = { documents: 0, bytes: 0, ms: 0, width: options.width };
  let loops: Promise<void>[] = [];
  /** A job is seen to run as soon as its claim is committed, which is before we are told of it. */
  const claims = new Set<Promise<Job | undefined>>();
  const running = new Map<number, { cancel: AbortController; ended: Promise<void> }>();

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        const wakings = queue.wakings();
        const job = await claim();
        if (!job) await somethingDue(queue, wakings, stop.signal);
        else await run(job);
      } catch (error) {
        await waitOut(error);
      }
    }
  }

  function claim(): Promise<Job | undefined> {
    const claimed = queue.claim(DOCUMENT_JOB).finally(() => claims.delete(claimed));
    claims.add(claimed);
    return claimed;
  }

  /** The queue itself failed, most likely on a full disk; or the store is away, which is said `once`. */
  async function waitOut(error: unknown, once = true): Promise<void> {
    if (!(error instanceof LimnerError) || error.code !== 'store_unavailable')
      log.error({ err: error }, 'the queue cannot be written; it is tried again');
    else if (once) log.warn({ code: error.code, reason: error.message }, 'the store is waited for');
    await after(options.firstRetryMs, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  /** Tries until it is written, while the lease is held: nobody else would do it. */
  async function insist(write: () => Promise<void>, given = stop.signal): Promise<void> {
    for (let tried = 1; ; tried++) {
      try {
        return await write();
      } catch (error) {
        if (stop.signal.aborted || given.aborted) throw error;
        await waitOut(error, tried === 1);
      }
    }
  }

  async function run(job: Job): Promise<void> {
    const lease = holdLease(job);
    const cancel = new AbortController();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    running.set(job.id, { cancel, ended });
    try {
      await work(job, AbortSignal.any([stop.signal, lease.lost, cancel.signal]));
    } catch (error) {
      if (lease.lost.aborted) log.warn({ document: job.key }, 'a job took too long and was taken over');
      else if (cancel.signal.aborted) await insist(() => giveUp(job), lease.lost);
      else await insist(() => putBack(job, error), lease.lost);
    } finally {
      lease.release();
      running.delete(job.id);
      resolve();
    }
  }

  /** Somebody cancelled the job; a document without a job has to say why. */
  async function giveUp(job: Job): Promise<void> {
    const document = catalogue.get(job.key);
    if (document) return finish(job, document, { outcome: await pipeline.cancel(document) });
    await database.write((connection) => queue.end(connection, job));
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
    const document = await database.write((connection) => begin(connection, job));
    if (!document) return;
    catalogue.announce(document.id);
    reach('claimed');
    const since = performance.now();
    const result = await pipeline.process(document, signal, job.failures + 1 >= MAX_TRIES);
    await finish(job, document, result);
    count(catalogue.get(document.id), performance.now() - since);
    tell(log, document, result, performance.now() - since);
  }

  /** Read where it is marked as worked on: nobody can have moved it in between. */
  function begin(connection: Connection, job: Job): LedgerDocument | undefined {
    const document = catalogue.read(connection, job.key);
    if (document) catalogue.set(connection, document.id, { state: 'working' });
    else queue.end(connection, job);
    return document;
  }

  function count(document: LedgerDocument | undefined, ms: number): void {
    speed.documents++;
    speed.bytes += document?.bytes ?? 0;
    speed.ms += ms;
  }

  /** The ledger and the queue change together; a lost lease takes both back. */
  async function finish(job: Job, document: LedgerDocument, result: Result): Promise<void> {
    await catalogue.change(document.id, (connection) => {
      if ('again' in result) {
        queue.retry(connection, job, { delayMs: result.again, reason: 'may have moved', counts: false });
        return catalogue.set(connection, document.id, { state: document.state });
      }
      queue.end(connection, job);
      if ('erasedFor' in result) return catalogue.erase(connection, document.id);
      // What was asked for meanwhile, such as another collection, is not in what was made: it is made again.
      if (queue.isPending(connection, job))
        return catalogue.set(connection, document.id, { ...result.outcome, state: 'waiting', recipe: null });
      catalogue.set(connection, document.id, result.outcome);
      const event = eventOf(result.outcome);
      if (event) notices.write(connection, event, publicFields({ ...document, ...result.outcome }));
    });
    reach('finished');
    queue.wake();
    const stored = storedBy(document, result);
    if (stored === undefined) return;
    parts.onStored();
    // Vectors may have come between the count and its commit; nobody else would count this document again.
    await insist(() => pipeline.recount(new Set([stored])));
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
    busy: () => running.size,
    speed: (): Speed => speed,
    /** Ends a job that runs, and resolves when it has ended; false when it does not run. */
    async cancel(id: number): Promise<boolean> {
      await Promise.allSettled(claims);
      const one = running.get(id);
      one?.cancel.abort();
      await one?.ended;
      return one !== undefined;
    },
    /** Stops what runs; it waits in the queue for the next start. */
    async close(): Promise<void> {
      stop.abort();
      queue.wake();
      await Promise.all(loops);
    },
  };
}

/** The document that may have got chunks: with another ending, one that moved was made again. */
function storedBy({ id }: LedgerDocument, result: Result): string | undefined {
  if ('erasedFor' in result) return result.erasedFor;
  return 'outcome' in result && result.outcome.state === 'searchable' ? id : undefined;
}

/** What a finished run is for those who want to be told; undefined when nothing is new. */
function eventOf({ state, chunks }: Outcome): NoticeEvent | undefined {
  if (state === 'failed' || state === 'gone') return `document.${state}`;
  return chunks !== undefined && (state === 'searchable' || state === 'empty')
    ? `document.${state}`
    : undefined;
}

function tell(log: Log, document: LedgerDocument, result: Result, ms: number): void {
  if (!('outcome' in result)) return;
  const { state, error, chunks } = result.outcome;
  const fields = { document: document.id, uri: document.uri, state, chunks, ms: Math.round(ms) };
  if (error) log.warn({ ...fields, code: error.code, reason: error.message }, 'document not searchable');
  else log.info(fields, 'document done');
}
