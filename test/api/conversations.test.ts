import { createServer } from 'node:http';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel } from '../fakes/ollama.ts';
import { listen, stopListening } from '../fakes/listen.ts';
import { until } from '../until.ts';
import { startBench } from './setup.ts';

const fake = await createFakeOllama({
  installed: [
    embedModel(),
    chatModel(),
    chatModel({ name: 'eyes:1b', capabilities: ['completion', 'vision'] }),
  ],
});
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const pictures = createServer((request, response) =>
  response.end(request.url === '/dot.png' ? PNG : '<html>no picture</html>'),
);
const picturePort = await listen(pictures, 0);
const bench = await startBench({
  OLLAMA_HOST: fake.url,
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CHAT_MODEL: 'qwen3:4b',
  LIMNER_FETCH_ALLOW: '127.0.0.1',
});
afterAll(async () => {
  await fake.stop();
  await stopListening(pictures);
});
await bench.send({
  text: 'The spare fuse lies in the biscuit tin.',
  title: 'Ice [station]',
  external_id: 'ice',
});
await bench.send({
  text: 'A spare fuse is in the shed.',
  title: 'Shed',
  collection: 'shed',
  external_id: 'shed',
});
await until(() => bench.app.models.chatReady(), 'the chat model');

beforeEach(() => {
  fake.settings.reply = () => 'In the tin [1].';
});

const Answer = z.looseObject({
  choices: z.tuple([
    z.looseObject({
      message: z.looseObject({
        content: z.string(),
        annotations: z.array(z.unknown()),
        tool_calls: z.array(z.looseObject({ id: z.string(), function: z.unknown() })).optional(),
      }),
      finish_reason: z.string(),
    }),
  ]),
  sources: z.array(z.looseObject({ collection: z.string() })),
});
const Chunk = z.looseObject({
  choices: z.array(z.looseObject({ delta: z.looseObject({ content: z.string().optional() }) })),
});
const Sent = z.object({
  model: z.string(),
  messages: z.array(
    z.looseObject({ role: z.string(), content: z.string(), images: z.array(z.string()).optional() }),
  ),
  tools: z.array(z.unknown()).optional(),
  think: z.boolean().optional(),
  options: z.record(z.string(), z.unknown()),
});

const QUESTION = [{ role: 'user', content: 'Where is the spare fuse?' }];
const post = (body: object) =>
  bench.post('/v1/chat/completions', { model: 'limner', messages: QUESTION, ...body });

async function ask(body: object) {
  const response = await post(body);
  expect(response.statusCode, response.body).toBe(200);
  const answer = Answer.parse(response.json());
  const [{ message, finish_reason: finish }] = answer.choices;
  return { ...message, finish, sources: answer.sources };
}

/** The deltas of the same request streamed. */
async function deltas(body: object) {
  const events = (await post({ ...body, stream: true })).body.split('\n\n').filter(Boolean);
  return events
    .filter((event) => event !== 'data: [DONE]')
    .flatMap((event) => Chunk.parse(JSON.parse(event.slice(6))).choices.map(({ delta }) => delta));
}

const streamedText = async (body: object) =>
  (await deltas(body)).map(({ content }) => content ?? '').join('');
const sent = () => Sent.parse(fake.requests('chat').at(-1));

describe('a model by its own name', () => {
  test('answers alone: no passages, no instructions of ours, markers left as they are', async () => {
    fake.settings.reply = () => 'See a[1] and [9].';
    const answer = await ask({
      model: 'eyes:1b',
      messages: [{ role: 'system', content: 'Hi' }, ...QUESTION],
    });
    expect(answer).toMatchObject({ content: 'See a[1] and [9].', annotations: [], sources: [] });
    expect(sent()).toMatchObject({
      model: 'eyes:1b',
      messages: [{ role: 'system', content: 'Hi' }, QUESTION[0]],
    });
  });

  test('answers from the documents when `limner` says so, and `limner` does not when it says not', async () => {
    expect((await ask({ model: 'eyes:1b', limner: { documents: true } })).sources).toHaveLength(2);
    expect(sent().model).toBe('eyes:1b');
    expect((await ask({ limner: { documents: false } })).sources).toEqual([]);
    expect(sent().messages).toHaveLength(1);
  });

  test('that nobody has is a 404', async () => {
    const response = await post({ model: 'gpt-9' });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } });
  });
});

