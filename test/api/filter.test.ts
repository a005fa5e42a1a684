import { expect, test } from 'vitest';
import { z } from 'zod';
import { errorIn, startBench } from './setup.ts';

const bench = await startBench();

const Hits = z.object({ hits: z.array(z.object({ document: z.object({ uri: z.string() }) })) });

for (const [name, year, tags] of [
  ['old', 1901, ['paper']],
  ['new', 2001, ['paper', 'print']],
  ['none', undefined, []],
] as const) {
  const response = await bench.post('/api/documents', {
    text: `The ${name} lighthouse keeps its lamp.`,
    external_id: name,
    tags,
    ...(year !== undefined && { metadata: { year } }),
  });
  await bench.done(response.json<{ id: string }>().id);
}

const found = async (filter: unknown): Promise<string[]> => {
  const response = await bench.post('/api/search', { query: 'lighthouse lamp', filter });
  return Hits.parse(response.json())
    .hits.map(({ document }) => document.uri)
    .toSorted();
};

test('a search is limited to the documents that a filter fits', async () => {
  expect(await found(undefined)).toEqual(['new', 'none', 'old']);
  expect(await found({ year: 1901 })).toEqual(['old']);
  expect(await found({ tags: 'paper' })).toEqual(['new', 'old']);
  expect(await found({ type: 'gt', key: 'year', value: 1950 })).toEqual(['new']);
  expect(await found({ year: 1500 })).toEqual([]);
});

test('what is said of a document can be changed, and the next search knows', async () => {
  const { data } = await bench.list();
  const id = data.find(({ uri }) => uri === 'none')?.id ?? '';
  const patch = (payload: object) =>
    bench.app.server.inject({ method: 'PATCH', url: `/api/documents/${id}`, payload });
  expect((await patch({ metadata: { year: 1500 }, tags: ['vellum'] })).json()).toMatchObject({
    tags: ['vellum'],
  });
  expect(await found({ year: 1500, tags: ['vellum', 'paper'] })).toEqual(['none']);
  expect(errorIn(await patch({ metadata: { a: { b: 1 } } }))).toMatchObject({
    status: 400,
    param: 'metadata.a',
  });
});

test.each([
  { colour: 'red' },
  { type: 'eq', key: 'year' },
  { type: 'gt', key: 'tags', value: 'a' },
  [],
  'paper',
])('a filter that cannot be meant is refused: %j', async (filter) => {
  const response = await bench.post('/api/search', { query: 'lamp', filter });
  expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
});

test('an answer is made of those documents alone', async () => {
  const response = await bench.post('/api/ask', {
    question: 'Which lighthouse keeps its lamp?',
    filter: { year: 2001 },
  });
  const { sources } = z.object({ sources: z.array(z.object({ uri: z.string() })) }).parse(response.json());
  expect(sources.map(({ uri }) => uri)).toEqual(['new']);
});

test('an answer says how much of the documents could be found', async () => {
  const response = await bench.post('/api/ask', { question: 'Which lighthouse keeps its lamp?' });
  expect(response.json()).toMatchObject({ index: { searchable: 3, pending: 0, failed: 0 } });
  const chat = await bench.post('/v1/chat/completions', {
    model: 'limner',
    messages: [{ role: 'user', content: 'Which lighthouse keeps its lamp?' }],
  });
  expect(chat.json()).toMatchObject({ index: { searchable: 3, pending: 0, failed: 0 } });
  const stream = await bench.post('/api/ask', { question: 'Which lighthouse?', stream: true });
  expect(stream.body).toContain('"index":{"searchable":3,"pending":0,"failed":0}');
});
