import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createCheckpoints, type Checkpoints } from './checkpoints.ts';
import { LimnerError, systemCode } from './errors.ts';
import { createLogSync, type LogSync } from './log-sync.ts';

/** Work on the writing connection. A generator may yield where the event loop may have a turn. */
type Work<T> = (connection: Connection) => T | Generator<void, T>;

/** One SQLite connection with its prepared statements. Rows are shaped by our own SQL, hence the type argument. */
export interface Connection {
  run(sql: string, ...values: SQLInputValue[]): { changes: number; id: number };
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[];
}

/**
 * The one database file: a reading connection that always sees the last commit, and a writing connection
 * whose work is done one after another. Writes that wait together share a commit, each in a savepoint of its own, so that
 * one that throws takes back only itself; commits that come while the disk is busy share its next fsync.
 */
export interface Database {
  path: string;
  read: Connection;
  /**
   * Resolves when the commit is on the disk. `onCommit` is called before that, when others can read what was written: it
   * brings what follows from the rows in line with them. Rejects with what `work` threw, and then nothing of it is kept.
   */
  write<T>(work: Work<T>, onCommit?: (value: T) => void): Promise<T>;
  /** Runs the steps of `part` that this file has not seen yet, in order, each once. */
  migrate(part: string, steps: readonly string[]): void;
  /** What SQLite's own check finds wrong with the file, a line each; nothing when all is well. */
  integrity(): string[];
  /** Lets go of the pages that both connections hold in memory. */
  forgetPages(): void;
  close(): Promise<void>;
}

/**
 * Keeps a second process from using `folder`; returns what lets it go. The lock is the system's own, on an open
 * file, so that it ends with the process however that ends. Throws `data_in_use` naming the process.
 */
export function lockFolder(folder: string): () => void {
  const pidFile = join(folder, 'limner.pid');
  const lock = new DatabaseSync(join(folder, 'limner.lock'));
  try {
    lock.exec('pragma busy_timeout = 0; begin exclusive');
  } catch (error) {
    lock.close();
    const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : 'unknown';
    throw new LimnerError('data_in_use', `Another Limner (process ${pid}) uses ${folder}; stop it first.`, {
      cause: error,
    });
  }
  writeFileSync(pidFile, String(process.pid));
  return () => {
    rmSync(pidFile, { force: true });
    lock.close();
  };
}

/** How long writes and slices of long writes may keep the event loop before others have a turn, in ms. */
const SLICE_MS = 2;

/** How long a commit takes in what waits, in ms: with more in each, there are fewer. */
const GATHER_MS = 4;

/** What is done between two turns of others. */
interface Slice {
  since: number;
}

const isUsedUp = ({ since }: Slice): boolean => performance.now() - since > SLICE_MS;

async function nextSlice(slice: Slice): Promise<void> {
  await nextTurn();
  slice.since = performance.now();
}

interface Waiting {
  work: Work<unknown>;
  onCommit: ((value: unknown) => void) | undefined;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** What is to be done when work was done: after the commit, and when that is on the disk. */
interface Outcome {
  committed: () => void;
  answer: () => void;
}

/** Opens (or makes) the file at `path` with WAL; a commit is told when its log is on the disk. Throws what SQLite
 * throws. */
export function openDatabase(path: string, log: LogSync = createLogSync(`${path}-wal`)): Database {
  const writing = new DatabaseSync(path);
  // With `normal` a commit is written to the log, whose order keeps the file whole, and not yet on the disk: that is
  // waited for beside the event loop, before anybody is told of the commit.
  writing.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 5000');
  // The log is brought into the file by a thread.
  writing.exec('pragma cache_size = -16000; pragma temp_store = memory; pragma wal_autocheckpoint = 0');
  const checkpoints = createCheckpoints(path);
  const reading = new DatabaseSync(path);
  reading.exec('pragma busy_timeout = 5000; pragma query_only = 1; pragma cache_size = -16000');
  const connection = wrap(writing);
  const waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  async function close(): Promise<void> {
    await running;
    await log.close();
    await checkpoints.close();
    reading.close();
    writing.close();
  }

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      await nextTurn();
      await checkpoints.turn();
      await commitTogether(writing, connection, waiting, { log, checkpoints });
    }
    running = undefined;
  }

  return {
    path,
    read: wrap(reading),
    write<T>(work: Work<T>, onCommit?: (value: T) => void): Promise<T> {
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      waiting.push({
        work,
        onCommit: onCommit && ((value) => onCommit(value as T)),
        resolve: (value) => resolve(value as T),
        reject,
      });
      running ??= drain();
      return promise;
    },
    migrate(part, steps) {
      migrate(writing, part, steps);
    },
    integrity() {
      try {
        const rows = reading.prepare('pragma quick_check(20)').all();
        return rows.flatMap((row) => Object.values(row).map(String)).filter((line) => line !== 'ok');
      } catch (error) {
        // Damage that the check itself cannot read past.
        if (!(error instanceof Error) || !('errcode' in error)) throw error;
        return [error.message];
      }
    },
    forgetPages() {
      for (const one of [reading, writing]) one.exec('pragma shrink_memory');
    },
    close: () => (closing ??= close()),
  };
}

