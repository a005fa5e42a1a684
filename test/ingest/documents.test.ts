import { cp, rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LimnerError } from '../../src/errors.ts';
import { until } from '../until.ts';
import { bed, eachWithItsOwn, folder, move, open } from './own-bed.ts';
import { listsOf } from '../store/material.ts';

eachWithItsOwn();

describe('a file', () => {
  it('becomes searchable', async () => {
    const { put, scan, get, store } = await open();
    await put('recipes/bread.txt', 'Flour, water, salt.');
    await scan();
    expect(get('recipes/bread.txt')).toMatchObject({
      state: 'searchable',
      collection: 'recipes',
      title: 'bread.txt',
      chunks: 1,
      revision: 1,
      error: null,
      bytes: 19,
      processor: 'test',
    });
    expect((await listsOf(store, { text: 'flour', limit: 5 })).keyword).toHaveLength(1);
  });

  it('without text is empty, not searchable', async () => {
    const { put, scan, get } = await open();
    await put('a.txt', '  \n ');
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'empty', chunks: 0 });
  });

  it('that did not change is left alone by scans', async () => {
    const { put, scan, get, extracted } = await open();
    await put('a.txt', 'text');
    await scan();
    const before = get('a.txt');
    await scan();
    expect(get('a.txt')).toEqual(before);
    expect(extracted).toEqual(['a.txt']);
  });

  it('that was touched is known by its content: only its signature is another', async () => {
    const { put, scan, get, extracted, root } = await open();
    await put('a.txt', 'text');
    await scan();
    const before = get('a.txt');
    await utimes(join(root, 'a.txt'), 1, 1);
    await scan();
    const after = get('a.txt');
    expect(after.signature).not.toBe(before.signature);
    expect(after).toEqual({ ...before, signature: after.signature, updated_at: after.updated_at });
    expect(extracted).toEqual(['a.txt']);
  });

  it('that changed has its chunks replaced and its revision raised', async () => {
    const { put, scan, get, textOf, store } = await open();
    await put('a.txt', 'The old walnut.');
    await scan();
    const { id } = get('a.txt');
    await put('a.txt', 'The new chestnut.');
    await scan();
    expect(get('a.txt')).toMatchObject({ id, revision: 2, state: 'searchable', chunks: 1 });
    expect(await textOf('a.txt')).toEqual(['The new chestnut.']);
    expect((await listsOf(store, { text: 'walnut', limit: 5 })).keyword).toEqual([]);
  });

  it('that went takes its chunks with it, and comes back without being extracted again', async () => {
    const { put, scan, get, store, remove, extracted } = await open();
    await put('a.txt', 'text');
    await scan();
    const { id } = get('a.txt');
    await remove('a.txt');
    await scan();
    expect(get('a.txt')).toMatchObject({ state: 'gone', chunks: 0, vectors: 0 });
    expect(await store.totals()).toEqual({ chunks: 0, vectors: 0 });
    await put('a.txt', 'text');
    await scan();
    expect(get('a.txt')).toMatchObject({ id, state: 'searchable', chunks: 1 });
    expect(extracted).toEqual(['a.txt']);
  });

  it('is made again when the processors are of another version', async () => {
    const first = await open();
    await first.put('a.txt', 'text');
    await first.scan();
    await first.close();
    const second = await open({ processorsVersion: '2' });
    await second.scan();
    expect(second.extracted).toEqual(['a.txt']);
    expect(second.get('a.txt').revision).toBe(1);
  });

  it('that changes while it is read is read again after', async () => {
    const reading = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const { put, scan, get, arrivals, textOf, calm } = await open({
      read: async (text) => {
        reading.resolve();
        await release.promise;
        return text;
      },
    });
    await put('a.txt', 'first');
    await arrivals.scan();
    await reading.promise;
    await put('a.txt', 'second');
    const look = { uri: 'a.txt', path: Buffer.from('a.txt') };
    await arrivals.submit(look.uri, look.path, 6);
    release.resolve();
    await until(calm, 'quiet');
    await scan();
    expect(await textOf('a.txt')).toEqual(['second']);
    expect(get('a.txt')).toMatchObject({ revision: 2, state: 'searchable' });
  });

  it('is never worked on twice at once, whatever changes', async () => {
    const running = new Map<string, number>();
    let most = 0;
    const { put, scan, arrivals, textOf, get, calm } = await open({
      width: 8,
      read: async (text, { name }) => {
        running.set(name, (running.get(name) ?? 0) + 1);
        most = Math.max(most, running.get(name) ?? 0);
        await new Promise((resolve) => setImmediate(resolve));
        running.set(name, (running.get(name) ?? 0) - 1);
        return text;
      },
    });
    await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        await put('a.txt', `version ${n}`);
        await arrivals.submit('a.txt', Buffer.from('a.txt'), 10);
      }),
    );
    await until(calm, 'quiet');
    await put('a.txt', 'the last');
    await scan();
    expect(most).toBe(1);
    expect([await textOf('a.txt'), get('a.txt').chunks]).toEqual([['the last'], 1]);
  });
});

