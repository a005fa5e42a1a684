import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { hasSpecification, readSpecification } from './openai-schema.ts';
import { startBench } from './setup.ts';

/** What the model says; `[9]` was not given, and the marker comes in pieces. */
const SAID = ['🦑 In the biscuit ', 'tin [', '1', '] [9]', '.'];
const SHOWN = '🦑 In the biscuit tin [1] .';

const fake = await createFakeOllama({ reply: () => SAID });
const bench = await startBench({
  OLLAMA_HOST: fake.url,
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CHAT_MODEL: 'qwen3:4b',
});
afterAll(() => fake.stop());
const { server } = bench.app;
const base = await server.listen({ port: 0, host: '127.0.0.1' });
const ice = await bench.send({
  text: 'The spare fuse lies in the biscuit tin.',
  title: 'Ice station',
  collection: 'ice',
  external_id: 'ice',
});

const URL_OF_ICE = `${base}/documents/${ice.id}?mark=0-39`;
const ANNOTATIONS = [
  {
    type: 'url_citation',
    url_citation: { start_index: 22, end_index: 25, url: URL_OF_ICE, title: 'Ice station' },
  },
];

beforeEach(async () => {
  fake.heal();
  fake.settings.reply = () => SAID;
  fake.settings.costMs.chatPart = 0;
  // A failure of the test before may still be about to mark the server as gone: look at it anew.
  await until(async () => {
    await bench.app.models.check();
    return bench.app.models.chatReady();
  }, 'the chat model to be ready');
});

const Annotations = z.array(z.unknown());
const Chunk = z.looseObject({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.strictObject({
      index: z.literal(0),
      delta: z.looseObject({
        role: z.string().optional(),
        content: z.string().optional(),
        annotations: Annotations.optional(),
      }),
      logprobs: z.null(),
      finish_reason: z.string().nullable(),
    }),
  ),
});

function ask(more: object = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${base}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'limner',
      messages: [{ role: 'user', content: 'Where is the spare fuse?' }],
      ...more,
    }),
    ...(signal && { signal }),
  });
}

/** The data of each event, in order; every event is one line of data. */
async function eventsOf(response: Response): Promise<string[]> {
  const events = (await response.text()).split('\n\n').filter((event) => event !== '');
  return events.map((event) => {
    expect(event).toMatch(/^data: [^\n]*$/);
    return event.slice('data: '.length);
  });
}

async function stream(more: object = {}) {
  const response = await ask({ stream: true, ...more });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const events = await eventsOf(response);
  expect(events.at(-1)).toBe('[DONE]');
  return events.slice(0, -1).map((event) => Chunk.parse(JSON.parse(event)));
}

describe('a whole answer', () => {
  test('has the text, the citations and the usage', async () => {
    const response = await ask();
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      object: 'chat.completion',
      model: 'limner',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: SHOWN, refusal: null, annotations: ANNOTATIONS },
          finish_reason: 'stop',
          logprobs: null,
        },
      ],
      usage: { completion_tokens: SAID.length },
      citations: [URL_OF_ICE],
      search_results: [{ title: 'Ice station', url: URL_OF_ICE, date: null }],
      sources: [{ marker: 1, document_id: ice.id, uri: 'ice', title: 'Ice station', page: null }],
    });
    expect(SHOWN.slice(22, 25)).toBe('[1]');
  });

  test('says when it was cut', async () => {
    expect(await (await ask({ max_tokens: 2 })).json()).toMatchObject({
      choices: [{ finish_reason: 'length' }],
    });
  });
});

describe('a streamed answer', () => {
  test('is role and sources, text, annotations, finish', async () => {
    const chunks = await stream();
    const choices = chunks.map((chunk) => chunk.choices[0]);
    expect(choices).not.toContain(undefined);
    expect(chunks[0]).toMatchObject({
      choices: [{ delta: { role: 'assistant', content: '' }, finish_reason: null }],
      citations: [URL_OF_ICE],
      sources: [{ document_id: ice.id }],
    });
    expect(choices.map((choice) => choice?.delta.content ?? '').join('')).toBe(SHOWN);
    expect(choices.at(-2)).toMatchObject({ delta: { annotations: ANNOTATIONS }, finish_reason: null });
    expect(choices.at(-1)).toEqual({ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false);
  });

  test('tells its usage only when asked, in a chunk of its own', async () => {
    const chunks = await stream({ stream_options: { include_usage: true } });
    expect(chunks.slice(0, -1).map((chunk) => chunk['usage'])).toEqual(Array(chunks.length - 1).fill(null));
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: SAID.length } });
  });

  test('that fails in the middle ends with an error event', async () => {
    fake.plan({ failAt: 'chat', kind: 'reset stream', afterLines: 2 });
    const events = await eventsOf(await ask({ stream: true }));
    expect(events.at(-1)).toBe('[DONE]');
    expect(JSON.parse(events.at(-2) ?? '')).toEqual({
      error: { message: expect.any(String), type: 'server_error', code: 'model_unavailable', param: null },
    });
    expect(events.join('')).not.toContain('"finish_reason":"stop"');
  });

  test('comes as the model writes it', async () => {
    fake.settings.costMs.chatPart = 50;
    const response = await ask({ stream: true });
    let reads = 0;
    for await (const _part of response.body ?? []) reads++;
    expect(reads).toBeGreaterThan(2);
  });
});

