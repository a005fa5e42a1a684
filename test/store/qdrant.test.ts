import { expect, test } from 'vitest';
import type { LimnerError } from '../../src/errors.ts';
import { ENGLISH, loadLanguage, type Language } from '../../src/store/language.ts';
import { createQdrantStore } from '../../src/store/qdrant.ts';
import { vectorName } from '../../src/store/qdrant-collection.ts';
import { createQdrantServer } from '../../src/store/qdrant-server.ts';
import { hasQdrantContract, readQdrantContract } from '../fakes/qdrant-contract.ts';
import { until } from '../until.ts';
import { testStore } from './contract.ts';
import { testHistories } from './contract-histories.ts';
import { allChunks, chunksOf, documentOf, embedAll, find, MODEL, vectorOf, listsOf } from './material.ts';
import { fakeQdrant, IMPATIENT, openQdrant, optionsFor, temporaryDatabase } from './qdrant-bed.ts';

const open = async () => (await openQdrant((await fakeQdrant()).url)).store;
testStore('Qdrant (a fake)', open);
testHistories(open);

test.skipIf(!hasQdrantContract)(
  "Qdrant's own description refuses what it does not name (needs ../shared/contracts)",
  () => {
    const contract = readQdrantContract();
    const path = '/collections/limner/points/scroll';
    const ask = (body: object, query = '') =>
      contract.request('POST', path, new URLSearchParams(query), body);
    expect(ask({ limit: 1, filter: { must: [{ key: 'a', match: { any: ['b'] } }] } })).toBeUndefined();
    expect(ask({ limit: 1, colour: 'red' })).toContain('additional');
    expect(ask({ limit: 0 })).toContain('/limit');
    expect(ask({ filter: { must: [{ key: 'a', matches: 1 }] } })).toContain('/filter');
    expect(ask({ limit: 1 }, 'wait=true')).toBe('unknown query: wait');
    expect(contract.request('POST', '/collections/limner/search', new URLSearchParams(), {})).toContain(
      'no POST',
    );
  },
);

test('a collection is made with int8, an inverse document frequency, indexes and an alias', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url, { shards: 3, replicas: 3 });
  await store.replace(documentOf(), chunksOf('one'));
  await embedAll(store);
  const collection = fake.collections.find('limner');
  expect(collection?.config).toMatchObject({
    quantization_config: { scalar: { type: 'int8' } },
    sparse_vectors: { bm25: { modifier: 'idf' } },
    shard_number: 3,
    replication_factor: 3,
    write_consistency_factor: 2,
  });
  expect([...(collection?.indexes.keys() ?? [])].toSorted()).toEqual(
    ['collection', 'document_id', 'key', 'ordinal', 'revision'].toSorted(),
  );
  expect(collection?.dense.get(vectorName(MODEL))).toEqual({ size: 32, distance: 'Dot' });
  expect([...fake.collections.aliases.values()]).toEqual([...fake.collections.all.keys()]);
});

test('with copies one of them is asked: wanting most would need all of them to be there', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url, { replicas: 3 });
  await store.replace(documentOf(), chunksOf('one'));
  await embedAll(store);
  await find(store, 'one', { meaning: 'one' });
  await store.chunks('d1', { offset: 0, limit: 9 });
  const asked = fake.requests.filter(({ query }) => query.includes('consistency'));
  expect(asked).toEqual([]);
});

test('both arms are one request, which rescored vectors answer', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('one', 'two'));
  await embedAll(store);
  const before = fake.requests.length;
  await find(store, 'one', { meaning: 'two' });
  const asked = fake.requests.slice(before);
  expect(asked.map(({ path }) => path)).toEqual(['/collections/limner/points/query/batch']);
  expect(asked[0]?.body).toMatchObject({
    searches: [
      { using: 'bm25' },
      { using: 'bm25_document' },
      { params: { quantization: { rescore: true } } },
    ],
  });
});

test('a search that began before a replace ended sees all of the old, one that begins after it all of the new', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('old one', 'old two'));
  const search = fake.hold('/points/query/batch');
  const early = find(store, 'old new');
  await until(() => search.waiting() === 1, 'the search to be under way');
  const replacing = store.replace(documentOf(), chunksOf('new one', 'new two', 'new three'));
  // The new ones are there and in force, and the old ones stay for the search that may still read them.
  await until(() => (fake.collections.find('limner')?.points.size ?? 0) === 5, 'the new points');
  search.release();
  expect((await early).keyword.toSorted()).toEqual(['old one', 'old two']);
  await replacing;
  expect((await find(store, 'old new')).keyword).toHaveLength(3);
  expect((await find(store, 'old')).keyword).toEqual([]);
  expect(fake.collections.find('limner')?.points.size).toBe(3);
});

test('chunks that are written and not yet in force are seen by nobody', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('old one'));
  const texts = Array.from({ length: 100 }, (_, at) => `new ${at}`);
  const second = fake.hold('/points', { method: 'PUT', skip: 1 });
  const replacing = store.replace(documentOf(), chunksOf(...texts));
  await until(() => second.waiting() === 1, 'the second batch to be under way');
  expect(fake.collections.find('limner')?.points.size).toBe(65);
  expect((await find(store, 'old new')).keyword).toEqual(['old one']);
  second.release();
  await replacing;
  expect((await find(store, 'new', { limit: 200 })).keyword).toHaveLength(100);
});