describe('a moved file', () => {
  it.each([
    ['renamed', 'a.txt', 'b.txt', 'default'],
    ['moved to another collection', 'one/a.txt', 'two/a.txt', 'two'],
    ['moved to the top', 'one/a.txt', 'a.txt', 'default'],
  ])('%s keeps id and chunks and is not extracted again', async (_, from, to, collection) => {
    const { put, scan, get, find, store, extracted, all } = await open();
    await put(from, 'The walnut tree.');
    await put('two/other.txt', 'other');
    await scan();
    const before = get(from);
    await move(from, to);
    await scan();
    await scan();
    expect(find(from)).toBeUndefined();
    expect(get(to)).toMatchObject({ id: before.id, revision: 1, chunks: 1, collection, state: 'searchable' });
    expect(all()).toHaveLength(2);
    expect(extracted).toHaveLength(2);
    const { keyword } = await listsOf(store, { text: 'walnut', collection, limit: 5 });
    expect(keyword[0]?.document).toMatchObject({ uri: to, collection, title: get(to).title });
  });

  it('is read again where its new ending may mean another processor, under the same id', async () => {
    const { put, scan, get, extracted } = await open();
    await put('a.txt', 'red kites');
    await scan();
    const { id } = get('a.txt');
    await move('a.txt', 'a.html');
    await scan();
    expect(get('a.html')).toMatchObject({ id, state: 'searchable', revision: 1 });
    expect(extracted).toEqual(['a.txt', 'a.html']);
  });

  it('keeps them too when it moved while the service was down', async () => {
    const first = await open();
    await first.put('one/a.txt', 'text');
    await first.scan();
    const { id } = first.get('one/a.txt');
    await first.close();
    await move('one', 'two');
    const second = await open();
    await second.scan();
    expect(second.get('two/a.txt')).toMatchObject({ id, state: 'searchable', chunks: 1, collection: 'two' });
    expect(second.all()).toHaveLength(1);
    expect(second.extracted).toEqual([]);
  });

  it('keeps them when the old place was noticed first', async () => {
    const { put, scan, get, extracted, all } = await open();
    await put('a.txt', 'text');
    await scan();
    const { id } = get('a.txt');
    await rename(join(bed.root, 'a.txt'), join(folder, 'aside'));
    await scan();
    expect(get('a.txt').state).toBe('gone');
    await rename(join(folder, 'aside'), join(bed.root, 'b.txt'));
    await scan();
    expect(get('b.txt')).toMatchObject({ id, state: 'searchable', chunks: 1 });
    expect([all().length, extracted]).toEqual([1, ['a.txt']]);
  });

  it('that was many, in a folder with a new name, are all moved', async () => {
    const { put, scan, all, extracted } = await open();
    for (let n = 0; n < 40; n++) await put(`one/f${n}.txt`, `text ${n}`);
    await scan();
    const ids = new Set(all().map(({ id }) => id));
    await move('one', 'two');
    await scan();
    expect(new Set(all().map(({ id }) => id))).toEqual(ids);
    expect(all().every(({ collection, state }) => collection === 'two' && state === 'searchable')).toBe(true);
    expect(extracted).toHaveLength(40);
  });

  it('in whose place two copies come is one of them; the other is a document of its own', async () => {
    const { put, scan, get, all, extracted, root, remove, textOf } = await open();
    await put('a.txt', 'text');
    await scan();
    const { id } = get('a.txt');
    for (let n = 0; n < 6; n++) await cp(join(root, 'a.txt'), join(root, `copy${n}.txt`));
    await remove('a.txt');
    await scan();
    const uris = Array.from({ length: 6 }, (_, n) => `copy${n}.txt`);
    expect(
      all()
        .map(({ uri }) => uri)
        .toSorted(),
    ).toEqual(uris);
    expect(all().filter((one) => one.id === id)).toHaveLength(1);
    for (const uri of uris) expect(await textOf(uri)).toEqual(['text']);
    expect(extracted).toEqual(['a.txt']);
  });

  it('never is another file of the same size', async () => {
    const { put, scan, get, remove } = await open();
    await put('a.txt', 'text');
    await scan();
    await remove('a.txt');
    await put('b.txt', 'TEXT');
    await scan();
    expect([get('a.txt').state, get('b.txt').state]).toEqual(['gone', 'searchable']);
    expect(get('a.txt').id).not.toBe(get('b.txt').id);
  });

  it('is read where it lies when its old folder became a link to the new one', async () => {
    const { put, scan, get, extracted } = await open();
    await put('one/a.txt', 'text');
    await scan();
    const { id } = get('one/a.txt');
    await move('one', 'two');
    await symlink('two', join(bed.root, 'one'));
    await scan();
    expect(get('two/a.txt').state).toBe('searchable');
    expect(get('one')).toMatchObject({ state: 'failed', error: { code: 'not_regular' } });
    expect(bed.find('one/a.txt')).toBeUndefined();
    expect([get('two/a.txt').id, extracted]).toEqual([id, ['a.txt']]);
  });
});

