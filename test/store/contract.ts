import { describe, expect, test } from 'vitest';
import type { Chunk } from '../../src/document.ts';
import type { Store } from '../../src/store/store.ts';
import { testSearch } from './contract-search.ts';
import { allChunks, chunksOf, documentOf, embedAll, find, MODEL, vectorOf, listsOf } from './material.ts';

/** Opens an empty store that is closed and removed when the test ends. */
export type OpenStore = () => Promise<Store>;

const NOBODY: ReadonlySet<string> = new Set();

/** What every store promises; the promises themselves stand in `src/store/store.ts`. */
export function testStore(name: string, open: OpenStore): void {
  describe(`the store of ${name}`, () => {
    describe('documents', () => testDocuments(open));
    describe('vectors', () => testVectors(open));
    describe('search', () => testSearch(open));
  });
}

function testDocuments(open: OpenStore): void {
  test('an empty store is empty', async () => {
    const store = await open();
    expect(await store.totals()).toEqual({ chunks: 0, vectors: 0 });
    expect(await store.count('nobody')).toEqual({ chunks: 0, vectors: 0 });
    expect(await allChunks(store, 'nobody')).toEqual([]);
    expect(await find(store, 'anything', { meaning: 'anything' })).toEqual({ keyword: [], vector: [] });
  });

  test('chunks come back in their order with every place field', async () => {
    const store = await open();
    const chunks: Chunk[] = [
      { ordinal: 0, text: 'Naïve 🦑 text', span: [0, 13], page: 3, headings: ['Part "I"', 'Überschrift'] },
      { ordinal: 1, text: ' lines\nkept ', span: [15, 27], lines: [4, 5] },
      { ordinal: 2, text: 'bare', span: [29, 33] },
    ];
    expect(await store.replace(documentOf(), chunks.toReversed())).toEqual({ chunks: 3, vectors: 0 });
    expect(await allChunks(store)).toEqual(chunks);
    expect(await store.chunks('d1', { offset: 1, limit: 1 })).toEqual([chunks[1]]);
    expect(await store.chunks('d1', { offset: 3, limit: 5 })).toEqual([]);
  });

  test('replace leaves the new chunks only, and once more changes nothing', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('oldest anchor', 'older chain'));
    for (let time = 0; time < 2; time++) {
      expect(await store.replace(documentOf(), chunksOf('newer rudder'))).toEqual({ chunks: 1, vectors: 0 });
      expect(await find(store, 'anchor chain rudder')).toMatchObject({ keyword: ['newer rudder'] });
      expect(await store.totals()).toEqual({ chunks: 1, vectors: 0 });
    }
  });

  test('replace by nothing leaves nothing', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('anchor'));
    expect(await store.replace(documentOf(), [])).toEqual({ chunks: 0, vectors: 0 });
    expect(await find(store, 'anchor')).toMatchObject({ keyword: [] });
  });

  test('replaces of one document at the same time leave one of them whole', async () => {
    const store = await open();
    const versions = [0, 1, 2, 3].map((version) => [`version${version} one`, `version${version} two`]);
    await Promise.all(versions.map((texts) => store.replace(documentOf(), chunksOf(...texts))));
    const texts = (await allChunks(store)).map(({ text }) => text);
    expect(versions).toContainEqual(texts);
    expect((await find(store, 'version0 version1 version2 version3 one two')).keyword.toSorted()).toEqual(
      texts,
    );
  });

  test('counts are of one document, of all, and of one model', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await store.replace(documentOf({ id: 'd2', uri: 'b' }), chunksOf('three'));
    await embedAll(store);
    await store.replace(documentOf({ id: 'd3', uri: 'c' }), chunksOf('four'));
    expect(await store.count('d1')).toEqual({ chunks: 2, vectors: 2 });
    expect(await store.count('d3', MODEL)).toEqual({ chunks: 1, vectors: 0 });
    expect(await store.count('d1', 'another')).toEqual({ chunks: 2, vectors: 0 });
    expect(await store.totals()).toEqual({ chunks: 4, vectors: 3 });
    expect(await store.totals('another')).toEqual({ chunks: 4, vectors: 0 });
  });

  test('describe moves a document: chunks and vectors stay, filters and path words follow', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('the bell rope'));
    await embedAll(store);
    const before = await allChunks(store);
    await store.describe(documentOf({ uri: 'land/tower-keys.txt', title: 'Keys', collection: 'land' }));
    expect(await allChunks(store)).toEqual(before);
    expect(await store.count('d1')).toEqual({ chunks: 1, vectors: 1 });
    const both = { keyword: ['the bell rope'], vector: ['the bell rope'] };
    expect(await find(store, 'bell', { meaning: 'bell', collection: 'land' })).toEqual(both);
    expect(await find(store, 'bell', { meaning: 'bell', collection: 'sea' })).toEqual({
      keyword: [],
      vector: [],
    });
    expect(await find(store, 'tower')).toMatchObject({ keyword: ['the bell rope'] });
    expect(await find(store, 'log sea')).toMatchObject({ keyword: [] });
    const [passage] = (await listsOf(store, { text: 'keys', limit: 1 })).keyword;
    expect(passage?.document).toEqual({
      id: 'd1',
      uri: 'land/tower-keys.txt',
      title: 'Keys',
      collection: 'land',
    });
  });

  test('remove takes a document away for good, and twice is no mistake', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('anchor'));
    await store.replace(documentOf({ id: 'd2', uri: 'b' }), chunksOf('anchor too'));
    await embedAll(store);
    await find(store, 'anchor', { meaning: 'anchor' });
    for (let time = 0; time < 2; time++) await store.remove('d1');
    await store.remove('never there');
    expect(await store.totals()).toEqual({ chunks: 1, vectors: 1 });
    expect(await find(store, 'anchor', { meaning: 'anchor' })).toEqual({
      keyword: ['anchor too'],
      vector: ['anchor too'],
    });
  });
}

