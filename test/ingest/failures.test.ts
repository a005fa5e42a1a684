import { rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LimnerError } from '../../src/errors.ts';
import { until } from '../until.ts';
import { bed, eachWithItsOwn, folder, open } from './own-bed.ts';

eachWithItsOwn();

const CODES = ['unsupported', 'corrupt', 'encrypted', 'limit', 'timeout', 'crashed'] as const;

/** A processor that throws what a file's text names: a code, or `bug`. */
const readOrThrow = (text: string): string => {
  if (text === 'bug') throw new TypeError('secret detail of a bug');
  const code = CODES.find((one) => text === `! ${one}`);
  if (code) throw new LimnerError(code, 'A plain sentence.');
  return text;
};

describe('a file that cannot be read', () => {
  it.each(CODES)('for a reason of its own (%s) is listed with it, and is not tried again', async (code) => {
    const { put, scan, get, extracted } = await open({ read: readOrThrow });
    await put('a.txt', `! ${code}`);
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'failed', error: { code, message: 'A plain sentence.' } });
    await scan();
    expect(extracted).toEqual(['a.txt']);
  });

  it('is searchable once it is mended, and not when it is broken again', async () => {
    const { put, scan, get, store } = await open({ read: readOrThrow });
    await put('a.txt', '! corrupt');
    await scan();
    await put('a.txt', 'mended');
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'searchable', error: null, chunks: 1, revision: 1 });
    await put('a.txt', '! corrupt');
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'failed', chunks: 0, vectors: 0 });
    expect(await store.totals()).toEqual({ chunks: 0, vectors: 0 });
  });

  it('is tried again with ever longer pauses, four times, then given up without showing the bug', async () => {
    const { put, scan, get, extracted, log } = await open({ read: readOrThrow });
    await put('a.txt', 'bug');
    const since = performance.now();
    await scan();
    expect(extracted).toHaveLength(4);
    expect(performance.now() - since).toBeGreaterThan(5 + 10 + 20);
    expect(get('a.txt')).toMatchObject({ state: 'failed', error: { code: 'internal' } });
    expect(get('a.txt').error?.message).not.toContain('secret detail');
    expect(log()).toContain('secret detail');
  });

  it('for a moment is searchable in the end', async () => {
    let tries = 0;
    const { put, scan, get } = await open({
      read: (text) => {
        if (++tries < 4) throw new Error('not yet');
        return text;
      },
    });
    await put('a.txt', 'text');
    await scan();
    expect([tries, get('a.txt').state]).toEqual([4, 'searchable']);
  });

  it('because the disk is full is never given up', async () => {
    let tries = 0;
    const { put, scan, get } = await open({
      read: (text) => {
        if (++tries <= 3) throw new Error('a bug first');
        if (tries <= 10) throw new LimnerError('disk_full', 'Full.');
        return text;
      },
    });
    await put('a.txt', 'text');
    await scan();
    expect([tries, get('a.txt').state]).toEqual([11, 'searchable']);
  });

  it('and cannot be put back into the queue either is put back as soon as that can be written', async () => {
    let tries = 0;
    const { put, scan, get, database, log } = await open({
      read: async (text) => {
        if (++tries > 1) return text;
        await database.write((connection) =>
          connection.run(`create trigger full before insert on job when new.state = 'waiting'
            begin select raise(abort, 'planned'); end`),
        );
        throw new LimnerError('disk_full', 'Full.');
      },
    });
    await put('a.txt', 'text');
    const scanned = scan();
    await until(() => log().split('the queue cannot be written').length > 2, 'two tries to put it back');
    await database.write((connection) => connection.run('drop trigger full'));
    await scanned;
    expect([tries, get('a.txt').state]).toEqual([2, 'searchable']);
  });

  it('because the store went away before its chunks were counted waits for that, and says so once', async () => {
    let counts = 0;
    const { put, scan, get, log } = await open({
      counting: () => {
        if (++counts <= 5) throw new LimnerError('store_unavailable', 'Away.');
      },
    });
    await put('a.txt', 'text');
    await scan();
    expect(get('a.txt').state).toBe('searchable');
    await until(() => counts > 5, 'the count');
    expect(log().split('the store is waited for')).toHaveLength(2);
    expect(log()).not.toContain('the queue cannot be written');
  });

  it('is told by its kind: too large, a link out, a pipe', async () => {
    const { put, scan, get, root, extracted } = await open({ maxFileBytes: 100 });
    await put('large.txt', 'x'.repeat(101));
    await symlink('/etc/hostname', join(root, 'link.txt'));
    await scan();
    expect(get('large.txt').error?.code).toBe('too_large');
    expect(get('link.txt').error?.code).toBe('outside');
    expect(extracted).toEqual([]);
    await rm(join(root, 'link.txt'));
    await put('link.txt', 'a file now');
    await scan();
    expect(get('link.txt').state).toBe('searchable');
  });

  it('does not hold up the others', async () => {
    const { put, scan, all } = await open({ read: readOrThrow, width: 2 });
    for (let n = 0; n < 10; n++) await put(`bad${n}.txt`, 'bug');
    for (let n = 0; n < 10; n++) await put(`good${n}.txt`, `good ${n}`);
    await scan();
    expect(all().filter(({ state }) => state === 'searchable')).toHaveLength(10);
    expect(all().filter(({ state }) => state === 'failed')).toHaveLength(10);
  });
});