describe('a copied file', () => {
  it('is extracted once, and is a document of its own', async () => {
    const { put, scan, get, extracted, remove, textOf } = await open();
    await put('a.txt', 'text');
    await scan();
    await put('b.txt', 'text');
    await scan();
    expect(extracted).toEqual(['a.txt']);
    expect(get('b.txt').id).not.toBe(get('a.txt').id);
    await remove('a.txt');
    await scan();
    expect(await textOf('b.txt')).toEqual(['text']);
  });

  it('that comes while the first is still being read is extracted once', async () => {
    const { put, scan, all, extracted } = await open({
      width: 8,
      read: async (text) => {
        await until(() => bed.catalogue.countByState().get('working') === 6, 'all six being worked on');
        return text;
      },
    });
    for (let n = 0; n < 6; n++) await put(`copy${n}.txt`, 'text');
    await scan();
    expect(extracted).toHaveLength(1);
    expect(all().map(({ state }) => state)).toEqual(Array.from({ length: 6 }, () => 'searchable'));
  });

  it('does not fail because the first failed', async () => {
    let tries = 0;
    const { put, scan, all } = await open({
      read: (text) => {
        if (++tries === 1) throw new LimnerError('crashed', 'It crashed.');
        return text;
      },
    });
    for (let n = 0; n < 3; n++) await put(`copy${n}.txt`, 'text');
    await scan();
    expect(
      all()
        .map(({ state }) => state)
        .toSorted(),
    ).toEqual(['failed', 'searchable', 'searchable']);
  });
});

describe('an inbox that is away', () => {
  it('forgets nothing, also not what was waiting, and goes on when it is back', async () => {
    const { put, scan, get, arrivals, all, queue, textOf } = await open();
    for (let n = 0; n < 5; n++) await put(`f${n}.txt`, `text ${n}`);
    await scan();
    await rename(bed.root, join(folder, 'away'));
    const { uri, path, bytes } = get('f0.txt');
    await arrivals.submit(uri, path, bytes);
    await arrivals.scan();
    await until(() => queue.nextDueMs() !== undefined, 'the job waiting for the inbox');
    expect(arrivals.state().offline).toContain('cannot be read');
    expect(all().filter(({ state }) => state === 'gone')).toEqual([]);
    expect(await textOf('f0.txt')).toEqual(['text 0']);
    await rename(join(folder, 'away'), bed.root);
    await arrivals.submit(uri, path, bytes);
    await scan();
    expect(arrivals.state().offline).toBeUndefined();
    expect(all().map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'searchable'));
  });

  it('from the start is no reason not to start', async () => {
    await rm(join(folder, 'inbox'), { recursive: true });
    const { arrivals, put, find, calm } = await open();
    await arrivals.start();
    expect(arrivals.state().offline).toEqual(expect.any(String));
    await put('a.txt', 'text');
    await arrivals.scan();
    await until(() => calm() && find('a.txt')?.state === 'searchable', 'the file');
  });
});

it('sees what comes, changes and goes by events alone', async () => {
  const { arrivals, put, find, remove } = await open();
  await arrivals.start();
  await put('x/a.txt', 'one');
  await until(() => find('x/a.txt')?.state === 'searchable', 'the new file');
  await put('x/a.txt', 'two, changed');
  await until(() => find('x/a.txt')?.revision === 2, 'the changed file');
  await remove('x/a.txt');
  await until(() => find('x/a.txt')?.state === 'gone', 'the file being gone');
});
