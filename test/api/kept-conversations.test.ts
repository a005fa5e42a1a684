import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createKeptConversations, Turn } from '../../src/ask/kept-conversations.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { until } from '../until.ts';
import { errorIn, startBench } from './setup.ts';

const ADMIN = 'the-admin-key';
const bench = await startBench({ LIMNER_API_KEYS: ADMIN });

const Conversation = z.looseObject({ id: z.string(), title: z.string(), updated_at: z.string() });
const List = z.object({ data: z.array(Conversation), next_cursor: z.string().nullable() });

function call(method: 'GET' | 'POST' | 'DELETE' | 'PATCH', url: string, payload?: object, key = ADMIN) {
  const headers = { authorization: `Bearer ${key}` };
  return bench.app.server.inject({ method, url, headers, ...(payload && { payload }) });
}

async function begin(title: string, key = ADMIN): Promise<string> {
  const response = await call('POST', '/api/conversations', { title }, key);
  expect(response.statusCode).toBe(201);
  const { id, updated_at: at } = Conversation.parse(response.json());
  // Those of one millisecond have no order.
  await until(() => new Date().toISOString() > at, 'the next millisecond', 1000);
  return id;
}

async function titles(query = '', key = ADMIN): Promise<string[]> {
  const response = await call('GET', `/api/conversations${query}`, undefined, key);
  return List.parse(response.json()).data.map(({ title }) => title);
}

const SOURCE = {
  marker: 2,
  document_id: 'abc',
  title: 'Birds [of the *lake*]',
  url: 'http://127.0.0.1/documents/abc?mark=0-9#page=3',
  page: 3,
  span: [0, 9],
  text: 'Herons\nfish at dawn.',
};
const TURN = {
  number: 1,
  question: 'When do HERONS fish?',
  state: 'done',
  answer: 'At dawn [2].',
  sources: [{ ...SOURCE, marker: 1, title: 'Not cited' }, SOURCE],
  annotations: [{ marker: 2, start: 8, end: 11 }],
};

test('a turn is kept, replaced by its number, found by its words, and forgotten with its conversation', async () => {
  const id = await begin('Herons');
  await call('POST', `/api/conversations/${id}/turns`, { ...TURN, state: 'asking', answer: '' });
  expect((await call('POST', `/api/conversations/${id}/turns`, TURN)).statusCode).toBe(204);
  await call('POST', `/api/conversations/${id}/turns`, { number: 2, question: 'And ÜBER the lake?' });
  const { turns } = z
    .object({ turns: z.array(z.looseObject({ question: z.string(), state: z.string() })) })
    .parse((await call('GET', `/api/conversations/${id}`)).json());
  expect(turns.map(({ question, state }) => [question, state])).toEqual([
    ['When do HERONS fish?', 'done'],
    ['And ÜBER the lake?', 'asking'],
  ]);
  await begin('Something else');
  expect(await titles('?q=herons dawn')).toEqual(['Herons']);
  expect(await titles('?q=über')).toEqual(['Herons']);
  expect(await titles('?q=herons nowhere')).toEqual([]);
  expect((await call('DELETE', `/api/conversations/${id}`)).statusCode).toBe(204);
  expect((await call('GET', `/api/conversations/${id}`)).statusCode).toBe(404);
  expect(await titles('?q=dawn')).toEqual([]);
});

test('the one that was spoken in last is the first, page by page', async () => {
  const key = await makeKey();
  const first = await begin('first', key);
  for (const title of ['second', 'third']) await begin(title, key);
  await call('POST', `/api/conversations/${first}/turns`, { number: 1, question: 'And?' }, key);
  expect(await titles('', key)).toEqual(['first', 'third', 'second']);
  const page = List.parse((await call('GET', '/api/conversations?limit=2', undefined, key)).json());
  expect(await titles(`?limit=2&cursor=${page.next_cursor}`, key)).toEqual(['second']);
});

