import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createCatalogue } from '../../src/ingest/catalogue.ts';
import { createExtractions } from '../../src/ingest/extractions.ts';
import { createFigures, type Figures } from '../../src/ingest/figures.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';

let folder: string;
let database: Database;
let figures: Figures;
let extractions: ReturnType<typeof createExtractions>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-figures-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  await database?.close();
  for (const name of readdirSync(folder)) await rm(join(folder, name), { recursive: true });
  database = openDatabase(join(folder, 'test.sqlite'));
  createCatalogue(database);
  extractions = createExtractions(database);
  figures = createFigures({ folder: join(folder, 'figures') }, { database });
});

const key = (hash: string) => ({ hash, extension: '.pdf', version: '1' });
const figure = (text: string, page: number) => ({
  bytes: Buffer.from(text),
  mime: 'image/png' as const,
  width: 300,
  height: 200,
  page,
});

test('figures are kept by their bytes, in order, and given for a page', async () => {
  await figures.put(key('a'), [figure('tower', 1), figure('chart', 2), figure('tower', 3)]);
  const kept = figures.of(key('a'));
  expect(kept.map(({ page, bytes }) => [page, bytes])).toEqual([
    [1, 5],
    [2, 5],
    [3, 5],
  ]);
  expect(kept[0]?.id).toBe(kept[2]?.id);
  expect(await readFile(figures.pathOf(kept[1]?.id ?? ''), 'utf8')).toBe('chart');
  expect(figures.of(key('a'), 2)).toEqual([kept[1]]);
  expect(figures.of(key('b'))).toEqual([]);
});

test('a content that is read again has the new figures only', async () => {
  await figures.put(key('a'), [figure('old', 1), figure('older', 1)]);
  await figures.put(key('a'), [figure('new', 1)]);
  expect(figures.of(key('a'))).toHaveLength(1);
});

test('pruning takes the files that nothing shows, and no others', async () => {
  await figures.put(key('a'), [figure('tower', 1), figure('both', 1)]);
  await figures.put(key('b'), [figure('both', 1)]);
  await extractions.put(key('b'), { sections: [], warnings: [], processor: 'pdf' });
  const [tower, both] = figures.of(key('a')).map(({ id }) => figures.pathOf(id));
  await figures.describe(figures.of(key('a'))[0]?.id ?? '', 'model', 'A tower.');
  await figures.prune();
  expect([existsSync(tower ?? ''), existsSync(both ?? '')]).toEqual([false, true]);
  expect([figures.of(key('a')), figures.of(key('b'))]).toEqual([[], [expect.objectContaining({ page: 1 })]]);
  expect(database.read.all('select id from figure_caption')).toEqual([]);
});

test('a description belongs to the figure wherever it stands', async () => {
  await figures.put(key('a'), [figure('tower', 1)]);
  await figures.put(key('b'), [figure('tower', 9)]);
  await figures.describe(figures.of(key('a'))[0]?.id ?? '', 'model', 'A tower.');
  expect(figures.of(key('b'))[0]?.caption).toEqual({ model: 'model', text: 'A tower.' });
});

test('what waits for a description is large enough, of a kind that models take, and was not described before', async () => {
  const catalogue = createCatalogue(database);
  const readDocument = async (hash: string): Promise<void> => {
    const uri = `${hash}.pdf`;
    const about = {
      source: 'inbox',
      uri,
      path: Buffer.from(uri),
      title: uri,
      collection: 'default',
      bytes: 1,
    } as const;
    const id = await database.write((connection) => catalogue.see(connection, about));
    await catalogue.change(id, (connection) => catalogue.set(connection, id, { state: 'searchable', hash }));
  };
  await figures.put(key('a'), [
    { ...figure('icon', 1), width: 100 },
    { ...figure('moving', 1), mime: 'image/gif' },
    figure('tower', 1),
  ]);
  expect(figures.undescribed(new Set())).toBeUndefined();
  await readDocument('a');
  const tower = figures.of(key('a'))[2]?.id ?? '';
  expect(figures.undescribed(new Set())).toEqual({ id: tower, hash: 'a', mime: 'image/png' });
  expect(figures.undescribed(new Set([tower]))).toBeUndefined();
  await figures.describe(tower, 'a model', 'A tower.');
  expect(figures.undescribed(new Set())).toBeUndefined();
  await figures.put(key('b'), [figure('tower', 1), figure('bridge', 1)]);
  await readDocument('b');
  expect(figures.undescribed(new Set())).toMatchObject({ hash: 'b', id: figures.of(key('b'))[1]?.id });
});
