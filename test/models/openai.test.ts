import { onTestFinished, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createOpenAi, type OpenAiOptions } from '../../src/models/openai.ts';
import { parseOpenAiHost } from '../../src/models/openai-host.ts';
import { createFakeOpenAi, type FakeOpenAiSettings } from '../fakes/openai.ts';
import { embedModel } from '../fakes/ollama-models.ts';
import { RARE } from './setup.ts';

const failure = (code: string) => expect.objectContaining({ name: 'LimnerError', code });
const { signal } = new AbortController();

/** What is only so with servers of OpenAI's API; what all model servers share is in the contract. */
async function createPair(settings: Partial<FakeOpenAiSettings> = {}, more: Partial<OpenAiOptions> = {}) {
  const fake = await createFakeOpenAi(settings);
  const lines: string[] = [];
  const server = createOpenAi({
    url: fake.url,
    embedModel: 'nomic-embed-text',
    chatModel: 'qwen3:4b',
    identify: async () => '0123456789abcdef',
    log: createLog({ level: 'debug', secrets: [], write: (line) => void lines.push(line) }),
    timeouts: { status: 2_000, embed: 5_000, chatFirst: 5_000, chatNext: 200 },
    pollMs: RARE,
    ...more,
  });
  onTestFinished(async () => {
    await server.close();
    await fake.stop();
  });
  await server.check();
  return { fake, server, lines };
}

const ask = ({ server }: Awaited<ReturnType<typeof createPair>>) =>
  Array.fromAsync(server.chat([{ role: 'user', content: 'Hello?' }], {}, signal));

describe('the address', () => {
  test.each([
    ['http://127.0.0.1:1234', { url: 'http://127.0.0.1:1234/v1' }],
    ['http://127.0.0.1:1234/v1/', { url: 'http://127.0.0.1:1234/v1' }],
    ['https://host/openai/v1', { url: 'https://host/openai/v1' }],
    ['http://u:p@host/v1', { url: 'http://host/v1', authorization: `Basic ${btoa('u:p')}` }],
  ])('%s', (address, host) => {
    expect(parseOpenAiHost(address)).toEqual(host);
  });

  test('that is none is told without repeating it', () => {
    expect(() => parseOpenAiHost('ftp://u:canary@host')).toThrow(failure('invalid_config'));
    expect(() => parseOpenAiHost('ftp://u:canary@host')).not.toThrow(/canary/);
  });
});

describe('the key', () => {
  test('is sent, and a server that repeats it does not bring it into a message', async () => {
    const pair = await createPair({ key: 'sk-right' }, { key: 'sk-right' });
    expect(pair.server.status().chat.state).toBe('ready');
    pair.fake.settings.key = 'sk-other';
    const error = await ask(pair).catch((error: unknown) => error);
    expect(error).toEqual(failure('model_unavailable'));
    expect(String(error)).toContain('[secret]');
    await pair.server.check();
    expect(`${String(error)} ${JSON.stringify(pair.server.status())} ${pair.lines.join(' ')}`).not.toContain(
      'sk-right',
    );
  });
});

