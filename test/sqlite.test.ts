import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder, openDatabase, type Connection, type Database } from '../src/sqlite.ts';
import { removeFolder, temporaryFolder } from './service.ts';

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = await temporaryFolder();
  database = openDatabase(join(folder, 'test.sqlite'));
  database.migrate('test', ['create table note(id integer primary key, text text unique)']);
});

afterEach(async () => {
  await database.close();
  await removeFolder(folder);
});

const insert = (connection: Connection, text: string): number =>
  connection.run('insert into note(text) values (?)', text).changes;

const texts = (): string[] =>
  database.read.all<{ text: string }>('select text from note order by id').map(({ text }) => text);

describe('write', () => {
  it('resolves after the commit, in the order asked, with what the work gave', async () => {
    const order: number[] = [];
    const writes = [1, 2, 3].map(async (n) => {
      expect(await database.write((connection) => insert(connection, `n${n}`))).toBe(1);
      expect(texts()).toContain(`n${n}`);
      order.push(n);
    });
    expect(texts()).toEqual([]);
    await Promise.all(writes);
    expect(order).toEqual([1, 2, 3]);
    expect(texts()).toEqual(['n1', 'n2', 'n3']);
  });

  it('shares one commit among the writes that wait together', async () => {
    // A reader's data_version counts the commits of others.
    const version = (): number =>
      Number(database.read.get<{ data_version: number }>('pragma data_version')?.data_version);
    const before = version();
    const seen = new Set<number>();
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        await database.write((connection) => insert(connection, `n${n}`));
        seen.add(version());
      }),
    );
    expect(texts()).toHaveLength(20);
    expect(seen.size).toBeLessThan(10);
    expect(seen).not.toContain(before);
  });

  it('takes back only what throws, also within a shared commit', async () => {
    const results = await Promise.allSettled([
      database.write((connection) => insert(connection, 'first')),
      database.write((connection) => {
        insert(connection, 'half');
        throw new Error('on purpose');
      }),
      database.write((connection) => insert(connection, 'first')),
      database.write((connection) => insert(connection, 'last')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(texts()).toEqual(['first', 'last']);
  });

  it('takes back all of a long write that throws at its end', async () => {
    const long = database.write(function* (connection) {
      for (let n = 0; n < 100; n++) {
        insert(connection, `n${n}`);
        yield;
      }
      throw new Error('at the end');
    });
    await expect(long).rejects.toThrow('at the end');
    expect(texts()).toEqual([]);
    await database.write((connection) => insert(connection, 'after'));
    expect(texts()).toEqual(['after']);
  });

  it('lets others have turns and reads see the last commit during a long write', async () => {
    await database.write((connection) => insert(connection, 'before'));
    let ended = false;
    const long = database
      .write(function* (connection) {
        for (let n = 0; n < 40_000; n++) {
          insert(connection, `n${n}`);
          yield;
        }
      })
      .finally(() => (ended = true));
    let turns = 0;
    for (; !ended; turns++) {
      const seen = texts().length;
      // Between the commit and the write's answer there may be a turn in which everything is there.
      expect([1, 40_001]).toContain(seen);
      await nextTurn();
    }
    await long;
    expect(turns).toBeGreaterThan(5);
  });

  it('does not let the reading connection write', () => {
    expect(() => database.read.run("insert into note(text) values ('x')")).toThrow(/readonly/);
  });

  it('finishes what waits before it closes, and refuses what comes later', async () => {
    const path = join(folder, 'other.sqlite');
    const other = openDatabase(path);
    other.migrate('test', ['create table note(text)']);
    const last = other.write((connection) => connection.run("insert into note values ('kept')"));
    await other.close();
    await last;
    await expect(other.write((connection) => connection.run('delete from note'))).rejects.toThrow(/not open/);
    const again = new DatabaseSync(path);
    expect(again.prepare('select count(*) as count from note').get()).toEqual({ count: 1 });
    again.close();
  });
});

describe('a full disk', () => {
  const limit = (pages: number) =>
    database.write((connection) => connection.get(`pragma max_page_count = ${pages}`));
  const fill = (size: number) =>
    database.write((connection) => connection.run('insert into note(text) values (?)', 'x'.repeat(size)));

  it('is disk_full, keeps what was committed, and works again when there is room', async () => {
    await database.write((connection) => insert(connection, 'kept'));
    await limit(1);
    await expect(fill(1_000_000)).rejects.toMatchObject({ code: 'disk_full' });
    expect(texts()).toEqual(['kept']);
    await limit(100_000);
    await fill(1_000_000);
    expect(texts()).toHaveLength(2);
  });

  it('settles every write that waited, and keeps exactly those it said were kept', async () => {
    await limit(8);
    const sizes = [10, 2_000_000, 20, 1_000_000, 30];
    const results = await Promise.allSettled(sizes.map(fill));
    const kept = sizes.filter((_, n) => results[n]?.status === 'fulfilled');
    expect(texts().map((text) => text.length)).toEqual(kept);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'disk_full' });
  });
});

describe('migrate', () => {
  it('runs each step once, also after the file was closed', async () => {
    const path = join(folder, 'steps.sqlite');
    const steps = ['create table a(x)', 'insert into a values (1)'];
    for (const until of [1, 2, 2]) {
      const opened = openDatabase(path);
      opened.migrate('part', steps.slice(0, until));
      await opened.close();
    }
    const opened = openDatabase(path);
    opened.migrate('part', [...steps, 'insert into a values (2)']);
    expect(opened.read.all('select x from a')).toEqual([{ x: 1 }, { x: 2 }]);
    await opened.close();
  });

  it('refuses a file that a newer version wrote', () => {
    database.migrate('part', ['create table a(x)', 'create table b(x)']);
    expect(() => database.migrate('part', ['create table a(x)'])).toThrow(/newer Limner/);
  });

  it('keeps nothing of a step that fails, and can be tried again', () => {
    expect(() => database.migrate('part', ['create table a(x); create table a(x)'])).toThrow(
      /already exists/,
    );
    database.migrate('part', ['create table a(x)']);
    expect(database.read.all('select * from a')).toEqual([]);
  });
});

describe('lockFolder', () => {
  const SQLITE = new URL('../src/sqlite.ts', import.meta.url).href;

  /** A process that holds the folder until it is killed; resolves when it has tried. */
  async function holder(): Promise<{ child: ChildProcess; said: string }> {
    const script = `import { lockFolder } from ${JSON.stringify(SQLITE)};
      try { lockFolder(process.argv[1]); console.log('locked'); setInterval(() => {}, 1000); }
      catch (error) { console.log(error.code, error.message); }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await once(child.stdout, 'data');
    return { child, said: String(said) };
  }

  it('refuses a second process, naming the first', async () => {
    const unlock = lockFolder(folder);
    const { said } = await holder();
    expect(said).toContain('data_in_use');
    expect(said).toContain(`process ${process.pid}`);
    unlock();
    expect(existsSync(join(folder, 'limner.pid'))).toBe(false);
    lockFolder(folder)();
  });

  it('is free again when its process was killed', async () => {
    const { child, said } = await holder();
    expect(said).toContain('locked');
    expect(() => lockFolder(folder)).toThrow(`process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockFolder(folder)();
  });
});
