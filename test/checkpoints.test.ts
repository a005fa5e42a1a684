import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCheckpoints } from '../src/checkpoints.ts';
import { openDatabase, type Database } from '../src/sqlite.ts';
import { removeFolder, temporaryFolder } from './service.ts';

const MIB = 1024 * 1024;
/** A log of so many rows is brought into the file. */
const LONG = 32;

let folder: string;
let path: string;
let database: Database;

beforeEach(async () => {
  folder = await temporaryFolder();
  path = join(folder, 'test.sqlite');
  database = openDatabase(path);
  database.migrate('test', ['create table blob(n integer primary key, data blob)']);
});

afterEach(async () => {
  await database.close();
  await removeFolder(folder);
});

async function write(from: number, rows: number): Promise<void> {
  for (let n = from; n < from + rows; n++)
    await database.write((connection) =>
      connection.run('insert into blob values (?, ?)', n, Buffer.alloc(MIB, n % 251)),
    );
}

/** Writes until the log begins anew; gives the number of the next row. */
async function writeUntilShort(from: number): Promise<number> {
  const other = new DatabaseSync(path);
  const pages = (): number => Number(other.prepare('pragma wal_checkpoint(noop)').get()?.['log']);
  let n = from;
  for (let before = -1; before < pages(); n++) {
    before = pages();
    await write(n, 1);
  }
  other.close();
  return n;
}

function expectRows(count: number): void {
  expect(database.integrity()).toEqual([]);
  const rows = database.read.all<{ n: number; data: Uint8Array }>('select n, data from blob order by n');
  expect(rows).toHaveLength(count);
  expect(rows.every(({ n, data }) => data.length === MIB && data[0] === n % 251)).toBe(true);
}

it('a log that grows long is brought into the file and begins anew, while writes go on', async () => {
  const rows = await writeUntilShort(0);
  expect(rows).toBeGreaterThan(LONG - 2);
  expectRows(await writeUntilShort(rows));
});

it('a log that somebody reads begins anew when they have ended', async () => {
  await write(0, 1);
  const reader = new DatabaseSync(path);
  reader.exec('begin; select count(*) from blob');
  await write(1, 2 * LONG);
  expect(reader.prepare('select count(*) as count from blob').get()).toEqual({ count: 1 });
  expect((await stat(`${path}-wal`)).size).toBeGreaterThan(2 * LONG * MIB);
  reader.close();
  expectRows(await writeUntilShort(1 + 2 * LONG));
});

it('a checkpoint that fails holds nobody up', async () => {
  const checkpoints = createCheckpoints(join(folder, 'nowhere', 'test.sqlite'), 8);
  checkpoints.look(9);
  await checkpoints.close();
  checkpoints.look(100);
  await expect(checkpoints.turn()).resolves.toBeUndefined();
  await checkpoints.close();
});

/** Writes rows of 256 KiB for ever, and tells the number of each that is kept. */
const WRITER = `
  import { openDatabase } from ${JSON.stringify(new URL('../src/sqlite.ts', import.meta.url).href)};
  const database = openDatabase(process.argv[1]);
  const { last } = database.read.get('select coalesce(max(n), -1) as last from blob');
  await Promise.all(Array.from({ length: 4 }, async (_, at) => {
    for (let n = last + 1 + at; ; n += 4) {
      await database.write((connection) => connection.run('insert into blob values (?, ?)', n, Buffer.alloc(262144, n % 251)));
      console.log(n);
    }
  }));`;

/** Kills the writer with SIGKILL after so many rows; gives those that it told. */
async function writeAndKill(rows: number): Promise<number[]> {
  const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(writer, 'exit');
  const told: number[] = [];
  for await (const line of createInterface(writer.stdout)) {
    told.push(Number(line));
    if (told.length === rows) writer.kill('SIGKILL');
  }
  await exit;
  return told;
}

it('a kill in the middle of checkpoints loses nothing that was told', { timeout: 60_000 }, async () => {
  await database.close();
  const told = new Set<number>();
  // A checkpoint begins every 128 rows; each kill comes at another moment of it.
  for (const rows of [260, 275, 290, 305]) for (const n of await writeAndKill(rows)) told.add(n);
  database = openDatabase(path);
  expect(database.integrity()).toEqual([]);
  const rows = database.read.all<{ n: number; data: Uint8Array }>('select n, data from blob');
  const there = new Set(rows.map(({ n }) => n));
  expect([...told].filter((n) => !there.has(n))).toEqual([]);
  const isWhole = rows.every(({ n, data }) => Buffer.alloc(262_144, n % 251).equals(data));
  expect(isWhole).toBe(true);
});