describe('a server that says "too many"', () => {
  test('is asked again after its Retry-After, and not before', async () => {
    const pair = await createPair();
    pair.fake.plan({ failAt: 'chat', kind: 'status', status: 429, retryAfter: '1', times: 1 });
    await ask(pair);
    const [first, second] = pair.fake.exchanges.filter(({ route }) => route === 'chat');
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  test('for long is left alone: other calls fail at once, without a request', async () => {
    const pair = await createPair();
    pair.fake.plan({ failAt: 'chat', kind: 'status', status: 429, retryAfter: '600', times: 1 });
    await expect(ask(pair)).rejects.toEqual(failure('model_unavailable'));
    await expect(pair.server.embed.query('one', signal)).rejects.toThrow(/another 600 s|another 599 s/);
    expect(pair.fake.requests('chat')).toHaveLength(1);
    expect(pair.fake.requests('embed')).toHaveLength(1); // the probe of the first look
  });

  test('and never why is given up', async () => {
    const pair = await createPair();
    pair.fake.plan({ failAt: 'chat', kind: 'status', status: 429, retryAfter: '0' });
    await expect(ask(pair)).rejects.toEqual(failure('model_unavailable'));
    expect(pair.fake.requests('chat')).toHaveLength(4);
  });
});

describe('an answer that does not come to its end throws', () => {
  test.each([
    ['bad event', 'model_answer'],
    ['reset', 'model_unavailable'],
    ['hang stream', 'model_unavailable'],
  ] as const)('%s', async (kind, code) => {
    const pair = await createPair();
    pair.fake.plan({ failAt: 'chat', kind });
    await expect(ask(pair)).rejects.toEqual(failure(code));
  });
});

describe('the models', () => {
  test('that are missing are told with those that are there', async () => {
    const { server } = await createPair({}, { chatModel: 'gpt-9' });
    expect(server.status().chat).toMatchObject({
      state: 'missing',
      message: expect.stringContaining('does not have the model gpt-9; it has: nomic-embed-text, qwen3:4b'),
    });
  });

  test('of a server for embeddings alone need no list, and a chat server has one', async () => {
    const embeds = await createPair({ hidesModels: true }, { chatModel: undefined });
    expect(embeds.server.status().embed.state).toBe('ready');
    const chats = await createPair({ hidesModels: true }, { embedModel: undefined });
    expect(chats.server.status().chat).toMatchObject({
      message: expect.stringContaining('has no such route'),
    });
  });

  test('without a name are the only one', async () => {
    const models = [embedModel({ name: '/models/nomic.gguf', contextTokens: 512 })];
    const fake = await createFakeOpenAi({ models });
    onTestFinished(() => fake.stop());
    const { server } = await createPair({}, { url: fake.url, embedModel: '', chatModel: undefined });
    expect(server.status()).toMatchObject({
      embed: { name: '/models/nomic.gguf', state: 'ready' },
      chat: { state: 'unused' },
    });
    expect(server.embed.ready()?.contextTokens).toBe(512);
  });

  test.each([
    ['<think>Hm.</think>\n\nYes.', 'Hm.', 'Yes.'],
    ['\n<think>\n</think>Yes <think>.', '\n', 'Yes <think>.'],
    ['<think>never ends', 'never ends', ''],
    ['<thin', '', '<thin'],
    ['Yes </think>.', '', 'Yes </think>.'],
  ])('that leave thoughts in the text have them taken out: %j', async (said, thinking, text) => {
    for (const parts of [[said], Array.from(said), said.split(/(?=h)/)]) {
      const pair = await createPair({ reply: () => parts });
      const answer = await ask(pair);
      expect(answer.map((part) => part.text).join('')).toBe(text);
      expect(answer.map((part) => part.thinking ?? '').join('')).toBe(thinking);
    }
  });

  test('that think do so beside the answer', async () => {
    const pair = await createPair({ thinking: 'Let me see.', reply: () => ['Yes.'] });
    const parts = await ask(pair);
    expect(parts.map(({ text }) => text).join('')).toBe('Yes.');
    expect(parts.map(({ thinking }) => thinking ?? '').join('')).toBe('Let me see.');
  });
});

describe('calls of tools', () => {
  test.each([[[0]], [[1]], [[3, 7]], [[0, 0]], [[2, 0, 0]]])(
    'that a server numbers %j are numbered from 0',
    async (callIndexes) => {
      const { server } = await createPair({ callIndexes });
      const tools = [{ name: 'look', description: 'Looks.', parameters: { type: 'object', properties: {} } }];
      const options = { tools, toolChoice: 'required' as const };
      const messages = [{ role: 'user' as const, content: 'Look!' }];
      const parts = await Array.fromAsync(server.chat(messages, options, signal));
      const pieces = parts.flatMap(({ toolCalls = [] }) => toolCalls);
      const joined = callIndexes.map((_, at) => pieces.filter(({ index }) => index === at));
      expect(joined.flat()).toHaveLength(pieces.length);
      for (const call of joined) {
        expect(call.map(({ name }) => name).filter(Boolean)).toEqual(['look']);
        expect(JSON.parse(call.map(({ arguments: text }) => text).join(''))).toEqual({});
      }
    },
  );
});
