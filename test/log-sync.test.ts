import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogSync } from '../src/log-sync.ts';
import { openDatabase, type Database } from '../src/sqlite.ts';
import { removeFolder, temporaryFolder } from './service.ts';
import { until } from './until.ts';

/** A disk that is busy until it is told otherwise. */
let disk: PromiseWithResolvers<void>;
let syncs: number;
let folder: string;
let database: Database;

beforeEach(async () => {
  folder = await temporaryFolder();
  syncs = 0;
  disk = Promise.withResolvers();
  const path = join(folder, 'test.sqlite');
  const log = createLogSync(`${path}-wal`, async (file) => {
    syncs++;
    await disk.promise;
    await file.datasync();
  });
  database = openDatabase(path, log);
  database.migrate('test', ['create table note(text text)']);
});

afterEach(async () => {
  disk.resolve();
  await database.close();
  await removeFolder(folder);
});

const insert = (text: string): Promise<unknown> =>
  database.write((connection) => connection.run('insert into note values (?)', text));
const written = (): number => database.read.all('select 1 from note').length;

it('nobody is told of a commit before it is on the disk, and commits that come meanwhile share the next sync', async () => {
  const told: string[] = [];
  const first = insert('first').then(() => told.push('first'));
  await until(() => syncs === 1, 'the first sync');
  const later = ['second', 'third', 'fourth'].map((text) => insert(text).then(() => told.push(text)));
  await until(() => written() === 4, 'all commits');
  expect(told).toEqual([]);
  disk.resolve();
  await Promise.all([first, ...later]);
  expect(told).toEqual(['first', 'second', 'third', 'fourth']);
  expect(syncs).toBe(2);
});

it('a disk that fails is told to those who wait, and tried again by the next', async () => {
  const lost = insert('lost');
  await until(() => syncs === 1, 'the first sync');
  disk.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  await expect(lost).rejects.toMatchObject({ code: 'disk_full' });
  disk = Promise.withResolvers();
  disk.resolve();
  await insert('kept');
  expect(syncs).toBe(2);
});

it('closing waits for the disk', async () => {
  const last = insert('last');
  await until(() => syncs === 1, 'the sync');
  let closed = false;
  const closing = database.close().then(() => (closed = true));
  await new Promise(setImmediate);
  expect(closed).toBe(false);
  disk.resolve();
  await Promise.all([last, closing]);
});