test.each(['status', 'reset', 'late reset'] as const)(
  'a replace that fails in the middle (%s) leaves the old, and again makes it new',
  async (kind) => {
    const fake = await fakeQdrant();
    const { store } = await openQdrant(fake.url);
    await store.replace(documentOf(), chunksOf('old one', 'old two'));
    fake.plan({ failAt: '/points', method: 'PUT', kind, times: kind === 'status' ? 1 : 2 });
    await expect(store.replace(documentOf(), chunksOf('new one'))).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect((await find(store, 'old new')).keyword.toSorted()).toEqual(['old one', 'old two']);
    expect(await store.totals()).toEqual({ chunks: 2, vectors: 0 });
    await store.replace(documentOf(), chunksOf('new one'));
    expect((await find(store, 'old new')).keyword).toEqual(['new one']);
    await store.prune([]);
    expect(fake.collections.find('limner')?.points.size).toBe(1);
  },
);

test('a document is gone at once although the server is away, and its points when it is back', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('anchor'));
  await store.replace(documentOf({ id: 'd2' }), chunksOf('anchor too'));
  await fake.stop();
  await store.remove('d1');
  await expect(find(store, 'anchor')).rejects.toMatchObject({ code: 'store_unavailable' });
  await fake.start();
  expect((await find(store, 'anchor')).keyword).toEqual(['anchor too']);
  expect(fake.collections.find('limner')?.points.size).toBe(1);
});

test('a server that has too much to do is asked again when it says', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('one'));
  fake.plan({ failAt: '/points', method: 'PUT', kind: 'status', status: 429, retryAfter: 1, times: 1 });
  const since = performance.now();
  await store.replace(documentOf(), chunksOf('two'));
  expect(performance.now() - since).toBeGreaterThanOrEqual(990);
  expect((await find(store, 'two')).keyword).toEqual(['two']);
  fake.plan({ failAt: '/query/batch', kind: 'status', status: 429 });
  await expect(find(store, 'two')).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('429'),
  });
});

test.each(['reset', 'late reset'] as const)(
  'a connection that the server closed meanwhile (%s) is no failure: it is asked once more, and no oftener',
  async (kind) => {
    const fake = await fakeQdrant();
    const { store } = await openQdrant(fake.url);
    fake.plan({ failAt: '/points', method: 'PUT', kind, times: 1 });
    fake.plan({ failAt: '/points/batch', kind, times: 1 });
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await store.replace(documentOf(), chunksOf('two', 'three'));
    fake.plan({ failAt: '/query/batch', kind, times: 1 });
    expect((await find(store, 'one two three')).keyword.toSorted()).toEqual(['three', 'two']);
    const before = fake.requests.length;
    fake.plan({ failAt: '/query/batch', kind });
    await expect(find(store, 'one')).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(fake.requests.length - before).toBe(2);
  },
);

test('a server that hangs is given up, and asked again by the next', async () => {
  const fake = await fakeQdrant();
  const database = await temporaryDatabase();
  const store = createQdrantStore(optionsFor(fake.url), database, {
    patience: { ...IMPATIENT, timeoutMs: 500 },
  });
  await store.replace(documentOf(), chunksOf('old'));
  fake.plan({ failAt: '/points', method: 'PUT', kind: 'hang', times: 1 });
  await expect(store.replace(documentOf(), chunksOf('new'))).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('does not answer'),
  });
  expect((await find(store, 'old new')).keyword).toEqual(['old']);
});

test('what was being written when the process ended is never seen, and goes', async () => {
  const fake = await fakeQdrant();
  const { store, database } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('old'));
  fake.plan({ failAt: '/points', method: 'PUT', kind: 'late reset', times: 2 });
  await expect(store.replace(documentOf(), chunksOf('new'))).rejects.toThrow('Qdrant');
  await database.write((connection) =>
    connection.run(`update qdrant_revision set state = 'writing' where state = 'failed'`),
  );
  const next = createQdrantStore(optionsFor(fake.url), database, { patience: IMPATIENT });
  expect((await find(next, 'old new')).keyword).toEqual(['old']);
  await next.prune([]);
  expect(fake.collections.find('limner')?.points.size).toBe(1);
});

test('an older copy of the data folder does not show what was written after it was made', async () => {
  const fake = await fakeQdrant();
  const { store, database } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('old'));
  const rows = database.read.all<{ revision: number }>('select revision from qdrant_revision');
  await store.replace(documentOf({ id: 'd2' }), chunksOf('later'));
  await database.write((connection) => {
    connection.run(`delete from qdrant_revision where document_id = 'd2'`);
    connection.run(`update sqlite_sequence set seq = ? where name = 'qdrant_revision'`, rows.length);
  });
  const next = createQdrantStore(optionsFor(fake.url), database, { patience: IMPATIENT });
  expect((await find(next, 'old later')).keyword).toEqual(['old']);
  await next.replace(documentOf({ id: 'd3' }), chunksOf('newest'));
  expect((await find(next, 'old later newest')).keyword.toSorted()).toEqual(['newest', 'old']);
});