describe('when things go wrong', () => {
  test('a whole answer that fails in the middle is an error', async () => {
    fake.plan({ failAt: 'chat', kind: 'reset stream', afterLines: 2 });
    const response = await ask();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ error: { code: 'model_unavailable' } });
  });

  test.each([true, false])('a client that leaves stops the model (stream: %s)', async (isStream) => {
    fake.settings.reply = () => Array<string>(500).fill('word ');
    fake.settings.costMs.chatPart = 10;
    const before = fake.requests('chat').length;
    const leaving = new AbortController();
    const reading = ask({ stream: isStream }, leaving.signal).then((response) => response.text());
    await until(() => fake.requests('chat').length > before, 'the model to be asked');
    leaving.abort();
    await expect(reading).rejects.toThrow('aborted');
    const asked = fake.exchanges.findLast(({ route }) => route === 'chat');
    await until(() => asked?.end === 'closed', 'the model to be stopped', 2000);
    expect(asked?.answers.length).toBeLessThan(400);
  });

  test('nothing a client does is logged as a bug', () => {
    expect(bench.lines.filter((line) => line.includes('a bug'))).toEqual([]);
  });
});

describe('models', () => {
  test('are everything, each collection, and those of the model server', async () => {
    const { data } = z
      .object({ data: z.array(z.looseObject({ id: z.string() })) })
      .parse(await (await fetch(`${base}/v1/models`)).json());
    expect(data.map(({ id }) => id)).toEqual(['limner', 'limner/ice', 'qwen3:4b']);
    for (const path of ['limner', 'limner/ice', 'limner%2Fice', 'qwen3:4b', 'qwen3%3A4b'])
      expect((await fetch(`${base}/v1/models/${path}`)).status, path).toBe(200);
  });

  test('one of a collection asks only that one', async () => {
    await bench.send({ text: 'A spare fuse is in the shed.', collection: 'shed', external_id: 'shed' });
    const Sources = z.object({ sources: z.array(z.looseObject({ collection: z.string() })) });
    const collections = async (model: string) =>
      Sources.parse(await (await ask({ model })).json()).sources.map(({ collection }) => collection);
    expect((await collections('limner')).toSorted()).toEqual(['ice', 'shed']);
    expect(await collections('limner/shed')).toEqual(['shed']);
  });
});

describe('what is sent', () => {
  test('as parts, with the roles of other servers, with earlier turns', async () => {
    const messages = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: 'Who lives there?' },
      { role: 'assistant', content: null, tool_calls: [] },
      { role: 'tool', content: 'ignored', tool_call_id: 'x' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Where is' },
          { type: 'text', text: 'the spare fuse?' },
        ],
      },
    ];
    expect((await ask({ messages, temperature: 0, stop: 'x', user: 'u', tools: [] })).status).toBe(200);
    const request = z
      .object({ messages: z.array(z.object({ role: z.string(), content: z.string() })) })
      .parse(fake.requests('chat').at(-1));
    expect(request.messages.map(({ role }) => role)).toEqual(['system', 'user', 'user']);
    expect(request.messages[0]?.content).toMatch(/Be brief\.$/);
    expect(request.messages.at(-1)?.content).toMatch(/Question: Where is\n+the spare fuse\?$/);
  });
});

describe.skipIf(!hasSpecification)('by OpenAI’s own schema', () => {
  const complaints = hasSpecification ? readSpecification() : () => ['There is no specification.'];

  test('the schema itself is in force', () => {
    expect(complaints('CreateChatCompletionResponse', { id: 1 })).not.toEqual([]);
    expect(complaints('ErrorResponse', { error: 'text' })).not.toEqual([]);
  });

  test('whole answers and lists of models fit', async () => {
    expect(complaints('CreateChatCompletionResponse', await (await ask()).json())).toEqual([]);
    const models = await fetch(`${base}/v1/models`);
    expect(complaints('ListModelsResponse', await models.json())).toEqual([]);
    const model = await fetch(`${base}/v1/models/limner`);
    expect(complaints('Model', await model.json())).toEqual([]);
  });

  test.each([false, true])('every event fits (usage: %s)', async (includeUsage) => {
    for (const chunk of await stream({ stream_options: { include_usage: includeUsage } }))
      expect(complaints('CreateChatCompletionStreamResponse', chunk)).toEqual([]);
  });

  test('errors fit', async () => {
    for (const more of [{ model: 'other' }, { messages: [] }, { unknown: 1, n: 3 }]) {
      const response = await ask(more);
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(complaints('ErrorResponse', await response.json())).toEqual([]);
    }
  });
});
