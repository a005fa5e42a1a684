import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { ErrorCode, LimnerError } from '../errors.ts';
import type { Connection, Database } from '../sqlite.ts';
import type { InputValues } from './bind.ts';
import { ENDED, toJob as jobOf, type ImageJob, type Origin, type Row } from './job.ts';
import { selectJobs, type JobQuery } from './job-query.ts';
import type { Media } from './media.ts';

const SCHEMA = [
  `create table image_job(
     id text primary key, number integer not null, workflow text not null, state text not null,
     inputs text not null, passages text not null default '[]', outputs text not null default '[]',
     error_code text, error_message text, worker text, prompt_id text, attempts integer not null default 0,
     run_at integer not null default 0, request text unique, fingerprint text not null,
     created_at text not null, updated_at text not null
   );
   create unique index image_job_number on image_job(number);
   create index image_job_state on image_job(state, number);
   create index image_job_fingerprint on image_job(fingerprint) where state = 'done';`,
  'alter table image_job add column client_id text',
];

export interface NewJob {
  workflow: string;
  inputs: InputValues;
  passages: Origin[];
  /** Equal for jobs that must give equal files. */
  fingerprint: string;
  /** The caller's own name for this request: the same one again gives the same job. */
  request?: string | undefined;
}

export type Jobs = ReturnType<typeof createJobs>;

/** What else is written in the transaction that ends a job. */
export type OnEnded = (connection: Connection, job: ImageJob) => void;

/** The durable list of picture jobs, in the service's database. Running ones survive an end of the process. */
export function createJobs(database: Database, onEnded: OnEnded = () => undefined) {
  database.migrate('images', SCHEMA);
  const events = new EventEmitter<{ change: [ImageJob] }>();
  events.setMaxListeners(0);
  const progress = new Map<string, number>();
  const { read } = database;

  const toJob = (row: Row): ImageJob => jobOf(row, progress.get(row.id));

  function get(id: string): ImageJob | undefined {
    const row = read.get<Row>('select * from image_job where id = ?', id);
    return row && toJob(row);
  }

  function tell(id: string): void {
    const job = get(id);
    if (job) events.emit('change', job);
  }

  /** Changes a job unless it ended meanwhile; false when it did. */
  async function change(id: string, set: string, ...values: (string | number | null)[]): Promise<boolean> {
    const isChanged = await database.write((connection) => {
      const { changes } = connection.run(
        `update image_job set ${set}, updated_at = ?
         where id = ? and state in ('waiting', 'running', 'cancelling')`,
        ...values,
        new Date().toISOString(),
        id,
      );
      const row = connection.get<Row>('select * from image_job where id = ?', id);
      if (changes > 0 && row && ENDED.has(row.state)) onEnded(connection, toJob(row));
      return changes > 0;
    });
    if (isChanged) tell(id);
    return isChanged;
  }

  return {
    events,
    get,
    change,

    async add(job: NewJob): Promise<ImageJob> {
      const id = await database.write((connection) => {
        const known = connection.get<{ id: string }>(
          'select id from image_job where request = ?',
          job.request ?? null,
        );
        return known?.id ?? insert(connection, job);
      });
      tell(id);
      const added = get(id);
      if (!added) throw new Error('A job that was just added is not there.');
      return added;
    },

    /** A finished job that was given the same inputs. */
    twin(fingerprint: string): ImageJob | undefined {
      const row = read.get<Row>(
        `select * from image_job where fingerprint = ? and state = 'done' order by number desc limit 1`,
        fingerprint,
      );
      return row && toJob(row);
    },

    /** Waiting jobs of these workflows that are due, oldest first. */
    due: (workflows: readonly string[], { after, limit }: { after: number; limit: number }): ImageJob[] =>
      read
        .all<Row>(
          `select * from image_job where state = 'waiting' and run_at <= ? and number > ?
           and workflow in (select value from json_each(?)) order by number limit ?`,
          Date.now(),
          after,
          JSON.stringify(workflows),
          limit,
        )
        .map(toJob),

    /** Milliseconds until the next waiting job is due. */
    nextDueMs(): number | undefined {
      const row = read.get<{ at: number | null }>(
        `select min(run_at) at from image_job where state = 'waiting' and run_at > ?`,
        Date.now(),
      );
      return row?.at ? Math.max(1, row.at - Date.now()) : undefined;
    },

    running: (): ImageJob[] =>
      read
        .all<Row>(`select * from image_job where state in ('running', 'cancelling') order by number`)
        .map(toJob),

    waiting: (): ImageJob[] =>
      read.all<Row>(`select * from image_job where state = 'waiting' order by number`).map(toJob),

    /** Newest first. */
    list: (query: JobQuery): ImageJob[] => {
      const { sql, values } = selectJobs(query);
      return read.all<Row>(sql, ...values).map(toJob);
    },

    counts: (): Record<string, number> =>
      Object.fromEntries(
        read
          .all<{ state: string; count: number }>('select state, count(*) count from image_job group by state')
          .map(({ state, count }) => [state, count]),
      ),

    /** A fraction is worth showing, not worth a write. */
    setProgress(id: string, fraction: number): void {
      progress.set(id, fraction);
      tell(id);
    },

    finish(id: string, outputs: readonly Media[]): Promise<boolean> {
      progress.delete(id);
      return change(
        id,
        `state = 'done', outputs = ?, error_code = null, error_message = null`,
        JSON.stringify(outputs),
      );
    },

    end(id: string, state: 'failed' | 'cancelled' | 'lost', error: Pick<LimnerError, 'code' | 'message'>) {
      progress.delete(id);
      return change(id, 'state = ?, error_code = ?, error_message = ?', state, error.code, error.message);
    },

    retry(id: string, delayMs: number, error: { code: ErrorCode; message: string }): Promise<boolean> {
      progress.delete(id);
      return change(
        id,
        `state = 'waiting', run_at = ?, prompt_id = null, worker = null, error_code = ?, error_message = ?`,
        Date.now() + delayMs,
        error.code,
        error.message,
      );
    },
  };
}

function insert(connection: Connection, job: NewJob): string {
  const id = randomUUID();
  const now = new Date().toISOString();
  connection.run(
    `insert into image_job(id, number, workflow, state, inputs, passages, request, fingerprint, created_at, updated_at)
     values (?, (select coalesce(max(number), 0) + 1 from image_job), ?, 'waiting', ?, ?, ?, ?, ?, ?)`,
    id,
    job.workflow,
    JSON.stringify(job.inputs),
    JSON.stringify(job.passages),
    job.request ?? null,
    job.fingerprint,
    now,
    now,
  );
  return id;
}
