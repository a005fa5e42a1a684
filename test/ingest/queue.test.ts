import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createQueue, LEASE_MS, somethingDue, type Job, type Queue } from '../../src/ingest/queue.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { removeFolder, temporaryFolder } from '../service.ts';

let folder: string;
let database: Database;
let clock: number;
let queue: Queue;

beforeEach(async () => {
  folder = await temporaryFolder();
  database = openDatabase(join(folder, 'test.sqlite'));
  clock = 1_000_000;
  queue = createQueue(database, { now: () => clock });
});

afterEach(async () => {
  await database.close();
  await removeFolder(folder);
});

const enqueue = (key: string, options: { priority?: number; delayMs?: number } = {}): Promise<void> =>
  database.write((connection) => queue.enqueue(connection, { kind: 'test', key, ...options }));

async function claim(kind = 'test'): Promise<Job> {
  const job = await queue.claim(kind);
  if (!job) throw new Error('Nothing to claim.');
  return job;
}

const end = (job: Job): Promise<void> => database.write((connection) => queue.end(connection, job));
const retry = (job: Job, delayMs: number, counts = true): Promise<void> =>
  database.write((connection) => queue.retry(connection, job, { delayMs, reason: 'test', counts }));
const rows = () => queue.list(0, 100).map(({ key, state }) => `${key} ${state}`);

describe('one key', () => {
  it('waits as one job, however often it is enqueued', async () => {
    await Promise.all([enqueue('a'), enqueue('a'), enqueue('a')]);
    expect(rows()).toEqual(['a queued']);
    await end(await claim());
    expect(await queue.claim('test')).toBeUndefined();
    expect(queue.size()).toBe(0);
  });

  it('that runs gets a second job, which waits until the first has ended', async () => {
    await enqueue('a');
    const first = await claim();
    await enqueue('a');
    await enqueue('b');
    expect((await claim()).key).toBe('b');
    expect(await queue.claim('test')).toBeUndefined();
    await end(first);
    expect((await claim()).key).toBe('a');
  });

  it('of another kind is another job', async () => {
    await enqueue('a');
    await database.write((connection) => queue.enqueue(connection, { kind: 'other', key: 'a' }));
    const claimed = [await claim('other'), await claim()].map(({ kind }) => kind);
    expect(claimed).toEqual(['other', 'test']);
  });

  it('is claimed by one of many that ask at once', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, n) => enqueue(`k${n}`)));
    const jobs = await Promise.all(Array.from({ length: 20 }, () => queue.claim('test')));
    const keys = jobs.flatMap((job) => job?.key ?? []);
    expect(keys.toSorted()).toEqual(Array.from({ length: 10 }, (_, n) => `k${n}`));
  });

  it('that waits is forgotten by drop, one that runs is not', async () => {
    await enqueue('a');
    await claim();
    await enqueue('a');
    await database.write((connection) => queue.drop(connection, 'test', 'a'));
    expect(rows()).toEqual(['a running']);
  });
});

describe('order', () => {
  it('is by priority, then by age', async () => {
    await enqueue('old');
    await enqueue('new');
    await enqueue('urgent', { priority: 1 });
    expect([(await claim()).key, (await claim()).key, (await claim()).key]).toEqual(['urgent', 'old', 'new']);
  });

  it('rises when a waiting job is asked for with more urgency, and is kept by a retry', async () => {
    await enqueue('a');
    await enqueue('b');
    await enqueue('b', { priority: 1 });
    const job = await claim();
    expect(job.key).toBe('b');
    await retry(job, 10);
    clock += 10;
    expect((await claim()).key).toBe('b');
  });
});

describe('a lease', () => {
  it('that ran out lets another take the job, and the first cannot end it', async () => {
    await enqueue('a');
    const slow = await claim();
    clock += LEASE_MS + 1;
    const second = await claim();
    expect(second.id).toBe(slow.id);
    expect(second.token).toBeGreaterThan(slow.token);
    await expect(end(slow)).rejects.toThrow('was lost');
    await expect(retry(slow, 0)).rejects.toThrow('was lost');
    expect(await queue.renew(slow)).toBe(false);
    await end(second);
    expect(queue.size()).toBe(0);
  });

  it('takes the effects of who lost it back, in the same transaction', async () => {
    database.migrate('test', ['create table effect(x)']);
    await enqueue('a');
    const slow = await claim();
    clock += LEASE_MS + 1;
    await claim();
    const finished = database.write((connection) => {
      connection.run('insert into effect values (1)');
      queue.end(connection, slow);
    });
    await expect(finished).rejects.toThrow('was lost');
    expect(database.read.all('select * from effect')).toEqual([]);
  });

  it('is held as long as it is renewed', async () => {
    await enqueue('a');
    const job = await claim();
    for (let n = 0; n < 5; n++) {
      clock += LEASE_MS - 1;
      expect(await queue.renew(job)).toBe(true);
      expect(await queue.claim('test')).toBeUndefined();
    }
    await end(job);
  });

  it('that ran out is dropped where the same key waits anyway', async () => {
    await enqueue('a');
    await claim();
    await enqueue('a');
    clock += LEASE_MS + 1;
    await claim();
    expect(rows()).toEqual(['a running']);
  });
});

