import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDatabase } from '../../src/sqlite.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import type { Store } from '../../src/store/store.ts';
import { testStore } from './contract.ts';
import { allChunks, chunksOf, documentOf, embedAll, find, MODEL, vectorOf } from './material.ts';

testStore('the service itself (SQLite)', async () => (await openOn(await temporaryFile())).store);

test('a reopened store answers the same', async () => {
  const file = await temporaryFile();
  const first = await openOn(file);
  await first.store.replace(documentOf(), chunksOf('salt water', 'sweet water'));
  await first.store.replace(documentOf({ id: 'd2', uri: 'b', collection: 'land' }), chunksOf('salt marsh'));
  await embedAll(first.store);
  const before = await answers(first.store);
  await first.close();
  const second = await openOn(file);
  expect(await answers(second.store)).toEqual(before);
  expect(before.found.vector).toHaveLength(3);
  expect(await second.store.unembedded(MODEL, 10, new Set())).toEqual([]);
});

test('a file inside another is found by its name', async () => {
  const { store } = await openOn(await temporaryFile());
  const [chunk] = chunksOf('the rope has come');
  if (!chunk) throw new Error('There is a chunk.');
  await store.replace(documentOf({ uri: 'mail.eml' }), [{ ...chunk, member: 'invoices/harvest.csv' }]);
  expect(await find(store, 'harvest')).toMatchObject({ keyword: ['the rope has come'] });
});

test('a replace that fails half way leaves the old', async () => {
  const { store } = await openOn(await temporaryFile());
  await store.replace(documentOf(), chunksOf('old one', 'old two'));
  const [chunk] = chunksOf('new one');
  if (!chunk) throw new Error('unreachable');
  await expect(store.replace(documentOf({ title: 'New' }), [chunk, chunk])).rejects.toThrow('UNIQUE');
  expect(await allChunks(store)).toEqual(chunksOf('old one', 'old two'));
  expect((await find(store, 'new')).keyword).toEqual([]);
});

test('chunks that come while the vectors are loaded are found by meaning', async () => {
  const file = await temporaryFile();
  const first = await openOn(file);
  const texts = Array.from({ length: 1200 }, (_, at) => `text ${at}`);
  await first.store.replace(documentOf(), chunksOf(...texts));
  await embedAll(first.store);
  await first.close();

  const { store } = await openOn(file);
  const loading = find(store, '', { meaning: 'text 0' });
  await store.replace(documentOf({ id: 'd2', uri: 'b' }), chunksOf('text 7', 'late'));
  await store.remove('d1');
  await embedAll(store);
  await loading;
  expect((await find(store, '', { meaning: 'late' })).vector).toEqual(['late', 'text 7']);
});

test('a vector of another length is refused, and searches go on', async () => {
  const { store } = await openOn(await temporaryFile());
  await store.replace(documentOf(), chunksOf('one', 'two'));
  const [one, two] = await store.unembedded(MODEL, 2, new Set());
  if (!one || !two) throw new Error('Both chunks need a vector.');
  await store.putVectors(MODEL, [{ chunkId: one.chunkId, vector: vectorOf('one') }]);
  await find(store, '', { meaning: 'one' });
  const short = vectorOf('two').slice(1);
  await expect(store.putVectors(MODEL, [{ chunkId: two.chunkId, vector: short }])).rejects.toThrow(
    RangeError,
  );
  expect(await store.totals()).toEqual({ chunks: 2, vectors: 1 });
});

async function answers(store: Store) {
  const found = await find(store, 'salt water', { meaning: 'salt' });
  const land = await find(store, 'salt water', { meaning: 'salt', collection: 'land' });
  return { found, land, totals: await store.totals(), chunks: await allChunks(store) };
}

async function temporaryFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limner-store-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'limner.sqlite');
}

async function openOn(file: string): Promise<{ store: Store; close: () => Promise<void> }> {
  const database = openDatabase(file);
  const store = createEmbeddedStore(database);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= store.close().then(() => database.close()));
  onTestFinished(close);
  return { store, close };
}
