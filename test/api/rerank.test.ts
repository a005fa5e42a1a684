import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeOllama, embedModel, chatModel } from '../fakes/ollama.ts';
import { createFakeOpenAi } from '../fakes/openai.ts';
import { until } from '../until.ts';
import { startBench, type Bench } from './setup.ts';

const fake = await createFakeOllama({ installed: [embedModel(), chatModel()] });
const server = await createFakeOpenAi({ models: [chatModel({ name: 'bge-reranker' })] });
afterAll(async () => {
  await fake.stop();
  await server.stop();
});

const Hits = z.object({
  hits: z.array(z.object({ document: z.object({ uri: z.string() }), reranked: z.number().nullable() })),
});

async function started(settings: Record<string, string>): Promise<Bench> {
  const bench = await startBench({ OLLAMA_HOST: fake.url, LIMNER_CHAT_MODEL: 'qwen3:4b', ...settings });
  await bench.send({ text: 'A fuse, a fuse, a fuse.', external_id: 'noise' });
  await bench.send({
    text: 'Spare parts are many. A fuse is one: it lies in the tin.',
    external_id: 'right',
  });
  await until(() => bench.app.models.chatReady(), 'the chat model');
  return bench;
}

async function found(bench: Bench) {
  const response = await bench.post('/api/search', { query: 'fuse fuse spare tin' });
  return Hits.parse(response.json()).hits.map(({ document, reranked }) => [document.uri, reranked]);
}

test('by default nobody reads them again', async () => {
  const bench = await started({});
  expect((await found(bench)).map(([, reranked]) => reranked)).toEqual([null, null]);
});

test('the chat model, when it is asked for', async () => {
  const bench = await started({ LIMNER_RERANK: 'chat' });
  fake.settings.reply = () => '2, 1';
  const first = await found(bench);
  expect(first.map(([, place]) => place)).toEqual([1, 2]);
  fake.settings.reply = () => '1, 2';
  expect((await found(bench)).map(([uri]) => uri)).toEqual(first.map(([uri]) => uri).toReversed());
  fake.plan({ failAt: 'chat', kind: 'status', status: 500, times: 1 });
  expect((await found(bench)).map(([, place]) => place)).toEqual([null, null]);
  expect(bench.lines.join()).toContain('not reranked');
});

test('a reranking model on a server of its own', async () => {
  const settings = { LIMNER_RERANK: 'bge-reranker', LIMNER_RERANK_URL: server.url };
  expect(await found(await started(settings))).toEqual([
    ['right', 1],
    ['noise', 2],
  ]);
});