describe('a full disk', () => {
  const limit = (pages: number): Promise<unknown> =>
    bed.database.write((connection) => connection.get(`pragma max_page_count = ${pages}`));

  it('stops nothing for good: what waited is done when there is room', async () => {
    const { put, arrivals, log, calm } = await open({ width: 2 });
    for (let n = 0; n < 8; n++) await put(`f${n}.txt`, `${'words of a text. '.repeat(4000)}${n}`);
    const pages = bed.database.read.get<{ page_count: number }>('pragma page_count')?.page_count ?? 0;
    await limit(pages + 20);
    await arrivals.scan();
    await until(() => log().includes('is full'), 'the disk being full');
    expect(calm()).toBe(false);
    await limit(1_000_000);
    // A job whose own row could not be written is free again when its lease ends; a start frees it at once.
    await bed.close();
    const next = await open();
    await next.scan();
    expect(next.all().map(({ state }) => state)).toEqual(Array.from({ length: 8 }, () => 'searchable'));
  });

  it('does not end the workers, even where the queue itself cannot be written', async () => {
    const { put, queue, arrivals, database, log, find, calm } = await open({ width: 1 });
    await database.write((connection) =>
      connection.run(
        `create temp trigger broken before update on job begin select raise(fail, 'no room'); end`,
      ),
    );
    await put('a.txt', 'text');
    await arrivals.scan();
    await until(() => log().includes('the queue cannot be written'), 'the claim failing');
    await database.write((connection) => connection.run('drop trigger broken'));
    queue.wake();
    await until(() => calm() && find('a.txt')?.state === 'searchable', 'the document');
  });
});

describe('the end of the service', () => {
  it('puts what runs back, and the next start does it', async () => {
    const { put, arrivals, close, extracted } = await open({
      read: (_text, _file, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
    });
    await put('a.txt', 'text');
    await arrivals.scan();
    await until(() => extracted.length === 1, 'the extraction to run');
    await close();
    const next = await open();
    expect(next.queue.size()).toBeLessThanOrEqual(1);
    await until(() => next.calm() && next.get('a.txt').state === 'searchable', 'the document');
    expect(next.get('a.txt').revision).toBe(1);
  });

  it('is never a reason for a document to fail, also when the readers end first', async () => {
    let stops = 2;
    const { put, scan, get } = await open({
      read: (text) => {
        if (stops-- > 0) throw new LimnerError('cancelled', 'Reading the file was stopped.');
        return text;
      },
    });
    await put('a.txt', 'text');
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'searchable', error: null });
  });

  it('drops the result of a job whose lease was lost, and another run has the last word', async () => {
    const first = Promise.withResolvers<void>();
    let tries = 0;
    const { put, arrivals, textOf, database, queue, get, calm, log } = await open({
      read: async (text) => {
        if (++tries === 1) await first.promise;
        return text;
      },
    });
    await put('a.txt', 'old');
    await arrivals.scan();
    await until(() => tries === 1, 'the first run');
    // As if the process had slept past its lease.
    await database.write((connection) => connection.run('update job set lease_until = 0'));
    await put('a.txt', 'new');
    queue.wake();
    await until(() => tries === 2 && get('a.txt').state === 'searchable', 'the second run');
    first.resolve();
    await until(() => log().includes('lease') && calm(), 'the first run to end');
    await nextTurn();
    expect(get('a.txt')).toMatchObject({ state: 'searchable', bytes: 3 });
    await arrivals.scan();
    await until(calm, 'quiet');
    expect((await textOf('a.txt')).length).toBe(1);
  });
});

it('takes a file that is replaced by rename again and again, never half', async () => {
  const { scan, textOf, root, arrivals, calm } = await open();
  for (let n = 0; n < 40; n++) {
    await writeFile(join(folder, 'next'), `version ${n}\n`.repeat(50));
    await rename(join(folder, 'next'), join(root, 'a.txt'));
    await arrivals.submit('a.txt', Buffer.from('a.txt'), 10);
  }
  await until(calm, 'quiet');
  await scan();
  expect((await textOf('a.txt')).join('\n')).toBe('version 39\n'.repeat(50).trim());
});

it('D2: below the floor of free space nothing new is read, and all of it when there is room again', async () => {
  let floor = Number.MAX_SAFE_INTEGER;
  const { put, arrivals, get, queue, save, remove, scan, log } = await open({ floor: () => floor });
  await put('a.txt', 'text');
  await arrivals.scan();
  await until(
    () => log().includes('"disk_full"') || queue.list(0, 9).some(({ reason }) => reason === 'disk_full'),
    'the refusal',
  );
  expect(get('a.txt').state).not.toBe('failed');
  const body = Readable.from([Buffer.from('more')]);
  await expect(save({ kind: 'texts', name: 'note', body })).rejects.toMatchObject({ code: 'disk_full' });
  floor = 0;
  await until(() => get('a.txt').state === 'searchable', 'the file, without anybody asking');
  floor = Number.MAX_SAFE_INTEGER;
  await remove('a.txt');
  await scan();
  expect(get('a.txt').state).toBe('gone');
});
