import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { until } from '../until.ts';
import { apiKey, startBed } from './bed.ts';

/** What programs send that were not written with one server in mind. */
const bed = await startBed({ LIMNER_CORS_ORIGINS: 'https://chat.example' });
const { url } = bed.service;
const messages = [{ role: 'user', content: 'Where is the spare fuse?' }];
const Failure = z.object({
  error: z.object({ message: z.string(), code: z.string(), param: z.string().nullable() }),
});

async function post(path: string, body: object) {
  const response = await bed.fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

describe('an address', () => {
  test.each(['/v1', '/v1/', '//v1', '/v1//'])('with the base URL %s', async (base) => {
    const client = new OpenAI({ baseURL: url + base, apiKey, maxRetries: 0 });
    const names = (await client.models.list()).data.map(({ id }) => id);
    expect(names).toContain('limner');
    const answer = await client.chat.completions.create({
      model: 'limner',
      messages: [{ role: 'user', content: 'Where?' }],
    });
    expect(answer.choices).toHaveLength(1);
  });

  test('of a model is found with its slash as it is, or escaped', async () => {
    for (const id of ['limner', 'limner/ice', 'limner%2Fice'])
      expect((await fetch(`${url}/v1/models/${id}`)).status, id).toBe(200);
  });

  test.each([
    ['/models', /begins with \/v1/],
    ['/chat/completions', /begins with \/v1/],
    ['/v1/v1/models', /\/v1 twice/],
    ['/v1/completions', /use \/v1\/chat\/completions/],
    ['/v1/moderations', /GET \/openapi.json/],
    ['/api/tags', /no such route/],
  ])('that is not there, %s, is told with what to do', async (path, words) => {
    const response = await fetch(url + path);
    expect(response.status).toBe(404);
    expect(Failure.parse(await response.json()).error.message).toMatch(words);
  });

  test('is asked with HEAD and OPTIONS', async () => {
    expect((await fetch(`${url}/v1/models`, { method: 'HEAD' })).status).toBe(200);
    const options = await fetch(`${url}/v1/chat/completions`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([405, 'POST']);
  });

  test('is asked by a page of a site that is allowed, with the headers that the client sends', async () => {
    const preflight = await fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://chat.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
      },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      'authorization,content-type,x-stainless-lang',
    ]);
  });
});

const KEPT = {
  role: 'assistant',
  content: 'In the tin.',
  refusal: null,
  annotations: [],
  audio: null,
  function_call: null,
  tool_calls: [],
  reasoning_content: 'x',
};
const HISTORY = [...messages, KEPT, { role: 'user', content: 'Which tin?' }];

describe('a chat', () => {
  test.each<[name: string, body: object]>([
    [
      'with nulls for all it does not set',
      Object.fromEntries(
        [
          'temperature',
          'top_p',
          'n',
          'stop',
          'max_tokens',
          'max_completion_tokens',
          'presence_penalty',
          'frequency_penalty',
          'logit_bias',
          'logprobs',
          'top_logprobs',
          'user',
          'seed',
          'tools',
          'tool_choice',
          'response_format',
          'stream_options',
          'metadata',
          'parallel_tool_calls',
          'functions',
          'reasoning_effort',
          'modalities',
        ].map((name) => [name, null]),
      ),
    ],
    ['with empty lists and objects', { tools: [], stop: [], logit_bias: {}, functions: [], metadata: {} }],
    [
      'of Open WebUI',
      {
        stream_options: {},
        session_id: 'a',
        chat_id: 'b',
        features: {},
        variables: {},
        background_tasks: {},
        files: null,
      },
    ],
    [
      'of llama.cpp and vLLM',
      {
        top_k: 40,
        min_p: 0.05,
        repetition_penalty: 1.1,
        chat_template_kwargs: { enable_thinking: false },
        cache_prompt: true,
      },
    ],
    ['of Ollama’s own API', { keep_alive: '5m', options: { num_ctx: 4096 }, think: false }],
    [
      'with a user that is a number, and usage asked without a stream',
      { user: 5, stream_options: { include_usage: true } },
    ],
    [
      'in which the assistant speaks last',
      { messages: [...messages, { role: 'assistant', content: 'It is' }] },
    ],
    [
      'in parts, with names and a developer',
      {
        messages: [
          { role: 'developer', content: [{ type: 'text', text: 'Be brief.' }] },
          { role: 'user', name: 'ann', content: [{ type: 'text', text: 'Where is the spare fuse?' }] },
        ],
      },
    ],
    ['with what a client kept of an answer', { messages: HISTORY }],
  ])('%s is answered', async (_name, body) => {
    const { status, text } = await post('/v1/chat/completions', { model: 'limner', messages, ...body });
    expect(status, text).toBe(200);
    const streamed = await post('/v1/chat/completions', { model: 'limner', messages, ...body, stream: true });
    expect([streamed.status, streamed.text.endsWith('data: [DONE]\n\n')]).toEqual([200, true]);
  });

  test.each<[param: string, body: object]>([
    ['n', { n: 2 }],
    ['temperature', { temperature: 'hot' }],
    ['max_tokens', { max_tokens: 0 }],
    ['stream', { stream: 'yes' }],
    ['messages', { messages: [] }],
    ['messages', { messages: [{ role: 'system', content: 'x' }] }],
    ['model', { model: '' }],
  ])('that cannot be answered names %s', async (param, body) => {
    const { status, text } = await post('/v1/chat/completions', { model: 'limner', messages, ...body });
    expect([status, Failure.parse(JSON.parse(text)).error.param]).toEqual([400, param]);
  });
});

test('what is not set up says so with 503, and 404 is left for what is never there', async () => {
  expect((await post('/v1/images/generations', { prompt: 'x' })).status).toBe(503);
  expect((await post('/v1/audio/transcriptions', {})).status).toBe(503);
});

test('a client that leaves stops the model, whole and streamed', async () => {
  bed.ollama.settings.costMs.chatPart = 500;
  for (const stream of [false, true]) {
    const leave = new AbortController();
    const before = bed.ollama.exchanges.length;
    const asked = fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'limner', messages, stream }),
      signal: leave.signal,
    }).then((response) => response.text());
    const chat = () => bed.ollama.exchanges.slice(before).find(({ route }) => route === 'chat');
    const exchange = await until(chat, 'the model to be asked');
    leave.abort();
    await expect(asked).rejects.toThrow(/abort/);
    await until(() => exchange.end === 'closed', 'the model to be left');
  }
});
