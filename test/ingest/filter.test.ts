import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalogue } from '../../src/ingest/catalogue.ts';
import { Filter, Metadata } from '../../src/ingest/filter.ts';
import { openDatabase, type Database } from '../../src/sqlite.ts';
import { removeFolder, temporaryFolder } from '../service.ts';

let folder: string;
let database: Database;
let catalogue: ReturnType<typeof createCatalogue>;
const names = new Map<string, string>();

const DOCUMENTS: [uri: string, metadata: Metadata, tags: string[]][] = [
  ['recipes/soup.pdf', { year: 2021, author: 'Ada', draft: true }, ['winter', 'vegan']],
  ['recipes/cake.md', { year: 2024, author: 'Ben' }, ['sweet']],
  ['letters/100%.txt', { year: 'unknown' }, []],
  ['letters/a.text', {}, ['winter']],
];

beforeAll(async () => {
  folder = await temporaryFolder();
  database = openDatabase(join(folder, 'test.sqlite'));
  catalogue = createCatalogue(database);
  for (const [uri, metadata, tags] of DOCUMENTS) {
    const id = await database.write((connection) => {
      const [collection = ''] = uri.split('/');
      const seen = catalogue.see(connection, {
        source: 'upload',
        uri,
        path: Buffer.from(uri),
        title: uri,
        collection,
        bytes: 1,
      });
      catalogue.set(connection, seen, { metadata, tags });
      return seen;
    });
    names.set(id, uri);
  }
});

afterAll(async () => {
  await database.close();
  await removeFolder(folder);
});

const found = (filter: unknown): string[] =>
  catalogue
    .matching(Filter.parse(filter))
    .map((id) => names.get(id) ?? id)
    .toSorted();

describe('a filter picks documents of the ledger', () => {
  it.each<[string, unknown, string[]]>([
    ['a word', { author: 'Ada' }, ['recipes/soup.pdf']],
    ['one of several', { author: ['Ada', 'Ben'] }, ['recipes/cake.md', 'recipes/soup.pdf']],
    ['several keys at once', { author: ['Ada', 'Ben'], year: 2024 }, ['recipes/cake.md']],
    ['truth', { draft: true }, ['recipes/soup.pdf']],
    ['an order of numbers', { type: 'gte', key: 'year', value: 2024 }, ['recipes/cake.md']],
    [
      'an order passes over words',
      { type: 'lt', key: 'year', value: 3000 },
      ['recipes/cake.md', 'recipes/soup.pdf'],
    ],
    [
      'another value, or none',
      { type: 'ne', key: 'author', value: 'Ada' },
      ['letters/100%.txt', 'letters/a.text', 'recipes/cake.md'],
    ],
    [
      'none of several',
      { type: 'nin', key: 'author', value: ['Ada', 'Ben'] },
      ['letters/100%.txt', 'letters/a.text'],
    ],
    ['a tag', { tags: 'winter' }, ['letters/a.text', 'recipes/soup.pdf']],
    ['not a tag', { type: 'ne', key: 'tags', value: 'winter' }, ['letters/100%.txt', 'recipes/cake.md']],
    [
      'an extension with and without its dot',
      { extension: ['.pdf', 'md'] },
      ['recipes/cake.md', 'recipes/soup.pdf'],
    ],
    ['an extension, not a part of one', { extension: 'txt' }, ['letters/100%.txt']],
    ['no wildcards', { extension: '%' }, []],
    ['a collection', { collection: 'letters' }, ['letters/100%.txt', 'letters/a.text']],
    [
      'either of two',
      {
        type: 'or',
        filters: [
          { type: 'eq', key: 'author', value: 'Ben' },
          { type: 'eq', key: 'uri', value: 'letters/a.text' },
        ],
      },
      ['letters/a.text', 'recipes/cake.md'],
    ],
  ])('%s', (_what, filter, uris) => {
    expect(found(filter)).toEqual(uris);
  });

  it('names a field that no document has', () => {
    expect(() => found({ colour: 'red' })).toThrow(/No document has the field colour/);
  });

  it('refuses an order of tags', () => {
    expect(() => found({ type: 'gt', key: 'tags', value: 'a' })).toThrow(/no order/);
  });

  it.each([{}, { type: 'eq', key: 'a' }, { type: 'and', filters: [] }, { a: { b: 1 } }, 'author', null])(
    'refuses %j',
    (filter) => {
      expect(Filter.safeParse(filter).success).toBe(false);
    },
  );
});
