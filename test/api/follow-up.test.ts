import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type Message } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { startBench } from './setup.ts';

const CONTEXT = 2048;
const fake = await createFakeOllama({
  installed: [embedModel(), chatModel({ contextTokens: CONTEXT })],
});
afterAll(() => fake.stop());
const bench = await startBench({
  OLLAMA_HOST: fake.url,
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CHAT_MODEL: 'qwen3:4b',
});
await bench.send({
  text: 'The glass museum is open in winter from ten to three, except on Mondays.',
  external_id: 'museum',
});
const long = Array.from({ length: 40 }, (_, at) => `Harbour paragraph ${at}. `.repeat(30).trim()).join(
  '\n\n',
);
await bench.send({ text: long, external_id: 'harbour' });
await until(() => bench.app.models.chatReady(), 'the chat model');

const REWRITTEN = 'When is the glass museum open in winter?';
const isRewriting = (messages: readonly Message[]): boolean =>
  messages.some(({ content }) => content.includes('Rewritten question:'));

beforeEach(() => {
  fake.settings.reply = (messages) => (isRewriting(messages) ? REWRITTEN : 'From ten to three [1].');
});

const EARLIER = [
  { role: 'user', content: 'Tell me about the glass museum.' },
  { role: 'assistant', content: 'It shows glass.' },
];
const FOLLOW_UP = 'And in winter?';
const rewritten = { query: REWRITTEN, by: 'model' };

const Sources = z.object({ sources: z.array(z.looseObject({ uri: z.string() })) });
const firstSource = (response: { json(): unknown }) => Sources.parse(response.json()).sources[0]?.uri;

const Sent = z.object({ messages: z.array(z.looseObject({ role: z.string(), content: z.string() })) });
const lastPrompt = (): string =>
  Sent.parse(fake.requests('chat').at(-1))
    .messages.map(({ content }) => content)
    .join('\n');

describe('a follow-up question is searched as one that stands alone', () => {
  test('by /api/ask', async () => {
    const response = await bench.post('/api/ask', { question: FOLLOW_UP, history: EARLIER });
    expect(response.json()).toMatchObject({ rewritten, citations: [{ uri: 'museum' }] });
    expect(lastPrompt()).toContain(`Question: ${FOLLOW_UP}`);
  });

  test('by chat completions', async () => {
    const messages = [...EARLIER, { role: 'user', content: FOLLOW_UP }];
    const response = await bench.post('/v1/chat/completions', { model: 'limner', messages });
    expect(response.json()).toMatchObject({ rewritten });
    expect(firstSource(response)).toBe('museum');
  });

  test('by responses, which say what was searched', async () => {
    const response = await bench.post('/v1/responses', {
      model: 'limner',
      input: [...EARLIER, { role: 'user', content: FOLLOW_UP }],
    });
    expect(response.json()).toMatchObject({ rewritten });
    expect(firstSource(response)).toBe('museum');
  });

  test('and in a stream the first event says so', async () => {
    const body = { question: FOLLOW_UP, history: EARLIER, stream: true };
    const { body: stream } = await bench.post('/api/ask', body);
    const [first = ''] = stream.split('\n\n');
    expect(first).toContain('event: sources');
    expect(first).toContain(JSON.stringify(rewritten));
  });

  test('and the first one is searched as it is, without asking the model', async () => {
    const before = fake.requests('chat').length;
    const response = await bench.post('/api/ask', { question: 'When is the museum open?' });
    expect(response.json()).toMatchObject({ rewritten: null });
    expect(fake.requests('chat')).toHaveLength(before + 1);
  });

  test('a model that fails does not keep the answer', async () => {
    fake.plan({ failAt: 'chat', kind: 'status', status: 500, times: 1 });
    const history = [{ role: 'user', content: 'Is the glass museum nice?' }, EARLIER[1]];
    const response = await bench.post('/api/ask', { question: FOLLOW_UP, history });
    expect(response.json()).toMatchObject({
      rewritten: { by: 'terms', query: `${FOLLOW_UP} Is the glass museum nice?` },
      citations: [{ uri: 'museum' }],
    });
  });
});

describe('what the model reads', () => {
  test('is more than the hit, and keeps within its context', async () => {
    const question = 'What does harbour paragraph 17 say?';
    const history = Array.from({ length: 6 }, (_, at) => ({
      role: at % 2 ? 'assistant' : 'user',
      content: `Turn ${at} about the harbour. `.repeat(60),
    }));
    const response = await bench.post('/api/ask', { question, history });
    expect(response.statusCode).toBe(200);
    expect(Buffer.byteLength(lastPrompt()) / 3).toBeLessThan(CONTEXT);
    expect(lastPrompt()).toContain('Harbour paragraph');
  });

  test('search still answers with hits, and sources quote what was read', async () => {
    const question = 'harbour paragraph 17';
    const { hits } = z
      .object({ hits: z.array(z.looseObject({ text: z.string(), span: z.tuple([z.number(), z.number()]) })) })
      .parse((await bench.post('/api/search', { query: question, limit: 1 })).json());
    const [hit] = hits;
    const { sources } = z
      .object({
        sources: z.array(z.looseObject({ text: z.string(), url: z.string(), span: z.array(z.number()) })),
      })
      .parse((await bench.post('/api/ask', { question, limit: 1 })).json());
    expect(sources[0]?.span).toEqual(hit?.span);
    expect(sources[0]?.url).toContain(`mark=${hit?.span.join('-')}`);
    expect(sources[0]?.text.length).toBeGreaterThan(hit?.text.length ?? 0);
    expect(sources[0]?.text).toContain(hit?.text);
    expect(long).toContain(sources[0]?.text);
  });
});