describe('a retry', () => {
  it('waits for its time and counts what was the job’s own fault', async () => {
    await enqueue('a');
    await retry(await claim(), 500);
    expect(queue.nextDueMs()).toBe(500);
    clock += 499;
    expect(await queue.claim('test')).toBeUndefined();
    clock += 1;
    const again = await claim();
    expect(again.failures).toBe(1);
    await retry(again, 500, false);
    clock += 500;
    expect((await claim()).failures).toBe(1);
  });

  it('gives way to a newer job of the same key', async () => {
    await enqueue('a');
    const job = await claim();
    await enqueue('a');
    await retry(job, 60_000);
    expect(rows()).toEqual(['a queued']);
    expect((await claim()).failures).toBe(0);
  });

  it('that waits is brought forward, with a clean slate, when the key is enqueued again', async () => {
    await enqueue('a');
    await retry(await claim(), 60_000);
    await enqueue('a');
    expect(queue.nextDueMs()).toBeUndefined();
    expect((await claim()).failures).toBe(0);
  });

  it('is told from a delayed job, which waits too', async () => {
    await enqueue('a', { delayMs: 50 });
    expect(await queue.claim('test')).toBeUndefined();
    clock += 50;
    expect((await claim()).key).toBe('a');
  });
});

describe('after a crash', () => {
  it('what ran is queued again at once, unless it waits already', async () => {
    await enqueue('a');
    await enqueue('b');
    const before = await claim();
    await claim();
    await enqueue('b');
    const next = createQueue(database, { now: () => clock });
    await next.recover();
    expect(rows().toSorted()).toEqual(['a queued', 'b queued']);
    const again = await next.claim('test');
    expect(again?.token).toBeGreaterThan(before.token);
  });

  it('a clock that was wrong does not make a job wait for ever', async () => {
    await enqueue('a', { delayMs: 1000 });
    clock -= 10 * 24 * 3_600_000;
    await queue.recover();
    expect((await claim()).key).toBe('a');
  });
});

it('claims fast with 100 000 jobs behind it', async () => {
  await database.write(function* (connection) {
    for (let n = 0; n < 100_000; n++) {
      queue.enqueue(connection, { kind: 'test', key: `k${n}`, priority: n % 2 });
      yield;
    }
  });
  const alone = await bestOfFive(200, async () => end(await claim()));
  const together = await bestOfFive(
    20,
    async () => void (await Promise.all(Array.from({ length: 20 }, claim))),
  );
  process.stdout.write(`queue: ${Math.round(alone)} claims with their ends per second, one after another; `);
  process.stdout.write(`${Math.round(together * 20)} claims per second, twenty at a time\n`);
  expect(alone).toBeGreaterThan(250);
  expect(together * 20).toBeGreaterThan(1000);
});

/** Times per second that `work` runs, in the best of five rounds: other work on the machine only slows down. */
async function bestOfFive(times: number, work: () => Promise<void>): Promise<number> {
  let best = 0;
  for (let round = 0; round < 5; round++) {
    const since = performance.now();
    for (let n = 0; n < times; n++) await work();
    best = Math.max(best, (times * 1000) / (performance.now() - since));
  }
  return best;
}

it('a worker that waits looks again when a lease may have ended', async () => {
  vi.useFakeTimers();
  try {
    let woken = false;
    void somethingDue(queue, queue.wakings(), new AbortController().signal).then(() => (woken = true));
    await vi.advanceTimersByTimeAsync(LEASE_MS - 1);
    expect(woken).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(woken).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

it('a job that is enqueued while a worker looks for one is not slept over', async () => {
  const wakings = queue.wakings();
  // Both are in one transaction, the look first.
  const [looked] = await Promise.all([queue.claim('test'), enqueue('k').then(queue.wake)]);
  expect(looked).toBeUndefined();
  const asleep = new AbortController();
  const due = somethingDue(queue, wakings, asleep.signal).then(() => 'due');
  const other = after(1000).then(() => 'asleep');
  expect(await Promise.race([due, other])).toBe('due');
  asleep.abort();
  expect(await claim()).toMatchObject({ key: 'k' });
});
