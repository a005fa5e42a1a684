import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeOllama, embedModel } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { errorIn, startBench } from './setup.ts';

const Vectors = z.object({ vectors: z.number() });

/** Questions that are no questions: each has a clear answer or a clear error, here through the whole service. */
const fake = await createFakeOllama({ installed: [embedModel()] });
afterAll(() => fake.stop());
const bench = await startBench({ OLLAMA_HOST: fake.url, LIMNER_EMBED_MODEL: 'nomic-embed-text' });
await bench.send({ text: 'To be, or not to be, that is the question.', external_id: 'hamlet' });
await bench.send({ text: 'The NEAR tower AND the "old" gate* stand (since 1400).', external_id: 'gate' });
await until(
  async () => Vectors.parse((await bench.get('/api/status')).json()).vectors === 2,
  'the vectors of both',
);

const Found = z.object({
  hits: z.array(z.object({ document: z.object({ uri: z.string() }) })),
  arms: z.object({ keyword: z.number(), vector: z.number() }),
});
const search = (query: string, more: object = {}) => bench.post('/api/search', { query, ...more });

async function found(query: string, more: object = {}) {
  const response = await search(query, more);
  expect(response.statusCode).toBe(200);
  return Found.parse(response.json());
}

const byKeywords = async (query: string): Promise<string[]> =>
  (await found(query, { arm: 'keyword' })).hits.map(({ document }) => document.uri);

describe('a search', () => {
  test.each(['', ' ', '\n\t', '?!', '"', '*', '()', '-'])('for %j finds no words', async (query) => {
    expect(await byKeywords(query)).toEqual([]);
  });

  test('for nothing finds nothing', async () => {
    expect(await found('  ')).toEqual({ hits: [], arms: { keyword: 0, vector: 0 } });
  });

  test('for stop words only finds what consists of them', async () => {
    expect((await byKeywords('to be or not to be'))[0]).toBe('hamlet');
  });

  test.each([
    'gate*',
    '"old gate"',
    '"old',
    'tower AND',
    'NEAR(tower gate, 2)',
    'tower NOT gate',
    '^tower',
    'title:gate',
    '{title path}: gate',
    'gate OR',
    '(((gate',
    "gate' OR 1=1 --",
    'gate; drop table chunk',
    'tower -gate',
    'gate + tower',
  ])('takes operators and quotes for text: %s', async (query) => {
    expect(await byKeywords(query)).toContain('gate');
  });

  test.each([
    'gate\u0000tower',
    '\u0001gate\u001f',
    'gate\u200b',
    '\ufeffgate',
    'gate\u202e',
    'gate \ud800',
    'gate\r\n',
  ])('passes over control characters: %j', async (query) => {
    expect(await byKeywords(query)).toContain('gate');
  });

  test('of 100 000 characters answers in time, and of more says what the limit is', async () => {
    const since = performance.now();
    const long = 'the old gate of the tower '.repeat(4000).slice(0, 100_000);
    expect((await found(long)).hits.map(({ document }) => document.uri)).toContain('gate');
    expect(await byKeywords('x'.repeat(100_000))).toEqual([]);
    expect(performance.now() - since).toBeLessThan(5000);
    expect(errorIn(await search('x'.repeat(100_001)))).toEqual({
      status: 400,
      code: 'invalid_request',
      param: 'query',
    });
  });

  test.each([undefined, null, 7, ['gate'], { text: 'gate' }])('for %j is refused', async (query) => {
    expect(errorIn(await bench.post('/api/search', { query }))).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  test('of an arm that is none is refused', async () => {
    expect(errorIn(await search('gate', { arm: 'magic' }))).toMatchObject({ status: 400, param: 'arm' });
  });
});

describe('a collection that is not there is named', () => {
  const unknown = { status: 400, code: 'invalid_request', param: 'collection' };

  test('by search and by both ways to ask', async () => {
    expect(errorIn(await search('gate', { collection: 'recieps' }))).toEqual(unknown);
    expect(errorIn(await bench.post('/api/ask', { question: 'gate?', collection: 'recieps' }))).toEqual(
      unknown,
    );
    const chat = {
      model: 'limner',
      messages: [{ role: 'user', content: 'gate?' }],
      limner: { collection: 'recieps' },
    };
    expect(errorIn(await bench.post('/v1/chat/completions', chat))).toEqual(unknown);
    expect((await search('gate', { collection: 'recieps' })).body).toContain('recieps');
  });

  test('but the default one is always there, and so is an empty store', async () => {
    expect((await search('gate', { collection: 'default' })).statusCode).toBe(200);
    await bench.post('/v1/vector_stores', { name: 'empty' });
    expect((await found('gate', { collection: 'empty' })).hits).toEqual([]);
  });
});

test('a filter on a field that no document has names it', async () => {
  const response = await search('gate', { filter: { colour: 'red' } });
  expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
  expect(response.body).toContain('colour');
});

describe('a vector of the wrong length', () => {
  test('is passed over: keywords answer, and the log says why', async () => {
    expect((await found('old gate')).arms.vector).toBe(2);
    const [model] = fake.installed;
    if (!model) throw new Error('unreachable');
    model.dimension = 64;
    const { hits, arms } = await found('old gate at night');
    expect(arms.vector).toBe(0);
    expect(hits.map(({ document }) => document.uri)).toContain('gate');
    expect(bench.lines.join()).toContain('searching by keywords only');
  });
});
