import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLog, type Log } from '../../src/log.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import { PAGE_SLOTS } from '../../src/store/page.ts';
import type { Store } from '../../src/store/store.ts';
import { until } from '../until.ts';
import { testStore } from './contract.ts';
import { testHistories } from './contract-histories.ts';
import { allChunks, chunksOf, documentOf, embedAll, find, MODEL, vectorOf } from './material.ts';

const open = async () => (await openOn(await temporaryFile())).store;
testStore('the service itself (SQLite)', open);
testHistories(open);

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

test('a word with a slip of the pen finds what is meant, after what holds the others', async () => {
  const { store } = await openOn(await temporaryFile());
  await store.replace(
    documentOf({ id: 'a', uri: 'a' }),
    chunksOf('The maintenance of the boiler.', 'Its colour.'),
  );
  await store.replace(documentOf({ id: 'b', uri: 'b' }), chunksOf('The boilers are red.', 'A bolder tone.'));
  expect((await find(store, 'maintanance')).keyword).toEqual(['The maintenance of the boiler.']);
  expect((await find(store, 'Maintenence boiler')).keyword[0]).toBe('The maintenance of the boiler.');
  // A word that is there is what it says, however near another one is.
  expect((await find(store, 'bolder')).keyword).toEqual(['A bolder tone.']);
  expect((await find(store, 'zanzibar')).keyword).toEqual([]);
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

describe('full pages of the index', () => {
  const CHUNKS = 1000;
  const textsOf = (number: number): string[] =>
    Array.from({ length: CHUNKS }, (_, at) => `word${(at * 7 + number) % 50} of ${number}.${at}`);

  /** Nine documents, of which the pages are kept; then one is moved, one written again and one removed. */
  async function fill(file: string): Promise<void> {
    const { store, close } = await openOn(file);
    for (let number = 0; number < 9; number++)
      await store.replace(documentOf({ id: `d${number}`, uri: `${number}` }), chunksOf(...textsOf(number)));
    await embedAll(store);
    await find(store, 'word1', { meaning: 'word1' });
    await store.prune([]);
    await store.describe(documentOf({ id: 'd1', uri: 'moved', title: 'Moved', collection: 'land' }));
    await store.replace(
      documentOf({ id: 'd2', uri: '2' }),
      chunksOf('written again', ...textsOf(2).slice(500)),
    );
    await store.remove('d3');
    await embedAll(store);
    await close();
  }

  const asked = async (store: Store): Promise<unknown> => [
    await find(store, 'word1 moved again', { meaning: '4.7', limit: 60 }),
    await find(store, 'word1 moved again', { meaning: '1.7', collection: 'land', limit: 60 }),
    await find(store, 'word3', { documents: ['d2', 'd3', 'd8'], limit: 60 }),
    await store.totals(MODEL),
  ];

  test('are kept, and a start that reads them answers as one that reads every row', async () => {
    const file = await temporaryFile();
    await fill(file);
    expect(countRows(file, 'page')).toBe(2);
    expect(countRows(file, 'page_vectors')).toBe(2);
    const kept = await answersOf(file, asked);
    change(
      file,
      'delete from page; delete from page_bytes; delete from page_vectors; delete from chunk_gone',
    );
    expect(await answersOf(file, asked)).toEqual(kept);
  });

  test.each([
    ['of another format', "update page_format set format = 'other'"],
    ['that lack a chunk', 'delete from chunk_gone where id = (select max(id) from chunk_gone)'],
    ['that name a chunk too many', 'delete from chunk where id = (select min(id) from chunk)'],
  ])('%s are made again from the rows', async (_name, damage) => {
    const file = await temporaryFile();
    await fill(file);
    change(file, damage);
    const answers = await answersOf(file, asked);
    expect(countRows(file, 'page_format')).toBe(1);
    change(
      file,
      'delete from page; delete from page_bytes; delete from page_vectors; delete from chunk_gone',
    );
    expect(await answersOf(file, asked)).toEqual(answers);
  });

  test('of which little is left are put together', async () => {
    const file = await temporaryFile();
    await fill(file);
    const { store, close } = await openOn(file);
    for (const id of ['d0', 'd1', 'd2', 'd4', 'd5', 'd6']) await store.remove(id);
    const before = await asked(store);
    await store.prune([]);
    expect(await asked(store)).toEqual(before);
    await close();
    expect(countRows(file, 'page')).toBe(1);
    expect(countRows(file, 'chunk_gone')).toBeLessThan(2000);
    expect(await answersOf(file, asked)).toEqual(before);
  });
});

test('the counts that are kept are those of the rows, whatever model is in force, and housekeeping mends them', async () => {
  const file = await temporaryFile();
  const { store, close } = await openOn(file);
  await store.replace(documentOf(), chunksOf('one', 'two', 'two'));
  await store.replace(documentOf({ id: 'd2', uri: 'b' }), chunksOf('two', 'three'));
  const isRight = async (chunks: number, vectors: number): Promise<void> => {
    expect(await store.totals()).toEqual({ chunks, vectors });
    expect(await store.recount()).toEqual({ chunks, vectors });
  };
  await isRight(5, 0);
  const [first] = await store.unembedded(MODEL, 5, new Set());
  await store.putVectors(MODEL, [{ chunkId: first?.chunkId ?? '', vector: vectorOf('one') }]);
  await isRight(5, 1);
  await embedAll(store);
  await isRight(5, 5);
  await store.use('another');
  await isRight(5, 0);
  expect(await store.totals(MODEL)).toEqual({ chunks: 5, vectors: 5 });
  await store.use(MODEL);
  await store.replace(documentOf(), chunksOf('two', 'new'));
  await isRight(4, 3);
  await store.remove('d2');
  await isRight(2, 1);
  await close();
  change(file, 'update tally set chunks = 7, vectors = 8');
  const { store: reopened } = await openOn(file);
  expect(await reopened.totals()).toEqual({ chunks: 7, vectors: 8 });
  await reopened.prune([]);
  expect(await reopened.totals()).toEqual({ chunks: 2, vectors: 1 });
});

test('a page that cannot be kept is told at once, and kept when the next change comes', async () => {
  const file = await temporaryFile();
  const lines: string[] = [];
  const log = createLog({ level: 'info', secrets: [], write: (line) => lines.push(line) });
  const { store, close } = await openOn(file, log);
  await store.replace(documentOf(), chunksOf('one'));
  change(file, "create trigger planted before insert on page begin select raise(abort, 'planted'); end");
  const texts = Array.from({ length: PAGE_SLOTS }, (_, at) => `text ${at}`);
  await store.replace(documentOf({ id: 'd2', uri: 'b' }), chunksOf(...texts));
  await until(() => lines.length > 0, 'the log');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 50,
    msg: 'tidying the search index failed; the next start is slower',
    err: { message: expect.stringContaining('planted'), stack: expect.stringContaining('keepPage') },
  });
  change(file, 'drop trigger planted');
  await store.replace(documentOf({ id: 'd3', uri: 'c' }), chunksOf('three'));
  await until(() => countRows(file, 'page') === 1, 'the page');
  await close();
  expect(lines).toHaveLength(1);
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

async function answersOf<T>(file: string, ask: (store: Store) => Promise<T>): Promise<T> {
  const { store, close } = await openOn(file);
  const answers = await ask(store);
  await close();
  return answers;
}

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

function countRows(file: string, table: string): number {
  const database = new DatabaseSync(file, { readOnly: true });
  const row = database.prepare(`select count(*) as rows from ${table}`).get();
  database.close();
  return Number(row?.rows);
}

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

async function openOn(file: string, log?: Log): Promise<{ store: Store; close: () => Promise<void> }> {
  const database = openDatabase(file);
  const store = createEmbeddedStore(database, undefined, log);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= store.close().then(() => database.close()));
  onTestFinished(close);
  return { store, close };
}