test('a vector of another length is refused, in a search too, and searches go on', async () => {
  const fake = await fakeQdrant();
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('one', 'two'));
  const [one, two] = await store.unembedded(MODEL, 2, new Set());
  if (!one || !two) throw new Error('Both chunks need a vector.');
  await store.putVectors(MODEL, [{ chunkId: one.chunkId, vector: vectorOf('one') }]);
  const short = vectorOf('two').slice(1);
  await expect(store.putVectors(MODEL, [{ chunkId: two.chunkId, vector: short }])).rejects.toThrow(
    /31 dimensions instead of 32/,
  );
  await expect(
    listsOf(store, { text: 'one', vector: { model: MODEL, values: short }, limit: 3 }),
  ).rejects.toThrow(/31 dimensions, the index 32/);
  expect((await find(store, 'one', { meaning: 'one' })).vector).toEqual(['one']);
});

test('the wrong key, an old server, and what belongs to others are said clearly', async () => {
  const fake = await fakeQdrant();
  const saying = async (options = optionsFor(fake.url)): Promise<string> => {
    const { store } = await openQdrant(options.url, options);
    const error: LimnerError = await store.totals().then(
      () => expect.unreachable(),
      (thrown: LimnerError) => thrown,
    );
    expect(error.code).toBe('store_unavailable');
    return error.message;
  };
  fake.settings.key = 'secret';
  expect(await saying()).toContain('set QDRANT_API_KEY');
  expect(await saying(optionsFor(fake.url, { key: 'other' }))).toContain('refuses the key');
  fake.settings.key = undefined;
  fake.settings.version = '1.17.3';
  expect(await saying()).toContain('is 1.17.3; Limner needs 1.18 or newer');
  fake.settings.version = '1.19.0';
  fake.collections.handle(
    'PUT',
    '/collections/limner',
    { vectors: { size: { size: 4, distance: 'Dot' } } },
    '',
  );
  expect(await saying()).toContain('there is a collection limner that Limner did not make');
  fake.collections.handle('DELETE', '/collections/limner', undefined, '');
  const { store } = await openQdrant(fake.url);
  await store.replace(documentOf(), chunksOf('one'));
  expect(await saying()).toContain('the alias limner belongs to another data folder');
  fake.collections.all.clear();
  fake.collections.aliases.clear();
  fake.plan({ failAt: '/query/batch', kind: 'reset', times: 2 });
  await expect(find(store, 'one')).rejects.toThrow('does not answer');
  await expect(find(store, 'one')).rejects.toThrow('is gone from Qdrant');
  await fake.stop();
  expect(await saying()).toMatch(/does not answer: .*ECONNREFUSED/);
});

test('a bug of our own is not told as a server that does not answer', async () => {
  const fake = await fakeQdrant();
  const server = createQdrantServer(optionsFor(fake.url), IMPATIENT);
  const nothing: { length: number } | undefined = JSON.parse('{}').nothing;
  // @ts-expect-error -- the bug
  const bug = server.ask(async () => nothing.length);
  await expect(bug).rejects.toBeInstanceOf(TypeError);
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const unsent = server.ask((client) =>
    client.upsert('a', { points: [{ id: 1, vector: [1], payload: cyclic }] }),
  );
  await expect(unsent).rejects.toBeInstanceOf(TypeError);
  await fake.stop();
  await expect(server.ask((client) => client.versionInfo())).rejects.toMatchObject({
    code: 'store_unavailable',
  });
});

test('words are those of one language, and of no other', async () => {
  const fake = await fakeQdrant();
  const database = await temporaryDatabase();
  const german = await loadLanguage('de');
  const open = (language: Language) =>
    createQdrantStore(optionsFor(fake.url), database, { patience: IMPATIENT, language });
  await open(german).replace(documentOf(), chunksOf('Die Verträge der Werft'));
  expect((await find(open(german), 'eines Vertrages')).keyword).toEqual(['Die Verträge der Werft']);
  expect((await find(open(german), 'die der')).keyword).toHaveLength(1);
  const english = open(ENGLISH);
  await expect(find(english, 'contract')).rejects.toThrow(
    'were stored for the language de, and LIMNER_LANGUAGE is en',
  );
  await english.drop();
  await english.replace(documentOf(), chunksOf('contracts of the yard'));
  expect((await find(english, 'contract')).keyword).toHaveLength(1);
});

test('a key goes with every request, and a path and a port of the address are kept', async () => {
  const fake = await fakeQdrant();
  fake.settings.key = 'secret';
  const { store } = await openQdrant(fake.url, { key: 'secret' });
  await store.replace(documentOf(), chunksOf('one'));
  expect(await allChunks(store)).toHaveLength(1);
  const { store: behind } = await openQdrant(`${fake.url}/qdrant/`);
  await expect(behind.totals()).rejects.toThrow('/qdrant refuses the key');
  expect(fake.requests.at(-1)?.path).toBe('/qdrant/');
});