test('the next page goes on where the last one ended, whatever becomes of its last one', async () => {
  const key = await makeKey();
  const ids = new Map<string, string>();
  for (const title of ['a', 'b', 'c', 'd']) ids.set(title, await begin(title, key));
  const page = List.parse((await call('GET', '/api/conversations?limit=2', undefined, key)).json());
  expect(page.data.map(({ title }) => title)).toEqual(['d', 'c']);
  const next = `?limit=2&cursor=${encodeURIComponent(page.next_cursor ?? '')}`;
  await call('POST', `/api/conversations/${ids.get('c')}/turns`, { number: 1, question: 'And?' }, key);
  expect(await titles(next, key)).toEqual(['b', 'a']);
  await call('DELETE', `/api/conversations/${ids.get('c')}`, undefined, key);
  expect(await titles(next, key)).toEqual(['b', 'a']);
  const odd = await call('GET', '/api/conversations?cursor=nonsense', undefined, key);
  expect(errorIn(odd)).toMatchObject({ status: 400, code: 'invalid_request', param: 'cursor' });
});

test('a turn that comes while its conversation is deleted is not kept', async () => {
  const database = openDatabase(join(bench.folder, 'own.sqlite'));
  onTestFinished(() => database.close());
  const own = createKeptConversations(database)('somebody');
  const { id } = await own.add('Short-lived');
  const removed = own.remove(id);
  await expect(own.keep(id, Turn.parse(TURN))).rejects.toMatchObject({ code: 'not_found' });
  await removed;
  expect(database.read.all('select 1 from conversation_turn')).toEqual([]);
});

test('nobody sees those of another key', async () => {
  const id = await begin('Mine');
  const other = await makeKey();
  expect(await titles('', other)).toEqual([]);
  for (const [method, path, body] of [
    ['GET', ''],
    ['GET', '/export'],
    ['PATCH', '', { title: 'Theirs' }],
    ['POST', '/turns', TURN],
    ['DELETE', ''],
  ] as const)
    expect((await call(method, `/api/conversations/${id}${path}`, body, other)).statusCode).toBe(404);
  expect(await titles('?q=mine')).toEqual(['Mine']);
});

test('as Markdown it names what it cites, and says what is not whole', async () => {
  const id = await begin('Herons');
  await call('POST', `/api/conversations/${id}/turns`, TURN);
  await call('POST', `/api/conversations/${id}/turns`, {
    number: 2,
    question: 'And owls?',
    answer: 'Owls',
    state: 'broken',
  });
  const response = await call('GET', `/api/conversations/${id}/export`);
  expect(response.headers['content-type']).toContain('text/markdown');
  expect(response.headers['content-disposition']).toContain('Herons.md');
  expect(response.body).toContain('## When do HERONS fish?\n\nAt dawn [2].\n\nSources:');
  expect(response.body).toContain(
    String.raw`- [2] [Birds \[of the *lake*\], page 3](<http://127.0.0.1/documents/abc?mark=0-9#page=3>)` +
      '\n  > Herons fish at dawn.',
  );
  expect(response.body).not.toContain('Not cited');
  expect(response.body).toContain('Owls\n\n*This answer broke off.*');
});

test('what leads elsewhere, or is no turn, is refused', async () => {
  const id = await begin('Links');
  for (const wrong of [
    { ...TURN, number: 0 },
    { ...TURN, question: '' },
    { ...TURN, sources: [{ ...SOURCE, url: 'javascript:alert(1)' }] },
    { ...TURN, figure: { ...SOURCE, url: '//evil.example/a.png' } },
  ])
    expect((await call('POST', `/api/conversations/${id}/turns`, wrong)).statusCode).toBe(400);
});

async function makeKey(): Promise<string> {
  const response = await call('POST', '/api/keys', { name: 'reader', scopes: ['read'] });
  return z.object({ key: z.string() }).parse(response.json()).key;
}
