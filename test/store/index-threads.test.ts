import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { until } from '../until.ts';
import { createBatches } from '../../src/store/batches.ts';
import { createChunkIndex, type ChunkIndex } from '../../src/store/chunk-index.ts';
import { termKey } from '../../src/store/chunk-terms.ts';
import type { IndexHit } from '../../src/store/index-reader.ts';
import { createIndexThreads, type IndexThreads } from '../../src/store/index-threads.ts';
import { PAGE_SLOTS } from '../../src/store/page.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import { abandonScan, createScan, joinScan, type SharedScan } from '../../src/store/shared-scan.ts';
import { openDatabase, type Connection } from '../../src/sqlite.ts';

const PAGES = 5;
const DIMENSIONS = 4;
const THREADS = 3;
const IDS = Array.from({ length: PAGES * PAGE_SLOTS }, (_, at) => at + 1);
const NEAR = { vector: { model: 'model', values: vectorOf(0.3) }, limit: 60 };

/** Another direction for another number. */
function vectorOf(seed: number): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(seed * (at + 1)));
}

function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
}

function fill(index: ChunkIndex): void {
  const batches = createBatches();
  const fields = { id: 'd', uri: '', title: '', collection: 'c' };
  for (const id of IDS) batches.add(id, 0, fields, { ordinal: id, text: `w${id % 100}`, span: [0, 1] });
  index.useVectors('model');
  index.publish({
    placed: [[0, 'c']],
    added: batches.take(),
    vectors: IDS.map((id) => ({ id, vector: vectorOf(id) })),
  });
}

/** The rows that tell how near a chunk is. */
function* insertRows(connection: Connection): Generator<void, void> {
  for (const id of IDS) {
    const key = Buffer.from(String(id));
    connection.run(
      `insert into chunk(id, document_id, collection, ordinal, text, span_start, span_end, embedding_key, model)
       values (?, 'd', 'c', ?, '', 0, 0, ?, 'model')`,
      id,
      id,
      key,
    );
    connection.run(`insert into vector values (?, 'model', ?)`, key, new Uint8Array(vectorOf(id).buffer));
    yield;
  }
}

describe('threads that share a search', () => {
  const index = createChunkIndex(() => Infinity);
  let folder: string;
  let threads: IndexThreads;
  /** Tasks that were given to threads: each is told what changed. */
  let tasks = 0;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const path = join(folder, 'limner.sqlite');
    const database = openDatabase(path);
    await createEmbeddedStore(database).close();
    await database.write(insertRows);
    await database.close();
    fill(index);
    const changes = (since: number) => {
      tasks++;
      return index.changes(since);
    };
    threads = createIndexThreads({ path, size: THREADS }, { changes });
  });
  afterAll(async () => {
    await threads.close();
    await removeFolder(folder);
  });

  const inOrder = (hits: readonly IndexHit[] = []) =>
    hits.toSorted((one, other) => other.score - one.score || one.id - other.id);

  test('find together what one finds alone, with more threads each time', async () => {
    const alone = inOrder(await threads.near(NEAR, 1));
    expect(alone).toHaveLength(NEAR.limit);
    const exact = IDS.map((id) => dot(vectorOf(id), NEAR.vector.values)).sort((one, other) => other - one);
    for (const [at, { score }] of alone.slice(0, 10).entries()) expect(score).toBeCloseTo(exact[at] ?? 0, 5);
    await until(async () => {
      const before = tasks;
      expect(inOrder(await threads.near(NEAR, THREADS))).toEqual(alone);
      return tasks - before === THREADS;
    }, 'a search by all threads');
  });

  test('leave those that are busy alone', async () => {
    const before = tasks;
    const asked = Array.from({ length: 3 * THREADS }, () => threads.near(NEAR, THREADS));
    const [first, ...others] = await Promise.all(asked);
    for (const other of others) expect(inOrder(other)).toEqual(inOrder(first));
    expect(tasks - before).toBeLessThan(3 * THREADS * THREADS);
  });

  test('that look for words come to help', async () => {
    const before = tasks;
    const words = threads.keywords({ keys: [termKey('w7')], likely: [], limit: 10 });
    const near = threads.near(NEAR, THREADS);
    await Promise.all([words, near]);
    expect(inOrder(await near)).toEqual(inOrder(await threads.near(NEAR, 1)));
    await until(() => tasks - before === THREADS + 2, 'the one that looked for words');
  });

  test('tell a chunk with the numbers of its document and its text', async () => {
    const hits = await threads.keywords({ keys: [termKey('w7')], likely: [], limit: 10 });
    expect(hits).toHaveLength(10);
    for (const { id, document, text } of hits ?? [])
      expect({ id: id % 100, document, text }).toEqual({ id: 7, document: 0, text: termKey('w7') });
  });

  test('a chunk that has gone from the rows makes the search be asked again', async () => {
    const [nearest] = inOrder(await threads.near(NEAR, 1));
    const database = openDatabase(join(folder, 'limner.sqlite'));
    await database.write((connection) => connection.run('delete from chunk where id = ?', nearest?.id ?? 0));
    await database.close();
    expect(await threads.near(NEAR, THREADS)).toBeUndefined();
  });
});

describe('a scan by several', () => {
  const found = (...scores: number[]) => scores.map((score) => ({ id: score, place: 0, score }));

  test('shares the best of all, as many for each', async () => {
    const scan = createScan(2, 4);
    const mine = joinScan(scan, 1);
    const theirs = await shareElsewhere(scan, found(8, 7, 6, 1));
    const own = mine?.shareOfBest(found(9, 2));
    expect([own?.found.map(({ id }) => id), await theirs.ids]).toEqual([
      [9, 7],
      [8, 6],
    ]);
    expect(own?.threads).toBe(2);
  });

  test('does not wait for one that has gone', async () => {
    const scan = createScan(2, 4);
    joinScan(scan, 1);
    const waiting = await shareElsewhere(scan, found(1));
    abandonScan(scan);
    await expect(waiting.ids).rejects.toThrow('has gone');
  });

  test('does not wait for one that comes when all is done', () => {
    const scan = createScan(3, 4);
    const mine = joinScan(scan, 1);
    expect([mine?.nextPage(), mine?.nextPage()]).toEqual([0, 1]);
    expect(mine?.shareOfBest(found(9, 2))).toEqual({ found: found(9, 2), threads: 1 });
    expect(joinScan(scan, 1)).toBeUndefined();
  });

  test('is not shared by one that knows other pages', () => {
    const scan = createScan(3, 4);
    joinScan(scan, 7);
    expect(joinScan(scan, 8)).toBeUndefined();
    expect(joinScan(scan, 7)?.nextPage()).toBe(0);
  });
});

/** Another thread that has joined; the ids that it gets. */
async function shareElsewhere(
  scan: SharedScan,
  found: readonly unknown[],
): Promise<{ ids: Promise<unknown> }> {
  const module = new URL('../../src/store/shared-scan.ts', import.meta.url).href;
  const code = `const { parentPort, workerData: { scan, found } } = require('node:worker_threads');
    import(${JSON.stringify(module)}).then(({ joinScan }) => {
      const part = joinScan(scan, 1);
      parentPort.postMessage('joined');
      parentPort.postMessage(part.shareOfBest(found).found.map(({ id }) => id));
    });`;
  const worker = new Worker(code, { eval: true, workerData: { scan, found } });
  await once(worker, 'message');
  const ids = once(worker, 'message').then(([list]) => list);
  ids.catch(() => undefined);
  return { ids };
}