describe('options of `limner`', () => {
  test('choose the collection, the documents and how many passages', async () => {
    const collections = async (limner: object) =>
      (await ask({ limner })).sources.map(({ collection }) => collection).toSorted();
    expect(await collections({ collection: 'shed' })).toEqual(['shed']);
    expect(await collections({ filter: { collection: 'default' } })).toEqual(['default']);
    expect(await collections({ limit: 1 })).toHaveLength(1);
  });

  test('put the sources at the end, the same streamed and not, and none on a refusal', async () => {
    const limner = { sources: 'markdown', collection: 'default' };
    const { content } = await ask({ limner });
    expect(content).toMatch(
      /^In the tin \[1\]\.\n\n\*\*Sources\*\*\n\n- \[1\] \[Ice \\\[station\\\]\]\(http:\/\/.+\/documents\/.+\)$/,
    );
    expect(await streamedText({ limner })).toBe(content);
    fake.settings.reply = () => 'The passages do not say.';
    expect((await ask({ limner })).content).toBe('The passages do not say.');
  });

  test('stream the passages as events of Open WebUI', async () => {
    const body = { stream: true, limner: { sources: 'events' } };
    const events = (await post(body)).body.split('\n\n').filter((event) => event.includes('"event"'));
    const chunks = events.map((event) => Chunk.parse(JSON.parse(event.slice(6))));
    expect(chunks).toHaveLength(2);
    for (const chunk of chunks)
      expect(chunk).toMatchObject({
        choices: [{ delta: {} }],
        event: {
          type: 'source',
          data: { source: { name: expect.any(String) }, document: [expect.stringContaining('fuse')] },
        },
      });
    expect(
      (await deltas({ limner: { sources: 'events' } })).map(({ content }) => content ?? '').join(''),
    ).toBe('In the tin [1].');
  });

  test('that are unknown are refused', async () => {
    expect((await post({ limner: { colection: 'x' } })).statusCode).toBe(400);
    expect((await post({ limner: { filter: { nowhere: 'x' } } })).statusCode).toBe(400);
  });
});

test('citations are the same, streamed and not, and an answer that cites nothing has none', async () => {
  const Fields = z.looseObject({
    citations: z.array(z.string()),
    search_results: z.array(z.unknown()),
    sources: z.array(z.unknown()),
  });
  const whole = (await post({})).json();
  const { citations, search_results: results, sources } = Fields.parse(whole);
  expect(citations).toHaveLength(2);
  const [first = ''] = (await post({ stream: true })).body.split('\n\n');
  expect(Fields.parse(JSON.parse(first.slice(6)))).toMatchObject({
    citations,
    search_results: results,
    sources,
  });
  const annotations = (await deltas({})).flatMap((delta) => delta['annotations'] ?? []);
  expect(annotations).toEqual((await ask({})).annotations);
  expect(annotations).toMatchObject([{ url_citation: { url: expect.stringMatching(/^http:\/\//) } }]);
  fake.settings.reply = () => 'The passages do not say.';
  expect((await ask({})).annotations).toEqual([]);
});

test('what an assistant said besides words is passed over', async () => {
  const content = [
    { type: 'thinking', thinking: 'Hm.' },
    { type: 'text', text: 'Hello.' },
  ];
  await ask({ model: 'qwen3:4b', messages: [{ role: 'assistant', content }, ...QUESTION] });
  expect(sent().messages[0]).toMatchObject({ role: 'assistant', content: 'Hello.' });
});

describe('tools', () => {
  const tools = [
    {
      type: 'function',
      function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
    },
  ];

  test.each(['limner', 'qwen3:4b'])(
    'are passed to the model, and its calls come back (%s)',
    async (model) => {
      const answer = await ask({ model, tools });
      expect(answer.finish).toBe('tool_calls');
      expect(answer.tool_calls).toEqual([
        {
          id: expect.stringMatching(/^call_/),
          type: 'function',
          function: { name: 'weather', arguments: '{"city":"OK"}' },
        },
      ]);
      const calls = (await deltas({ model, tools })).flatMap((delta) => delta['tool_calls'] ?? []);
      expect(calls).toEqual([{ index: 0, ...answer.tool_calls?.[0], id: expect.any(String) }]);
    },
  );

  test('give what they found in a message, and the answer goes on from there', async () => {
    const { tool_calls: calls } = await ask({ tools });
    const messages = [
      ...QUESTION,
      { role: 'assistant', content: null, tool_calls: calls },
      { role: 'tool', tool_call_id: calls?.[0]?.id, content: 'sunny' },
    ];
    expect((await ask({ tools, messages })).content).toBe('In the tin [1].');
    expect(sent().messages.slice(-2)).toMatchObject([
      { role: 'assistant', tool_calls: [{ function: { name: 'weather', arguments: { city: 'OK' } } }] },
      { role: 'tool', tool_name: 'weather', content: 'sunny' },
    ]);
  });

  test('that must not be called are not offered', async () => {
    expect((await ask({ tools, tool_choice: 'none' })).finish).toBe('stop');
    expect(sent().tools).toBeUndefined();
  });
});

describe('formats', () => {
  const schema = { type: 'object', properties: { tins: { type: 'array', items: { type: 'integer' } } } };
  const format = { type: 'json_schema', json_schema: { name: 'tins', strict: true, schema } };

  test('are kept, also from documents: a list is no citation', async () => {
    for (const model of ['limner', 'qwen3:4b']) {
      const answer = await ask({ model, response_format: format });
      expect(answer).toMatchObject({ content: '{"tins":[1]}', annotations: [] });
      expect(await streamedText({ model, response_format: format })).toBe('{"tins":[1]}');
    }
  });

  test('of no kind that is known are refused', async () => {
    expect((await post({ response_format: { type: 'xml' } })).statusCode).toBe(400);
  });
});

describe('pictures', () => {
  const picture = (url: string) => [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url } },
      ],
    },
  ];
  const data = `data:image/png;base64,${PNG.toString('base64')}`;

  test.each([
    ['inside', data],
    ['by their address', `http://127.0.0.1:${picturePort}/dot.png`],
  ])('go to a model that reads them (%s)', async (_how, url) => {
    await ask({ model: 'eyes:1b', messages: picture(url) });
    expect(sent().messages.at(-1)?.images).toEqual([PNG.toString('base64')]);
    await ask({ model: 'eyes:1b', limner: { documents: true }, messages: picture(url) });
    expect(sent().messages.at(-1)?.images).toEqual([PNG.toString('base64')]);
  });

  test.each([
    ['a model that does not read them', 'limner', data],
    ['no picture', 'eyes:1b', `http://127.0.0.1:${picturePort}/page.html`],
    ['an address of this network', 'eyes:1b', 'http://127.0.0.2/dot.png'],
    ['a path', 'eyes:1b', '/etc/passwd'],
    ['another kind of data', 'eyes:1b', 'data:text/html;base64,AAAA'],
  ])('are refused: %s', async (_why, model, url) => {
    const response = await post({ model, messages: picture(url) });
    expect(response.statusCode).toBeGreaterThanOrEqual(400);
    expect(response.statusCode).toBeLessThan(500);
  });

  test('are not fetched by the dozen', async () => {
    const image = { type: 'image_url', image_url: { url: `http://127.0.0.1:${picturePort}/dot.png` } };
    const content = Array.from({ length: 11 }, () => image);
    const response = await post({ model: 'eyes:1b', messages: [{ role: 'user', content }] });
    expect(response.json()).toMatchObject({ error: { message: expect.stringContaining('Up to 10') } });
  });

  test('and sound or files in a message are refused by name', async () => {
    const messages = [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }];
    const response = await post({ messages });
    expect(response.json()).toMatchObject({ error: { message: expect.stringContaining('input_audio') } });
  });
});

