import { EventEmitter } from 'node:events';
import type { Connection, Database } from '../sqlite.ts';

/** A claimed job. `token` is the number of its claim: who lost the lease cannot finish it. */
export interface Job {
  id: number;
  token: number;
  kind: string;
  /** What the job is about; two jobs of one key wait as one and never run at once. */
  key: string;
  /** Higher goes first. */
  priority: number;
  /** How often it ended in a failure, not counting what a server's absence cost. */
  failures: number;
}

export interface JobRow extends Job {
  state: 'queued' | 'waiting' | 'running';
  reason: string | null;
  run_at: number;
}

/** Who goes first: what is taken away, what somebody waits for, small files, large ones, what is searchable as it is. */
export const PRIORITY = { gone: 3, awaited: 2, small: 1, large: 0, again: -1 } as const;

/** Files up to this size go before larger ones, so that a note does not wait behind a library. */
const SMALL_BYTES = 4 * 1024 * 1024;

/** Of a file that was not read yet. */
export const priorityOf = (bytes: number): number => (bytes <= SMALL_BYTES ? PRIORITY.small : PRIORITY.large);

/** A lease is renewed at a third of this; a job whose process died is free again after it. */
export const LEASE_MS = 30_000;

const SCHEMA = [
  `create table job(
     id integer primary key autoincrement, kind text not null, key text not null, state text not null,
     priority integer not null default 0, run_at integer not null default 0,
     token integer not null default 0, failures integer not null default 0, lease_until integer, reason text
   );
   create unique index job_pending on job(kind, key) where state in ('queued', 'waiting');
   create index job_ready on job(priority desc, id) where state = 'queued';
   create index job_waiting on job(run_at) where state = 'waiting';
   create index job_running on job(kind, key) where state = 'running';
   create index job_key on job(kind, key);`,
  `drop index job_ready;
   create index job_ready on job(kind, priority desc, id) where state = 'queued';`,
];

const COLUMNS = 'id, token, kind, key, priority, failures';

export type Queue = ReturnType<typeof createQueue>;

/** Milliseconds since 1970 that never run backwards within this process. */
const monotonicNow = (): number => Math.floor(performance.timeOrigin + performance.now());

/**
 * A durable queue in the service's database. A job of a running key may be enqueued and then waits for it,
 * so that a change during the work is not lost. Jobs that are done leave no row.
 */