function testVectors(open: OpenStore): void {
  test('a text that stays, moves to another document or comes back keeps its vector', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('kept', 'dropped'));
    expect(await embedAll(store)).toBe(2);
    expect(await store.replace(documentOf(), chunksOf('new', 'kept'))).toEqual({ chunks: 2, vectors: 1 });
    expect((await find(store, '', { meaning: 'kept' })).vector).toEqual(['kept']);
    const copy = documentOf({ id: 'd2', uri: 'copy' });
    expect(await store.replace(copy, chunksOf('dropped'))).toEqual({ chunks: 1, vectors: 1 });
    expect((await find(store, '', { meaning: 'dropped' })).vector[0]).toBe('dropped');
    expect(await embedAll(store)).toBe(1);
  });

  test('what is embedded holds the headings: the same words under another heading are another text', async () => {
    const store = await open();
    const under = (heading: string): Chunk[] => [
      { ordinal: 0, text: 'Open daily.', span: [0, 11], headings: ['Museum', heading] },
    ];
    await store.replace(documentOf(), under('Shop'));
    const [first] = await store.unembedded(MODEL, 10, NOBODY);
    expect(first).toMatchObject({ documentId: 'd1', text: 'Museum > Shop\nOpen daily.' });
    await embedAll(store);
    expect(await store.replace(documentOf(), under('Café'))).toEqual({ chunks: 1, vectors: 0 });
  });

  test('prune forgets the vectors that no chunk needs, and only those', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('kept', 'dropped'));
    await embedAll(store);
    await store.replace(documentOf(), chunksOf('kept'));
    await store.prune([]);
    expect(await store.replace(documentOf(), chunksOf('kept', 'dropped'))).toEqual({ chunks: 2, vectors: 1 });
  });

  test('unembedded: the first chunks of every document before the second ones, without `except`', async () => {
    const store = await open();
    await store.replace(documentOf({ id: 'big', uri: 'big' }), chunksOf('b0', 'b1', 'b2', 'b3'));
    await store.replace(documentOf({ id: 'small', uri: 'small' }), chunksOf('s0'));
    const all = await store.unembedded(MODEL, 10, NOBODY);
    expect(
      all
        .map(({ text }) => text)
        .slice(0, 2)
        .toSorted(),
    ).toEqual(['b0', 's0']);
    expect(all.map(({ text }) => text).slice(2)).toEqual(['b1', 'b2', 'b3']);
    const except = new Set(all.slice(0, 3).map(({ chunkId }) => chunkId));
    const rest = await store.unembedded(MODEL, 2, except);
    expect(rest.map(({ text }) => text)).toEqual(['b2', 'b3']);
  });

  test('a vector for a chunk that is gone is passed over', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('gone'));
    const [gone] = await store.unembedded(MODEL, 1, NOBODY);
    await store.replace(documentOf(), chunksOf('here'));
    const [here] = await store.unembedded(MODEL, 1, NOBODY);
    const vectors = [gone, here].flatMap((one) =>
      one ? [{ chunkId: one.chunkId, vector: vectorOf(one.text) }] : [],
    );
    expect(vectors).toHaveLength(2);
    await store.putVectors(MODEL, vectors);
    expect(await store.totals()).toEqual({ chunks: 1, vectors: 1 });
    expect((await find(store, '', { meaning: 'gone' })).vector).toEqual(['here']);
  });

  test('another model is built beside the one in force, which answers until it is told otherwise', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await embedAll(store);
    expect(store.model()).toBe(MODEL);
    const wanting = await store.unembedded('other:2', 10, NOBODY);
    expect(wanting.map(({ text }) => text)).toEqual(['one', 'two']);
    expect(await store.totals('other:2')).toEqual({ chunks: 2, vectors: 0 });
    expect((await find(store, '', { meaning: 'one' })).vector[0]).toBe('one');
    const [first] = wanting;
    await store.putVectors('other:2', [
      { chunkId: first?.chunkId ?? '', vector: new Float32Array([1, 0, 0]) },
    ]);
    expect(await store.totals('other:2')).toEqual({ chunks: 2, vectors: 1 });
    expect(await store.totals()).toEqual({ chunks: 2, vectors: 2 });
    expect((await store.unembedded('other:2', 10, NOBODY)).map(({ text }) => text)).toEqual(['two']);
    expect(await store.unembedded('other:2', 10, new Set(wanting.map(({ chunkId }) => chunkId)))).toEqual([]);
    expect((await find(store, '', { meaning: 'one' })).vector[0]).toBe('one');
  });

  test('what changes while another model is built wants its vectors too', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await embedAll(store);
    const vector = new Float32Array([1, 0, 0]);
    const wanting = await store.unembedded('other:2', 10, NOBODY);
    await store.putVectors(
      'other:2',
      wanting.map(({ chunkId }) => ({ chunkId, vector })),
    );
    await store.replace(documentOf(), chunksOf('one', 'three'));
    expect((await store.unembedded('other:2', 10, NOBODY)).map(({ text }) => text)).toEqual(['three']);
  });

  test('another model comes into force in one step, and the way back costs nothing', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await embedAll(store);
    const next = { model: 'other:2', values: new Float32Array([1, 0, 0]) };
    const wanting = await store.unembedded(next.model, 10, NOBODY);
    const vector = new Float32Array([1, 0, 0]);
    await store.putVectors(
      next.model,
      wanting.map(({ chunkId }) => ({ chunkId, vector })),
    );
    expect((await listsOf(store, { text: '', vector: next, limit: 5 })).vector).toEqual([]);
    await store.use(next.model);
    expect(store.model()).toBe(next.model);
    expect(await store.totals()).toEqual({ chunks: 2, vectors: 2 });
    expect((await listsOf(store, { text: '', vector: next, limit: 5 })).vector).toHaveLength(2);
    expect((await find(store, '', { meaning: 'one' })).vector).toEqual([]);
    await store.use(MODEL);
    expect(await store.unembedded(MODEL, 10, NOBODY)).toEqual([]);
    expect((await find(store, '', { meaning: 'one' })).vector[0]).toBe('one');
  });

  test('a model without any vectors gives way at once', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one'));
    expect(await store.unembedded(MODEL, 10, NOBODY)).toHaveLength(1);
    expect(await store.unembedded('other:2', 10, NOBODY)).toHaveLength(1);
    expect(store.model()).toBe('other:2');
  });

  test('pruning keeps the vectors in force and of the models it is told, and no others', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one'));
    await embedAll(store);
    const vector = new Float32Array([1, 0, 0]);
    for (const model of ['kept:1', 'left:1']) {
      const [one] = await store.unembedded(model, 10, NOBODY);
      await store.putVectors(model, [{ chunkId: one?.chunkId ?? '', vector }]);
    }
    await store.prune(['kept:1']);
    const counts = await Promise.all([MODEL, 'kept:1', 'left:1'].map((model) => store.totals(model)));
    expect(counts.map(({ vectors }) => vectors)).toEqual([1, 1, 0]);
  });

  test('vectors that come back with their model are found, also after a search in the middle', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await embedAll(store);
    await store.unembedded('other:2', 10, NOBODY);
    const back = store.unembedded(MODEL, 10, NOBODY);
    await find(store, '', { meaning: 'one' });
    await back;
    expect((await find(store, '', { meaning: 'one' })).vector.toSorted()).toEqual(['one', 'two']);
  });

  test('while the model changes, everybody who asks waits for it', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('one', 'two'));
    await embedAll(store);
    const both = await Promise.all([1, 2].map(() => store.unembedded('other:2', 10, NOBODY)));
    expect(both.map((wanting) => wanting.length)).toEqual([2, 2]);
  });
}
