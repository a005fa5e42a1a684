import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import type { ModelServer } from '../../src/models/model-server.ts';
import { createOpenAi } from '../../src/models/openai.ts';
import { until } from '../until.ts';

/** Base URL of a real server, such as `http://127.0.0.1:1234/v1`, that has both models. */
const URL = process.env['LIMNER_LIVE_OPENAI'];
const EMBED_MODEL = process.env['LIMNER_EMBED_MODEL'] ?? '';
const CHAT_MODEL = process.env['LIMNER_CHAT_MODEL'] ?? '';
const CALL_MS = 300_000;

describe.skipIf(!URL)('a real server of OpenAI’s API', () => {
  let server: ModelServer;
  const { signal } = new AbortController();

  beforeAll(async () => {
    const log = createLog({ level: 'info', secrets: [] });
    const models = { embedModel: EMBED_MODEL, chatModel: CHAT_MODEL };
    const key = process.env['LIMNER_CHAT_KEY'];
    server = createOpenAi({ url: URL ?? '', key, ...models, identify: async () => 'live', log });
    server.start();
    await until(() => server.embed.ready() && server.chatReady(), 'both models', CALL_MS);
  }, CALL_MS);

  afterAll(() => server.close());

  test('makes vectors of length 1 that tell near from far', { timeout: CALL_MS }, async () => {
    const [boiler, cats] = await server.embed.documents(
      ['The boiler is serviced every May.', 'Cats sleep most of the day.'],
      signal,
    );
    const query = await server.embed.query('When is the boiler serviced?', signal);
    const near = (vector?: Float32Array) =>
      (vector ?? query).reduce((sum, one, at) => sum + one * (query[at] ?? 0), 0);
    expect(near(query)).toBeCloseTo(1, 4);
    expect(near(boiler)).toBeGreaterThan(near(cats));
  });

  test('writes an answer and tells what it took', { timeout: CALL_MS }, async () => {
    const question = [{ role: 'user' as const, content: 'What is the capital of France? One word.' }];
    const parts = await Array.fromAsync(server.chat(question, { maxTokens: 2000 }, signal));
    expect(parts.map(({ text }) => text).join('')).toMatch(/Paris/);
    expect(parts.at(-1)?.usage?.completionTokens).toBeGreaterThan(0);
  });
});
