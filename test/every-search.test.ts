import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { errorIn, startBench } from './api/setup.ts';
import { limner } from './limner.ts';

/** The four ways to search say the same of the same question, however odd it is. */
const bench = await startBench();
const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
for (const [id, text] of [
  ['hamlet', 'To be, or not to be, that is the question.'],
  ['gate', 'The NEAR tower AND the "old" gate* stand (since 1400).'],
] as const)
  await bench.send({ text, external_id: id, collection: 'odd' });

const client = new Client({ name: 'test', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', address)));
const Stores = z.object({ data: z.array(z.object({ id: z.string(), collection: z.string() })) });
const { data: stores } = Stores.parse((await bench.get('/v1/vector_stores')).json());
const storeId = stores.find(({ collection }) => collection === 'odd')?.id ?? '';

interface Where {
  collection?: string;
  filter?: object;
}

/** Texts of what was found, or the words of the refusal. */
type Said = string[] | string;

const Hits = z.object({ hits: z.array(z.object({ text: z.string() })) });
const Refusal = z.object({ error: z.object({ message: z.string() }) });
const Page = z.object({ data: z.array(z.object({ content: z.array(z.object({ text: z.string() })) })) });
const Result = z.object({
  isError: z.boolean().default(false),
  content: z.array(z.object({ text: z.string() })),
});

async function byApi(query: string, where: Where): Promise<Said> {
  const response = await bench.post('/api/search', { query, ...where });
  if (response.statusCode >= 400) return Refusal.parse(response.json()).error.message;
  return Hits.parse(response.json()).hits.map(({ text }) => text);
}

async function byStore(query: string, { filter }: Where): Promise<Said> {
  const body = { query, ...(filter && { filters: filter }) };
  const response = await bench.post(`/v1/vector_stores/${storeId}/search`, body);
  if (response.statusCode >= 400)
    return Refusal.parse(response.json()).error.message.replace(/^filters\b/, 'filter');
  return Page.parse(response.json()).data.map(({ content }) => content[0]?.text ?? '');
}

async function byMcp(query: string, where: Where): Promise<Said> {
  const called = await client.callTool({ name: 'search', arguments: { query, ...where } });
  const { isError, content } = Result.parse(called);
  const text = content[0]?.text ?? '';
  if (!isError) return Hits.parse(JSON.parse(text)).hits.map((hit) => hit.text);
  // The protocol's own refusal of arguments says the same in another order.
  return text.replace(/^.*Invalid arguments for tool search: (.*) at (\w+)$/s, '$2: $1');
}

async function byCommand(query: string, { collection, filter }: Where): Promise<Said> {
  const where = [
    ...(collection === undefined ? [] : ['--collection', collection]),
    ...(filter === undefined ? [] : ['--filter', JSON.stringify(filter)]),
  ];
  const { code, out, err } = await limner(
    bench.folder,
    { LIMNER_PORT: new URL(address).port },
    'search',
    ...where,
    query,
  );
  if (err !== '') return err.replace(/^limner: /, '').trim();
  const found = out.split('\n').flatMap((line) => (line.startsWith('   ') ? [line.trim()] : []));
  expect([code, out === 'Nothing fits.\n']).toEqual(found.length > 0 ? [0, false] : [1, true]);
  return found;
}

const HAMLET = ['To be, or not to be, that is the question.'];
const GATE = ['The NEAR tower AND the "old" gate* stand (since 1400).'];

describe.each<[string, string, Where, Said | RegExp]>([
  ['nothing', '', {}, []],
  ['white space', ' \t\n', {}, []],
  ['signs alone', '?!', {}, []],
  ['stop words', 'to be or not to be', {}, HAMLET],
  ['100 000 characters', 'the old gate '.repeat(7692), {}, GATE],
  [
    'more than that',
    'x'.repeat(100_001),
    {},
    /^query: Too big: expected string to have <=100000 characters$/,
  ],
  ['control characters', '\u0001gate\u001f\u200b', {}, GATE],
  ['operators', 'NEAR("gate* OR (', {}, GATE],
  ['options that are none', '--gate -tower', {}, GATE],
  [
    'a field that is not there',
    'gate',
    { filter: { colour: 'red' } },
    /^No document has the field colour\.$/,
  ],
  [
    'an order that is none',
    'gate',
    { filter: { type: 'gt', key: 'tags', value: 1 } },
    /^Tags and extensions have no order/,
  ],
  ['what is no filter', 'gate', { filter: {} }, /^filter: a filter is \{key: value\}/],
  ['a filter that fits', 'gate', { filter: { uri: 'gate' } }, GATE],
  ['a filter that fits nothing', 'gate', { filter: { uri: 'hamlet' } }, []],
])('a search for %s', (_what, query, where, expected) => {
  test.each([
    ['the API', byApi],
    ['a vector store', byStore],
    ['MCP', byMcp],
    ['the command line', byCommand],
  ])('by %s', { timeout: 60_000 }, async (_way, ask) => {
    const said = await ask(query, where);
    if (expected instanceof RegExp) expect(said).toMatch(expected);
    else expect(said).toEqual(expected);
  });
});

describe('a collection that is not there', () => {
  const message = 'There is no collection "nowhere"; GET /api/collections lists them.';
  test.each([
    ['the API', byApi],
    ['MCP', byMcp],
    ['the command line', byCommand],
  ])('is named by %s', { timeout: 60_000 }, async (_way, ask) => {
    expect(await ask('gate', { collection: 'nowhere' })).toBe(message);
    expect(await ask('gate', { collection: 'odd' })).toEqual(GATE);
  });

  test('is not found as a vector store', async () => {
    const response = await bench.post('/v1/vector_stores/vs_nowhere/search', { query: 'gate' });
    expect(errorIn(response)).toMatchObject({ status: 404, code: 'not_found', param: 'vector_store_id' });
  });
});

describe('a filter', () => {
  const nested = (levels: number): string =>
    '{"type":"and","filters":['.repeat(levels) +
    '{"type":"eq","key":"uri","value":"gate"}' +
    ']}'.repeat(levels);

  test.each([30_000, 3000, 900, 60])('of %d levels is refused and breaks nothing', async (levels) => {
    for (const [path, field] of [
      ['/api/search', 'filter'],
      [`/v1/vector_stores/${storeId}/search`, 'filters'],
    ] as const) {
      const body = `{"query":"gate","${field}":${nested(levels)}}`;
      const headers = { 'content-type': 'application/json' };
      const response = await bench.app.server.inject({ method: 'POST', url: path, payload: body, headers });
      expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
      expect(response.body).toMatch(/nested/);
    }
    expect(bench.lines.join('')).not.toContain('is a bug');
  });

  test('of many values finds what it names, and of too many is refused', async () => {
    const one = (count: number) => ({
      type: 'in',
      key: 'uri',
      value: [...Array(count).keys().map(String), 'gate'],
    });
    expect(await byApi('gate', { filter: one(999) })).toEqual(GATE);
    const several = (count: number) => ({
      type: 'or',
      filters: Array.from({ length: count }, () => one(999)),
    });
    expect(await byApi('gate', { filter: several(19) })).toEqual(GATE);
    expect(await byApi('gate', { filter: several(60) })).toMatch(/names more than 20000 values/);
  });
});
