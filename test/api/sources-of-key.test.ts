import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { startBench } from './setup.ts';

const ADMIN = 'an-admin-key-that-is-long';
const ollama = await createFakeOllama({ installed: [chatModel()], reply: () => 'In the tin [1].' });
afterAll(() => ollama.stop());
const bench = await startBench({
  OLLAMA_HOST: ollama.url,
  LIMNER_CHAT_MODEL: 'qwen3:4b',
  LIMNER_API_KEYS: ADMIN,
});
const call = (url: string, payload?: object, key: string = ADMIN) =>
  bench.app.server.inject({
    method: payload ? 'POST' : 'GET',
    url,
    headers: { authorization: `Bearer ${key}`, host: '127.0.0.1' },
    ...(payload && { payload }),
  });

const sent = await call('/api/documents', { text: 'The spare fuse lies in the tin.', title: 'Ice' });
const { id } = z.looseObject({ id: z.string() }).parse(sent.json());
await until(
  async () => (await call(`/api/documents/${id}`)).body.includes('"state":"searchable"'),
  'the document to be searchable',
);
await until(() => bench.app.models.chatReady(), 'the chat model');

async function keyWith(sources?: string): Promise<string> {
  const made = await call('/api/keys', { name: 'a chat', ...(sources && { sources }) });
  return z.looseObject({ key: z.string() }).parse(made.json()).key;
}

const QUESTION = { model: 'limner', messages: [{ role: 'user', content: 'Where is the spare fuse?' }] };
const LIST = '**Sources**';

test('a key may want the list of sources at the end of every answer', async () => {
  const key = await keyWith('markdown');
  for (const more of [{}, { stream: true }])
    expect((await call('/v1/chat/completions', { ...QUESTION, ...more }, key)).body).toContain(LIST);
  const response = { model: 'limner', input: 'Where is the spare fuse?' };
  expect((await call('/v1/responses', response, key)).body).toContain(LIST);
  expect((await call('/v1/chat/completions', QUESTION, await keyWith())).body).not.toContain(LIST);
  const { data } = z
    .object({ data: z.array(z.looseObject({ sources: z.string().nullable() })) })
    .parse((await call('/api/keys')).json());
  expect(data.map(({ sources }) => sources)).toEqual(['markdown', null]);
});

test('what the request says counts before what its key says, and JSON stays JSON', async () => {
  const key = await keyWith('markdown');
  const plain = { ...QUESTION, limner: { sources: 'fields' } };
  expect((await call('/v1/chat/completions', plain, key)).body).not.toContain(LIST);
  const listed = { ...QUESTION, limner: { sources: 'markdown' } };
  expect((await call('/v1/chat/completions', listed, await keyWith())).body).toContain(LIST);
  const json = { ...QUESTION, response_format: { type: 'json_object' } };
  expect((await call('/v1/chat/completions', json, key)).body).not.toContain(LIST);
});

test('a key may want them as events of Open WebUI', async () => {
  const body = { ...QUESTION, stream: true };
  const key = await keyWith('events');
  expect((await call('/v1/chat/completions', body, key)).body).toContain('"event":{"type":"source"');
  expect((await call('/v1/chat/completions', body)).body).not.toContain('"event":{"type":"source"');
});

test('a key wants nothing that is not there', async () => {
  expect((await call('/api/keys', { name: 'x', sources: 'footnotes' })).statusCode).toBe(400);
});
