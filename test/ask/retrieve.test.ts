import { expect, test } from 'vitest';
import { createRetrieve } from '../../src/ask/retrieve.ts';
import { LimnerError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import type { SearchQuery, Store } from '../../src/store/store.ts';

const log = createLog({ level: 'fatal', secrets: [] });
const { signal } = new AbortController();
const hits = [{ id: 1, document: 1, text: 1, score: 1 }];
const chunk = {
  ordinal: 0,
  text: 'a passage',
  span: [0, 9] satisfies [number, number],
  document: { id: 'a', uri: 'a.txt', title: 'A', collection: 'c' },
};

/** A store that finds one passage when it has got the vector, or fails. */
function storeWith(look: (query: SearchQuery) => Promise<unknown>): Store {
  const search: Store['search'] = async (query, choose) => {
    await look(query);
    const chosen = choose({ keyword: hits, vector: [] });
    return chosen.map((choice) => Object.assign({}, choice, { chunks: choice.hits.map(() => chunk) }));
  };
  return Object.assign(Object.create(null), { search });
}

const embedderOf = (query: () => Promise<Float32Array>) => ({ ready: () => ({ identity: 'm' }), query });

test('words are looked for while the question is being embedded', async () => {
  const embedding = Promise.withResolvers<Float32Array>();
  const asked = Promise.withResolvers<void>();
  const store = storeWith(async ({ vector }) => {
    asked.resolve();
    expect(await vector).toEqual({ model: 'm', values: Float32Array.of(1) });
  });
  const retrieve = createRetrieve({ store, embedder: embedderOf(() => embedding.promise), log });
  const found = retrieve({ text: 'what', limit: 3 }, signal);
  await asked.promise;
  embedding.resolve(Float32Array.of(1));
  expect((await found).passages).toEqual([
    { ...chunk, score: 1, ranks: { keyword: 1 }, scores: { keyword: 1 } },
  ]);
});

test('a store that fails first is what is told, whatever becomes of the embedding', async () => {
  const embedding = Promise.withResolvers<Float32Array>();
  const store = storeWith(() => Promise.reject(new LimnerError('store_unavailable', 'gone')));
  const retrieve = createRetrieve({ store, embedder: embedderOf(() => embedding.promise), log });
  await expect(retrieve({ text: 'what', limit: 3 }, signal)).rejects.toThrow('gone');
  // Rejected with nobody waiting for it, it would end the process.
  embedding.reject(new TypeError('a bug'));
  await new Promise(setImmediate);
});

test('a vector that the index cannot take leaves the words', async () => {
  const store = storeWith(async ({ vector }) => {
    if (await vector) throw new RangeError('2 dimensions instead of 3');
  });
  const embedder = embedderOf(() => Promise.resolve(Float32Array.of(1, 0)));
  const { passages } = await createRetrieve({ store, embedder, log })({ text: 'what', limit: 3 }, signal);
  expect(passages).toHaveLength(1);
});

test('an embedder that cannot be reached leaves the words', async () => {
  const store = storeWith(async ({ vector }) => expect(await vector).toBeUndefined());
  const embedder = embedderOf(() => Promise.reject(new LimnerError('model_unavailable', 'away')));
  const { arms } = await createRetrieve({ store, embedder, log })({ text: 'what', limit: 3 }, signal);
  expect(arms).toEqual({ keyword: 1, vector: 0 });
});
