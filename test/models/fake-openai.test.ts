import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import type { ChatMessage } from '../../src/models/model-server.ts';
import { createOpenAi } from '../../src/models/openai.ts';
import { hasSpecification, readSpecification } from '../api/openai-schema.ts';
import { createFakeOpenAi, type FakeOpenAi } from '../fakes/openai.ts';

const { signal } = new AbortController();
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const schema = { type: 'object', properties: { ok: { type: 'boolean' } } };
const tools = [{ name: 'look', description: 'Looks.', parameters: schema }];

describe.skipIf(!hasSpecification)("what is said to servers, and by the fake, fits OpenAI's schema", () => {
  const complaints = hasSpecification ? readSpecification() : () => ['There is no specification.'];
  let fake: FakeOpenAi;

  beforeAll(async () => {
    fake = await createFakeOpenAi();
    const log = createLog({ level: 'silent', secrets: [] });
    const names = { embedModel: 'nomic-embed-text', chatModel: 'qwen3:4b' };
    const server = createOpenAi({ url: fake.url, ...names, identify: async () => 'fake', log });
    await server.check();
    const ask = (options: object, ...messages: ChatMessage[]) =>
      Array.fromAsync(server.chat([{ role: 'system', content: 'Hi' }, ...messages], options, signal));
    const user: ChatMessage = { role: 'user', content: 'What is this?', images: [PIXEL] };
    await ask({ temperature: 0, topP: 1, seed: 1, presencePenalty: 0, frequencyPenalty: 0 }, user);
    await ask({ maxTokens: 9, stop: ['END'], format: { name: 'ok', schema } }, user);
    await ask({ format: 'json', tools, toolChoice: 'required' }, user);
    const call = { id: 'call_1', name: 'look', arguments: '{}' };
    await ask(
      { tools, toolChoice: { name: 'look' } },
      user,
      { role: 'assistant', content: '', toolCalls: [call] },
      { role: 'tool', content: 'seen', toolCallId: 'call_1' },
    );
    await server.embed.documents(['one', 'two'], signal);
    await server.close();
  });
  afterAll(() => fake.stop());

  test('requests', () => {
    expect(fake.requests('chat')).toHaveLength(4);
    for (const body of fake.requests('chat'))
      expect(complaints('CreateChatCompletionRequest', body)).toEqual([]);
    for (const body of fake.requests('embed')) expect(complaints('CreateEmbeddingRequest', body)).toEqual([]);
  });

  test('answers', async () => {
    const post = (path: string, body: unknown) =>
      fetch(fake.url + path, { method: 'POST', body: JSON.stringify(body) });
    expect(complaints('ListModelsResponse', await (await fetch(`${fake.url}/models`)).json())).toEqual([]);
    const vectors = await post('/embeddings', fake.requests('embed')[0]);
    expect(complaints('CreateEmbeddingResponse', await vectors.json())).toEqual([]);
    const missing = await post('/embeddings', { model: 'none', input: ['x'], encoding_format: 'float' });
    expect(complaints('ErrorResponse', await missing.json())).toEqual([]);
    for (const body of fake.requests('chat')) {
      const events = (await (await post('/chat/completions', body)).text()).split('\n\n').filter(Boolean);
      for (const event of events.slice(0, -1))
        expect(complaints('CreateChatCompletionStreamResponse', JSON.parse(event.slice(6)))).toEqual([]);
    }
  });
});
