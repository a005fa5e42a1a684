import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from './fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const EMBED = 'nomic-embed-text';
const CHAT = 'qwen3:8b';

const Answer = z.object({
  answer: z.string(),
  model: z.string().nullable(),
  citations: z.array(z.object({ uri: z.string(), page: z.number().nullable() })),
});
const Hits = z.object({
  hits: z.array(
    z.object({ document: z.object({ uri: z.string() }), ranks: z.object({ vector: z.number().nullable() }) }),
  ),
});
const Status = z.object({
  chunks: z.number(),
  vectors: z.number(),
  servers: z.object({
    ollama: z.object({
      reachable: z.boolean(),
      embed: z.object({ state: z.string(), progress: z.number().optional() }),
      chat: z.object({ state: z.string() }),
    }),
  }),
});

describe('the whole service with an Ollama that comes and goes', () => {
  let folder: string;
  let service: Service;
  let ollama: FakeOllama;

  beforeAll(async () => {
    folder = await temporaryFolder();
    ollama = await createFakeOllama({
      installed: [],
      registry: [embedModel({ name: EMBED }), chatModel({ name: CHAT })],
      costMs: { pullStep: 5 },
    });
    await ollama.stop();
    service = await startService(folder, {
      OLLAMA_HOST: ollama.url,
      LIMNER_EMBED_MODEL: EMBED,
      LIMNER_CHAT_MODEL: CHAT,
    });
    await drop('sample.pdf');
    await drop('sample.md');
    await service.quiet(2);
  });

  afterAll(async () => {
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
  });

  const drop = (name: string): Promise<void> =>
    cp(fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url)), join(service.inbox, name));
  const status = async () => Status.parse(await (await service.get('/api/status')).json());
  const ask = async (question: string) =>
    Answer.parse(await (await service.post('/api/ask', { question })).json());
  const allEmbedded = () =>
    until(async () => {
      const { chunks, vectors } = await status();
      return chunks > 0 && chunks === vectors;
    }, 'every chunk to have a vector');

  it('answers with quotes while there is none', async () => {
    const answer = await ask('Where does the bell of the Ondine hang?');
    expect(answer).toMatchObject({ model: null });
    expect(answer.answer).toContain('No language model is connected');
    expect(answer.citations[0]).toEqual({ uri: 'sample.pdf', page: 3 });
  });

  it('pulls missing models and fills in vectors when it appears, unasked', async () => {
    await ollama.start();
    await allEmbedded();
    const { servers } = await status();
    expect(servers.ollama.embed.state).toBe('ready');
    const documents = await service.documents();
    for (const { chunks, vectors } of documents) expect(vectors).toBe(chunks);
  });

  it('writes answers, with the page cited', async () => {
    await until(async () => (await status()).servers.ollama.chat.state === 'ready', 'the chat model');
    const answer = await ask('Where does the bell of the Ondine hang?');
    expect(answer.model).toBe(CHAT);
    expect(answer.citations[0]).toEqual({ uri: 'sample.pdf', page: 3 });
    expect(answer.answer).toMatch(/\[\d\]/);
  });

  it('finds by meaning where the words differ', async () => {
    await writeFile(join(service.inbox, 'garage.txt'), 'The automobile stands in the shed behind the mill.');
    await service.quiet(3);
    await allEmbedded();
    const { hits } = Hits.parse(
      await (await service.post('/api/search', { query: 'Where is the car?' })).json(),
    );
    expect(hits[0]?.document.uri).toBe('garage.txt');
    expect(hits[0]?.ranks.vector).toBe(1);
  });

  it('streams the written answer through the OpenAI client, as whole as unstreamed', async () => {
    const client = new OpenAI({ baseURL: `${service.url}/v1`, apiKey: 'none' });
    const messages = [{ role: 'user' as const, content: 'What did the lamp burn until 1874?' }];
    const whole = await client.chat.completions.create({ model: 'limner', messages });
    const stream = client.chat.completions.stream({ model: 'limner', messages });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(whole.choices[0]?.message.content);
    expect(whole.choices[0]?.message.content).toMatch(/\[\d\]/);
    expect(whole.usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('goes on without it: new files are searchable, answers are quotes again', async () => {
    await ollama.stop();
    await writeFile(join(service.inbox, 'later.txt'), 'The ferry to Orsay leaves at a quarter to seven.');
    const documents = await service.quiet(4);
    expect(documents.get('later.txt')?.state).toBe('searchable');
    const answer = await ask('When does the ferry to Orsay leave?');
    expect(answer.model).toBeNull();
    expect(answer.citations[0]?.uri).toBe('later.txt');
  });

  it('uses it again when it is back, without a restart', async () => {
    await ollama.start();
    await allEmbedded();
    const answer = await until(async () => {
      const now = await ask('When does the ferry to Orsay leave?');
      return now.model === null ? undefined : now;
    }, 'a written answer');
    expect(answer.citations[0]?.uri).toBe('later.txt');
  });

  it('tells a client of an answer that breaks off', async () => {
    ollama.plan({ failAt: 'chat', kind: 'cut' });
    const response = await service.post('/v1/chat/completions', {
      model: 'limner',
      stream: true,
      messages: [{ role: 'user', content: 'Where does the bell of the Ondine hang?' }],
    });
    const body = await response.text();
    expect(body).toMatch(/data: \{"error":\{"message":/);
    ollama.heal();
  });

  it('keeps every document when the embedder answers rubbish', async () => {
    const before = ollama.requests('embed').length;
    ollama.plan({ failAt: 'embed', kind: 'html', times: 1 });
    await writeFile(join(service.inbox, 'rubbish.txt'), 'The lighthouse cat is called Marmalade.');
    await service.quiet(5);
    await until(() => ollama.requests('embed').length > before, 'the rubbish to be met');
    await allEmbedded();
    expect((await service.documents()).map(({ state }) => state)).toEqual(Array(5).fill('searchable'));
  });
});