test.each([
  '### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Output:\nJSON',
  '### Task:\nSuggest 3-5 relevant follow-up questions or prompts',
  '### Task:\nAnalyze the chat history to determine the necessity of generating search queries',
  'Provide a concise, 5-word-or-less title for the conversation, using its same language',
])('a chore of a chat program is answered without documents: %s', async (content) => {
  fake.settings.reply = () => '{ "title": "Fuse [1]" }';
  const answer = await ask({ messages: [{ role: 'user', content }] });
  expect(answer).toMatchObject({ content: '{ "title": "Fuse [1]" }', annotations: [], sources: [] });
});

test('a template for answers from documents is no chore', async () => {
  const content = '### Task:\nRespond to the user query using the provided context. Where is the spare fuse?';
  expect((await ask({ messages: [{ role: 'user', content }] })).sources).toHaveLength(2);
});

test('thinking is asked for by its effort and told beside the answer, streamed and not', async () => {
  fake.settings.thinking = 'Let me see.';
  expect(await ask({ model: 'qwen3:4b' })).not.toHaveProperty('reasoning_content');
  expect(sent().think).toBe(false);
  const answer = await ask({ model: 'qwen3:4b', reasoning_effort: 'low' });
  expect(answer).toMatchObject({ content: 'In the tin [1].', reasoning_content: 'Let me see.' });
  const thoughts = await deltas({ model: 'qwen3:4b', reasoning_effort: 'low' });
  expect(thoughts.map((delta) => delta['reasoning_content']).filter(Boolean)).toEqual(['Let me see.']);
  fake.settings.thinking = '';
});

test('what steers the model is passed on', async () => {
  await ask({
    temperature: 0.5,
    top_p: 0.9,
    seed: 7,
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    max_completion_tokens: 99,
    max_tokens: 5,
    stop: ['END'],
  });
  expect(sent().options).toMatchObject({
    temperature: 0.5,
    top_p: 0.9,
    seed: 7,
    presence_penalty: 0.1,
    frequency_penalty: 0.2,
    num_predict: 99,
    stop: ['END'],
  });
});

test('a stream that fails before its first word is an answer with a status', async () => {
  fake.plan({ failAt: 'chat', kind: 'status', status: 500, times: 1 });
  const response = await post({ model: 'qwen3:4b', stream: true });
  expect(response.statusCode).toBe(502);
  expect(response.json()).toMatchObject({ error: { code: 'model_answer' } });
});
