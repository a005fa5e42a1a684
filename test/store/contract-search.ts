import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { chunksOf, documentOf, dot, embedAll, find, MODEL, vectorOf, listsOf } from './material.ts';

/** The part of the contract that is about searches. */
export function testSearch(open: () => Promise<Store>): void {
  test('words are found in text, title, path and headings, stemmed and without accents', async () => {
    const store = await open();
    await store.replace(documentOf({ id: 'a', uri: 'boats/hull.txt', title: 'Caulking' }), [
      { ordinal: 0, text: 'Oakum drives into séams.', span: [0, 24], headings: ['Winter berth', 'Repairs'] },
    ]);
    await store.replace(documentOf({ id: 'b', uri: 'b.txt', title: 'Other' }), chunksOf('Nothing else.'));
    const asked = ['OAKUM', 'caulked', 'hull', 'repair', 'wintering', 'seam'];
    for (const word of asked)
      expect(await find(store, word), word).toMatchObject({ keyword: ['Oakum drives into séams.'] });
  });

  test('a part number is found before others with the same parts, with its signs, spaces or without', async () => {
    const store = await open();
    for (const name of ['ABC-1234/5', 'ABC-1235/4', 'XYZ-1234/5', 'ABC-5/1234'])
      await store.replace(
        documentOf({ id: name, uri: `${name.length}` }),
        chunksOf(`The torque of ${name}.`),
      );
    for (const query of ['torque of ABC-1234/5', 'ABC1234/5', 'abc-1234', 'ABC 1234 5'])
      expect((await find(store, query)).keyword[0], query).toBe('The torque of ABC-1234/5.');
  });

  test('what a model wrote about a passage is found by its words, and is not quoted', async () => {
    const store = await open();
    const passage = { ordinal: 0, span: [0, 12] satisfies [number, number] };
    const preface = 'This is about the turnover of Zanzibar.';
    await store.replace(documentOf({ id: 'a', uri: 'a' }), [{ ...passage, text: 'It rose much.', preface }]);
    await store.replace(documentOf({ id: 'b', uri: 'b' }), [
      { ...passage, text: `${preface} It rose much.` },
      { ordinal: 1, text: 'Nothing else.', span: [50, 63] },
    ]);
    const found = await listsOf(store, { text: 'Zanzibar turnover', limit: 5 });
    expect(found.keyword.map(({ text }) => text).toSorted()).toEqual([
      'It rose much.',
      `${preface} It rose much.`,
    ]);
  });

  test('both lists are best first with ranks from 1, and never longer than the limit', async () => {
    const store = await open();
    await store.replace(
      documentOf(),
      chunksOf('fuse fuse fuse', 'fuse and much else that has nothing to do with it', 'bulb'),
    );
    await embedAll(store);
    const vector = { model: MODEL, values: vectorOf('bulb') };
    const { keyword, vector: near } = await listsOf(store, { text: 'fuse bulb', vector, limit: 2 });
    expect(keyword).toHaveLength(2);
    expect(near).toHaveLength(2);
    expect(near[0]).toMatchObject({ text: 'bulb' });
    for (const list of [keyword, near])
      expect(list[0]?.score).toBeGreaterThanOrEqual(list[1]?.score ?? Infinity);
  });

  test('the score of a vector hit is the exact dot product', async () => {
    const store = await open();
    const texts = Array.from({ length: 60 }, (_, at) => `text ${at}`);
    await store.replace(documentOf(), chunksOf(...texts));
    await embedAll(store);
    const question = vectorOf('question');
    const found = await listsOf(store, { text: '', vector: { model: MODEL, values: question }, limit: 10 });
    const exact = texts.map((text) => ({ text, score: dot(question, vectorOf(text)) }));
    exact.sort((one, other) => other.score - one.score);
    expect(found.vector.map(({ text }) => text)).toEqual(exact.slice(0, 10).map(({ text }) => text));
    for (const [at, { score }] of found.vector.entries()) expect(score).toBeCloseTo(exact[at]?.score ?? 0, 5);
  });

  test('documents are a filter inside the search, alone and within a collection', async () => {
    const store = await open();
    await store.replace(documentOf({ id: 'many' }), chunksOf(...Array<string>(300).fill('harbour')));
    for (const id of ['one', 'two'])
      await store.replace(
        documentOf({ id, uri: `land/${id}`, collection: 'land' }),
        chunksOf(`the harbour of ${id} is named in passing among many other words of this text`),
      );
    await embedAll(store);
    const ask = (documents: string[], collection?: string) =>
      find(store, 'harbour', { meaning: 'harbour', documents, collection, limit: 3 });
    const text = (id: string) =>
      `the harbour of ${id} is named in passing among many other words of this text`;
    expect(await ask(['two'])).toEqual({ keyword: [text('two')], vector: [text('two')] });
    expect((await ask(['one', 'two', 'nobody'], 'land')).vector).toHaveLength(2);
    for (const none of [await ask([]), await ask(['nobody']), await ask(['many'], 'land')])
      expect(none).toEqual({ keyword: [], vector: [] });
  });

  test('the collection is a filter inside the search: many better ones elsewhere take no place', async () => {
    const store = await open();
    await store.replace(documentOf({ id: 'many' }), chunksOf(...Array<string>(300).fill('harbour')));
    const one = documentOf({ id: 'one', uri: 'land/a', collection: 'land' });
    await store.replace(one, chunksOf('a harbour is named in passing among many other words of this text'));
    await embedAll(store);
    const found = await find(store, 'harbour', { meaning: 'harbour', collection: 'land', limit: 3 });
    expect(found.keyword).toHaveLength(1);
    expect(found.vector).toEqual(found.keyword);
    expect(await find(store, 'harbour', { meaning: 'harbour', collection: 'nowhere' })).toEqual({
      keyword: [],
      vector: [],
    });
  });

  test('passages that were removed or replaced take no place of others', async () => {
    const store = await open();
    const crowd = Array<string>(300).fill('harbour');
    await store.replace(documentOf({ id: 'far', uri: 'far' }), chunksOf('something else'));
    await store.replace(documentOf({ id: 'removed', uri: 'removed' }), chunksOf(...crowd));
    await store.replace(documentOf({ id: 'replaced', uri: 'replaced' }), chunksOf(...crowd));
    await embedAll(store);
    expect((await find(store, '', { meaning: 'harbour', limit: 3 })).vector).toHaveLength(3);
    await store.remove('removed');
    await store.replace(documentOf({ id: 'replaced', uri: 'replaced' }), []);
    expect((await find(store, '', { meaning: 'harbour', limit: 3 })).vector).toEqual(['something else']);
  });

  test('Chinese and Japanese are found by words inside a sentence', async () => {
    const store = await open();
    const texts = ['每个水手都要检查绳索。', '港の灯台は毎晩点灯します。', 'ウィンチの点検'];
    await store.replace(documentOf(), chunksOf(...texts));
    expect((await find(store, '绳索')).keyword).toEqual([texts[0]]);
    expect((await find(store, '灯台')).keyword).toEqual([texts[1]]);
    expect((await find(store, 'ウィンチ')).keyword).toEqual([texts[2]]);
    expect((await find(store, '谁检查绳索?')).keyword[0]).toBe(texts[0]);
  });

  test('operators, quotes and columns of a query language are plain words', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('salt water', 'near the pier'));
    const queries = [
      '"salt',
      'salt AND',
      'salt OR NOT (',
      'title:salt',
      'sal* salt^2',
      '{salt}',
      "'; salt --",
    ];
    for (const query of queries) expect((await find(store, query)).keyword, query).toContain('salt water');
    expect((await find(store, 'NEAR(pier)')).keyword).toEqual(['near the pier']);
  });

  test('a query of stop words only still finds them, and one of nothing finds nothing', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('to be or not to be'));
    expect((await find(store, 'to be or not')).keyword).toHaveLength(1);
    for (const query of ['', '   ', '?!', '\u0000', '""', '🦑']) {
      expect(await find(store, query), JSON.stringify(query)).toEqual({ keyword: [], vector: [] });
    }
  });

  test('100 000 characters are a query like any other', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('salt water'));
    expect((await find(store, `salt ${'words and more '.repeat(7000)}`)).keyword).toEqual(['salt water']);
    expect((await find(store, 'x'.repeat(100_000))).keyword).toEqual([]);
  });

  test('no query and no collection name breaks a search', async () => {
    const store = await open();
    await store.replace(documentOf(), chunksOf('salt water'));
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(text, text, async (query, collection) => {
        await find(store, `${query} salt`, { collection });
        expect((await find(store, `${query} salt`)).keyword).toContain('salt water');
      }),
      { numRuns: 100 },
    );
  });

  test('a search during a replace sees the old or the new, never a mix', async () => {
    const store = await open();
    const version = (name: string) => Array.from({ length: 600 }, (_, at) => `${name} common ${at % 7}`);
    await store.replace(documentOf(), chunksOf(...version('older')));
    const seen = (await find(store, 'older', { limit: 600 })).keyword.slice(0, 1).map(nameOf);
    let isDone = false;
    const replacing = store.replace(documentOf(), chunksOf(...version('newer'))).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      const { keyword } = await find(store, 'older newer common', { limit: 600 });
      expect(keyword).toHaveLength(600);
      seen.push([...new Set(keyword.map((text) => text.split(' ', 1)[0]))].join('+'));
      // Without a turn of the event loop the replace would never get one.
      await new Promise(setImmediate);
    }
    await replacing;
    expect(seen.join(' ')).toMatch(/^older( older)*( newer)*$/);
    expect(new Set((await find(store, 'older newer', { limit: 600 })).keyword.map(nameOf))).toEqual(
      new Set(['newer']),
    );
  });

  test('searches while documents are written again find each of them once, by words and by meaning', async () => {
    const store = await open();
    const ids = Array.from({ length: 8 }, (_, at) => `d${at}`);
    const write = (id: string, uri: string) =>
      store.replace(documentOf({ id, uri }), chunksOf(`the anchor of ${id}`));
    for (const id of ids) await write(id, id);
    await embedAll(store);
    const texts = ids.map((id) => `the anchor of ${id}`);
    let isDone = false;
    const writing = (async () => {
      for (let round = 0; round < 60; round++)
        await Promise.all([0, 1, 2].map((at) => write(ids[(round + at) % 8] ?? '', `${round}`)));
    })().finally(() => {
      isDone = true;
    });
    async function look(): Promise<void> {
      while (!isDone) {
        const found = await find(store, 'anchor', { meaning: 'anchor', collection: 'sea' });
        expect([found.keyword.toSorted(), found.vector.toSorted()]).toEqual([texts, texts]);
      }
    }
    await Promise.all([writing, look(), look(), look()]);
  });
}

function nameOf(text: string): string {
  return text.split(' ', 1)[0] ?? '';
}
