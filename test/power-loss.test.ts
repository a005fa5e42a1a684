import { copyFile, open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from '../src/sqlite.ts';
import { removeFolder, temporaryFolder } from './service.ts';

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => removeFolder(folder));

const ROWS = 40;

/** Writes rows one after another, noting how long the log was after each commit; leaves the files as a crash does. */
async function writeRows(path: string): Promise<number[]> {
  const database = openDatabase(path);
  database.migrate('test', ['create table t(n integer primary key, text text)']);
  const log = await open(`${path}-wal`);
  const lengths: number[] = [];
  for (let n = 0; n < ROWS; n++) {
    await database.write((connection) =>
      connection.run('insert into t values (?, ?)', n, 'x'.repeat(100 * (n % 7))),
    );
    lengths.push((await log.stat()).size);
  }
  await log.close();
  for (const end of ['', '-wal']) await copyFile(path + end, `${path}.copy${end}`);
  await database.close();
  return lengths;
}

describe('after a power cut', () => {
  it(
    'A16: a log that is cut anywhere opens, is whole, and has every row committed before the cut',
    { timeout: 60_000 },
    async () => {
      const path = join(folder, 'db');
      const lengths = await writeRows(path);
      const whole = lengths.at(-1) ?? 0;
      expect(whole).toBeGreaterThan(50_000);
      for (let length = 0; length <= whole; length += 1536) {
        const cut = join(folder, `cut-${length}`);
        await copyFile(`${path}.copy`, cut);
        await copyFile(`${path}.copy-wal`, `${cut}-wal`);
        await truncate(`${cut}-wal`, length);
        const database = openDatabase(cut);
        expect(database.integrity()).toEqual([]);
        const committed = lengths.filter((one) => one <= length).length;
        const tables = database.read.all(`select 1 from sqlite_schema where name = 't'`);
        const rows =
          tables.length === 0 ? [] : database.read.all<{ n: number }>('select n from t order by n');
        expect(rows.length).toBeGreaterThanOrEqual(committed);
        expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: rows.length }, (_, n) => n));
        await database.close();
      }
    },
  );

  it('C5: a database file with damaged pages is found out', async () => {
    const path = join(folder, 'db');
    await writeRows(path);
    const healthy = openDatabase(path);
    expect(healthy.integrity()).toEqual([]);
    await healthy.close();
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    // The last page holds rows of the table; its header says what is where.
    await file.write(Buffer.alloc(100, 0xee), 0, 100, size - 4096);
    await file.close();
    const database = openDatabase(path);
    expect(database.integrity()).not.toEqual([]);
    await database.close();
  });
});
