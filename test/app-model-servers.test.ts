import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeOpenAi, type FakeOpenAi } from './fakes/openai.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const KEY = 'sk-canary-0123456789';
const Answer = z.looseObject({ answer: z.string(), model: z.string().nullable() });
const Search = z.looseObject({ arms: z.object({ vector: z.number() }) });
const Status = z.looseObject({
  vectors: z.number(),
  servers: z.looseObject({
    ollama: z.unknown().optional(),
    chat_server: z.looseObject({ reachable: z.boolean(), chat: z.looseObject({ state: z.string() }) }),
    embed_server: z.looseObject({ embed: z.looseObject({ state: z.string() }) }),
  }),
});

describe('the whole service with servers of OpenAI’s API instead of Ollama', () => {
  let writes: FakeOpenAi;
  let embeds: FakeOpenAi;
  let folder: string;
  let service: Service;

  const start = () =>
    startService(folder, {
      LIMNER_CHAT_URL: writes.url,
      LIMNER_CHAT_KEY: KEY,
      LIMNER_CHAT_MODEL: 'qwen3:4b',
      LIMNER_EMBED_URL: embeds.url,
      LIMNER_EMBED_MODEL: 'nomic-embed-text',
      LIMNER_LOG_LEVEL: 'debug',
    });
  const status = async () => Status.parse(await (await service.get('/api/status')).json());
  const ask = async () =>
    Answer.parse(await (await service.post('/api/ask', { question: 'When does the warranty end?' })).json());
  const embedded = () => until(async () => (await status()).vectors > 0, 'the vectors');

  beforeAll(async () => {
    writes = await createFakeOpenAi({ key: KEY });
    embeds = await createFakeOpenAi();
    folder = await temporaryFolder();
    service = await start();
    const text = 'The warranty of the boiler ends in May.';
    await service.post('/api/documents', { text, title: 'Boiler', external_id: 'boiler' });
    await service.quiet(1);
    await embedded();
  });
  afterAll(async () => {
    await service.stop();
    await Promise.all([writes.stop(), embeds.stop()]);
    await removeFolder(folder);
  });

  test('finds by meaning and writes answers; Ollama is not asked', async () => {
    await until(async () => (await status()).servers.chat_server.chat.state === 'ready', 'the chat model');
    const found = await service.post('/api/search', { query: 'automobile guarantee' });
    expect(Search.parse(await found.json()).arms.vector).toBe(1);
    expect(await ask()).toMatchObject({
      answer: 'The warranty of the boiler ends in May [1].',
      model: 'qwen3:4b',
    });
    expect((await status()).servers.ollama).toBeUndefined();
  });

  test('the texts are not embedded again after a restart, and are when other weights answer', async () => {
    const texts = () =>
      JSON.stringify(embeds.requests('embed').slice(before)).split('ends in May').length - 1;
    let before = embeds.requests('embed').length;
    await service.stop();
    service = await start();
    await embedded();
    expect(texts()).toBe(0);
    await service.stop();
    const [model] = embeds.models;
    if (model) embeds.models[0] = { ...model, weights: 1 };
    before = embeds.requests('embed').length;
    service = await start();
    await until(() => texts() > 0, 'the texts to be embedded again');
    await embedded();
  });

  test('without the chat server passages are quoted', async () => {
    await writes.stop();
    expect(await ask()).toMatchObject({
      model: null,
      answer: expect.stringContaining('start the model server'),
    });
    await writes.start();
  });

  test('the key is in no log and no status', async () => {
    const texts = [
      service.log(),
      JSON.stringify(await status()),
      await (await service.get('/metrics')).text(),
    ];
    expect(texts.join('')).not.toContain(KEY);
    expect(writes.exchanges.some(({ authorization }) => authorization === `Bearer ${KEY}`)).toBe(true);
  });
});