export function createQueue(database: Database, { now = monotonicNow }: { now?: () => number } = {}) {
  database.migrate('queue', SCHEMA);
  const events = new EventEmitter<{ ready: [] }>();
  events.setMaxListeners(0); // one per worker
  let wakings = 0;
  const { read } = database;

  /** One process owns the data folder, so every lease of an earlier run is void. */
  async function recover(): Promise<void> {
    await database.write((connection) => {
      release(connection, `state = 'running'`);
      connection.run(
        `update job set run_at = ? where state = 'waiting' and run_at > ?`,
        now(),
        now() + 3_600_000,
      );
    });
  }

  return {
    events,
    recover,

    /** Whether a job of the same key waits. Inside a transaction. */
    isPending: (connection: Connection, { kind, key }: Pick<Job, 'kind' | 'key'>): boolean =>
      connection.get(
        `select 1 from job where kind = ? and key = ? and state in ('queued', 'waiting')`,
        kind,
        key,
      ) !== undefined,

    /** Inside the transaction that writes the row the job is about; call `wake` after it. */
    enqueue(
      connection: Connection,
      job: { kind: string; key: string; priority?: number; delayMs?: number },
    ): void {
      connection.run(
        `insert into job(kind, key, state, priority, run_at) values (?, ?, ?, ?, ?)
         on conflict(kind, key) where state in ('queued', 'waiting')
         do update set state = excluded.state, run_at = excluded.run_at, failures = 0,
           priority = max(priority, excluded.priority)`,
        job.kind,
        job.key,
        job.delayMs ? 'waiting' : 'queued',
        job.priority ?? 0,
        now() + (job.delayMs ?? 0),
      );
    },

    wake(): void {
      wakings++;
      events.emit('ready');
    },

    /** How often `wake` was called: who looks for a job asks before, and waits with `somethingDue` for another time. */
    wakings: () => wakings,

    /** The next job of this kind whose key is not running, leased; undefined when there is none. */
    claim: (kind: string): Promise<Job | undefined> =>
      database.write((connection) => {
        release(connection, `state = 'running' and lease_until < ?`, now());
        connection.run(`update job set state = 'queued' where state = 'waiting' and run_at <= ?`, now());
        return connection.get<Job>(
          `update job set state = 'running', token = token + 1, lease_until = ?
           where id = (
             select id from job where kind = ? and state = 'queued' and not exists (
               select 1 from job busy where busy.kind = job.kind and busy.key = job.key and busy.state = 'running')
             order by priority desc, id limit 1)
           returning ${COLUMNS}`,
          now() + LEASE_MS,
          kind,
        );
      }),

    /** False when the lease is lost: stop, and drop the result. */
    renew: (job: Job): Promise<boolean> =>
      database.write(
        (connection) =>
          connection.run(
            `update job set lease_until = ? where id = ? and state = 'running' and token = ?`,
            now() + LEASE_MS,
            job.id,
            job.token,
          ).changes === 1,
      ),

    /** Ends the job inside the transaction of its effects; throws when the lease is lost, to take them back. */
    end,

    /** Puts the job back to be tried after `delayMs`. Inside a transaction. */
    retry(
      connection: Connection,
      job: Job,
      options: { delayMs: number; reason: string; counts: boolean },
    ): void {
      end(connection, job);
      connection.run(
        `insert into job(kind, key, state, priority, run_at, token, failures, reason)
         values (?, ?, 'waiting', ?, ?, ?, ?, ?)
         on conflict(kind, key) where state in ('queued', 'waiting') do nothing`,
        job.kind,
        job.key,
        job.priority,
        now() + options.delayMs,
        job.token,
        job.failures + (options.counts ? 1 : 0),
        options.reason,
      );
    },

    /** Milliseconds until the next waiting job is due; undefined when none waits. */
    nextDueMs(): number | undefined {
      const row = read.get<{ run_at: number }>(
        `select run_at from job where state = 'waiting' order by run_at limit 1`,
      );
      return row && Math.max(0, row.run_at - now());
    },

    list: (after: number, limit: number): JobRow[] =>
      read.all<JobRow>(
        `select ${COLUMNS}, state, reason, run_at from job where id > ? order by id limit ?`,
        after,
        limit,
      ),

    get: (id: number): JobRow | undefined =>
      read.get<JobRow>(`select ${COLUMNS}, state, reason, run_at from job where id = ?`, id),

    /** Whether a job of this key waits or runs. */
    has: (kind: string, key: string): boolean =>
      read.get('select 1 from job where kind = ? and key = ? limit 1', kind, key) !== undefined,

    /** Takes away a job that nobody has claimed; false when somebody has. Inside a transaction. */
    remove: (connection: Connection, id: number): boolean =>
      connection.run(`delete from job where id = ? and state != 'running'`, id).changes === 1,

    /** Jobs that wait or run. */
    size: (): number => read.get<{ count: number }>('select count(*) as count from job')?.count ?? 0,

    /** Forgets what waits for `key`. Inside a transaction. */
    drop(connection: Connection, kind: string, key: string): void {
      connection.run(`delete from job where kind = ? and key = ? and state != 'running'`, kind, key);
    },
  };
}

/** Returns running jobs to the queue, or drops them where the same key waits already. */
function release(connection: Connection, where: string, ...values: number[]): void {
  connection.run(
    `delete from job where ${where} and exists (
       select 1 from job other where other.kind = job.kind and other.key = job.key
       and other.state in ('queued', 'waiting'))`,
    ...values,
  );
  connection.run(`update job set state = 'queued', lease_until = null where ${where}`, ...values);
}

function end(connection: Connection, job: Job): void {
  const { changes } = connection.run(
    `delete from job where id = ? and state = 'running' and token = ?`,
    job.id,
    job.token,
  );
  if (changes === 0) throw new Error(`The lease of job ${job.id} (${job.key}) was lost.`);
}

/**
 * Resolves when a job may be ready: one was enqueued since `wakings` were counted, the next waiting one is due, or a lease
 * may have ended. One that is enqueued while another is looked for may be committed together with that look, and is told of
 * before who looked has learnt that there is none.
 */
export function somethingDue(
  queue: Pick<Queue, 'nextDueMs' | 'events' | 'wakings'>,
  wakings: number,
  signal: AbortSignal,
): Promise<void> {
  if (queue.wakings() !== wakings) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const due = queue.nextDueMs() ?? LEASE_MS;
  const timer = setTimeout(resolve, Math.min(Math.max(10, due), LEASE_MS));
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
