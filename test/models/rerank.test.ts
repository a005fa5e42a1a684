import { afterAll, afterEach, expect, test } from 'vitest';
import { createRerankServer } from '../../src/models/rerank.ts';
import { chatModel } from '../fakes/ollama.ts';
import { createFakeOpenAi } from '../fakes/openai.ts';

const fake = await createFakeOpenAi({ models: [chatModel({ name: 'bge-reranker' })], key: 'sesame' });
afterAll(() => fake.stop());
afterEach(() => fake.heal());

const signal = new AbortController().signal;
const score = createRerankServer({ url: fake.url, key: 'sesame', model: 'bge-reranker' });
const TEXTS = ['a ship', 'the spare fuse lies in the tin', 'a fuse'];

test('scores come back in the order of the texts', async () => {
  const [ship = 0, tin = 0, fuse = 0] = await score('spare fuse', TEXTS, signal);
  expect(tin).toBeGreaterThan(fuse);
  expect(fuse).toBeGreaterThan(ship);
  expect(fake.requests('rerank')).toEqual([
    { model: 'bge-reranker', query: 'spare fuse', documents: TEXTS, top_n: 3, return_documents: false },
  ]);
});

test('every failure is one of ours', async () => {
  fake.plan({ failAt: 'rerank', kind: 'status', status: 500, times: 1 });
  await expect(score('spare fuse', TEXTS, signal)).rejects.toMatchObject({ code: 'model_answer' });
  fake.plan({ failAt: 'rerank', kind: 'reset', times: 1 });
  await expect(score('spare fuse', TEXTS, signal)).rejects.toMatchObject({ code: 'model_unavailable' });
  fake.plan({ failAt: 'rerank', kind: 'hang', times: 1 });
  await expect(score('spare fuse', TEXTS, AbortSignal.timeout(50))).rejects.toMatchObject({
    code: 'cancelled',
  });
  const message = "This model's maximum context length is 512 tokens.";
  fake.plan({ failAt: 'rerank', kind: 'status', status: 400, message, times: 1 });
  await expect(score('spare fuse', TEXTS, signal)).rejects.toMatchObject({ code: 'input_too_long' });
  const wrong = createRerankServer({ url: fake.url, key: 'sesame', model: 'other' });
  await expect(wrong('spare fuse', TEXTS, signal)).rejects.toMatchObject({ code: 'model_missing' });
});