/** How long the log is; `noop` copies nothing. */
const logPages = (writing: DatabaseSync): number =>
  Number(writing.prepare('pragma wal_checkpoint(noop)').get()?.['log']);

/** A connection that only reads the file, for a thread of its own, which takes it along when it ends. */
export function openReading(path: string): Connection {
  const reading = new DatabaseSync(path, { readOnly: true });
  reading.exec('pragma busy_timeout = 5000; pragma cache_size = -4000');
  return wrap(reading);
}

/**
 * Takes waiting work until a slice of time is used up, and commits it as one transaction. Who waits is answered when
 * the log is on the disk.
 */
async function commitTogether(
  writing: DatabaseSync,
  connection: Connection,
  waiting: Waiting[],
  { log, checkpoints }: { log: LogSync; checkpoints: Checkpoints },
): Promise<void> {
  const taken: Waiting[] = [];
  const outcomes: Outcome[] = [];
  try {
    checkpoints.look(logPages(writing));
    const begun = performance.now();
    const slice = { since: begun };
    writing.exec('begin immediate');
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      taken.push(one);
      outcomes.push(await runInSavepoint(writing, connection, one, slice));
      if (performance.now() - begun > GATHER_MS) break;
    }
    if (isUsedUp(slice)) await nextSlice(slice);
    writing.exec('commit');
  } catch (error) {
    if (writing.isOpen && writing.isTransaction) writing.exec('rollback');
    const failed = taken.length > 0 ? taken : waiting.splice(0);
    for (const one of failed) one.reject(named(error));
    return;
  }
  for (const { committed } of outcomes) committed();
  // The next commit need not wait: it comes after this one in the log, too.
  log.sync().then(
    () => outcomes.forEach((outcome) => outcome.answer()),
    (error: unknown) => taken.forEach((one) => one.reject(named(error))),
  );
}

const SQLITE_FULL = 13;

/** Result codes of SQLite and of the system that the person at the machine can mend, as our own errors. */
function named(error: unknown): unknown {
  const isFull = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL;
  if (isFull || systemCode(error) === 'ENOSPC')
    return new LimnerError('disk_full', 'The disk of the data folder is full; free some space.', {
      cause: error,
    });
  return error;
}

async function runInSavepoint(
  writing: DatabaseSync,
  connection: Connection,
  one: Waiting,
  slice: Slice,
): Promise<Outcome> {
  writing.exec('savepoint work');
  try {
    const value = await finish(one.work(connection), slice);
    writing.exec('release work');
    return outcomeOf(one, value);
  } catch (error) {
    // SQLite took back the whole transaction by itself, so the work before this one is lost too.
    if (!writing.isTransaction) throw error;
    writing.exec('rollback to work; release work');
    return { committed: () => undefined, answer: () => one.reject(named(error)) };
  }
}

function outcomeOf(one: Waiting, value: unknown): Outcome {
  const outcome: Outcome = {
    committed() {
      try {
        one.onCommit?.(value);
      } catch (error) {
        outcome.answer = () => one.reject(error);
      }
    },
    answer: () => one.resolve(value),
  };
  return outcome;
}

/** Runs a generator to its end, giving the event loop a turn whenever a slice of time is used up. */
async function finish<T>(started: T | Generator<void, T>, slice: Slice): Promise<T> {
  if (!isGenerator(started)) return started;
  for (let step = started.next(); ; step = started.next()) {
    if (step.done) return step.value;
    if (isUsedUp(slice)) await nextSlice(slice);
  }
}

function isGenerator<T>(value: T | Generator<void, T>): value is Generator<void, T> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value && 'throw' in value;
}

function wrap(database: DatabaseSync): Connection {
  const statements = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  };
  return {
    run(sql, ...values) {
      const { changes, lastInsertRowid } = prepare(sql).run(...values);
      return { changes: Number(changes), id: Number(lastInsertRowid) };
    },
    get: <Row>(sql: string, ...values: SQLInputValue[]) => prepare(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SQLInputValue[]) => prepare(sql).all(...values) as Row[],
  };
}

function migrate(database: DatabaseSync, part: string, steps: readonly string[]): void {
  database.exec('create table if not exists schema_version(part text primary key, version integer not null)');
  const row = database.prepare('select version from schema_version where part = ?').get(part);
  const done = typeof row?.version === 'number' ? row.version : 0;
  if (done > steps.length)
    throw new Error(`The data folder was written by a newer Limner (${part} is at version ${done}).`);
  for (let step = done; step < steps.length; step++) {
    try {
      database.exec(`begin immediate; ${steps[step]}`);
      database.prepare('insert or replace into schema_version values (?, ?)').run(part, step + 1);
      database.exec('commit');
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      throw error;
    }
  }
}
