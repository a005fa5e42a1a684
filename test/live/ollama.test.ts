import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import type { ModelServer } from '../../src/models/model-server.ts';
import { createOllama } from '../../src/models/ollama.ts';

/** Address of a real server, such as `http://127.0.0.1:11434`. Its models are pulled if it lacks them. */
const HOST = process.env['LIMNER_LIVE_OLLAMA'];
const EMBED_MODEL = process.env['LIMNER_EMBED_MODEL'] ?? 'all-minilm';
const CHAT_MODEL = process.env['LIMNER_CHAT_MODEL'] ?? 'qwen3:0.6b';
const PULL_MS = 1_800_000;
const CALL_MS = 300_000;

describe.skipIf(!HOST)('a real Ollama', () => {
  let server: ModelServer;
  const signal = new AbortController().signal;

  beforeAll(async () => {
    const log = createLog({ level: 'info', secrets: [] });
    server = createOllama({ host: HOST ?? '', embedModel: EMBED_MODEL, chatModel: CHAT_MODEL, log });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.onChange(() => server.embed.ready() && server.chatReady() && resolve());
    server.start();
    await promise;
  }, PULL_MS);

  afterAll(() => server.close());

  test('makes vectors of length 1 that tell near from far', { timeout: CALL_MS }, async () => {
    const texts = ['The boiler is serviced every May.', 'Cats sleep most of the day.'];
    const vectors = await server.embed.documents(texts, signal);
    const query = await server.embed.query('When is the boiler serviced?', signal);
    const [near = 0, far = 0] = vectors.map((vector) => dot(vector, query));
    expect(dot(query, query)).toBeCloseTo(1, 3);
    expect(near).toBeGreaterThan(far);
  });

  test(
    'a text beyond the context is embedded in parts, alone and in a batch',
    { timeout: CALL_MS },
    async () => {
      const tokens = server.embed.ready()?.contextTokens ?? 0;
      const long = 'The boiler is serviced every May by the same firm. '.repeat(Math.ceil(tokens / 8));
      const before = server.embed.stats().splits;
      const vectors = await server.embed.documents(['short', long, '7 '.repeat(tokens)], signal);
      expect(vectors.every((vector) => Math.abs(dot(vector, vector) - 1) < 0.001)).toBe(true);
      expect(server.embed.stats().splits).toBeGreaterThanOrEqual(before + 1);
    },
  );

  test('streams an answer and says what it took', { timeout: CALL_MS }, async () => {
    const messages = [{ role: 'user', content: 'Say the word yes and nothing else.' }] as const;
    const options = { temperature: 0, maxTokens: 200, think: false };
    const parts = await Array.fromAsync(server.chat(messages, options, signal));
    expect(parts.map((part) => part.text).join('')).toMatch(/yes/i);
    expect(parts.at(-1)?.usage).toMatchObject({ promptTokens: expect.any(Number), finish: 'stop' });
  });

  test('stops when the caller cancels', { timeout: CALL_MS }, async () => {
    const caller = new AbortController();
    const read = async (): Promise<void> => {
      const messages = [{ role: 'user', content: 'Count to ten thousand.' }] as const;
      for await (const _part of server.chat(messages, { think: false }, caller.signal)) caller.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'cancelled' });
  });
});

function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
}
