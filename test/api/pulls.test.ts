import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { errorIn, startBench } from './setup.ts';

const ollama = await createFakeOllama({
  registry: [{ ...chatModel(), name: 'hf.co/some/model:Q4' }],
  costMs: { pullStep: 20 },
});
afterAll(() => ollama.stop());
const bench = await startBench({ OLLAMA_HOST: ollama.url });
const base = await bench.app.server.listen({ port: 0, host: '127.0.0.1' });

const Pull = z.strictObject({
  id: z.string(),
  object: z.literal('pull'),
  model: z.string(),
  state: z.enum(['pulling', 'done', 'failed', 'cancelled']),
  progress: z.number(),
  message: z.string().nullable(),
  started_at: z.iso.datetime(),
});
const Pulls = z.strictObject({ data: z.array(Pull), next_cursor: z.null() });

const begin = async (model: string) => Pull.parse((await bench.post('/api/pulls', { model })).json());
const list = async () => Pulls.parse((await bench.get('/api/pulls')).json()).data;
const ended = (id: string) =>
  until(
    async () => (await list()).find((one) => one.id === id && one.state !== 'pulling'),
    'the pull to end',
  );
const cancel = (id: string) => bench.app.server.inject({ method: 'DELETE', url: `/api/pulls/${id}` });

test('a model is pulled with progress that events tell, and is there afterwards', async () => {
  const leaving = new AbortController();
  const response = await fetch(`${base}/api/events`, { signal: leaving.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader?.read())?.value ?? '';
  const { id } = await begin('hf.co/some/model:Q4');
  expect((await begin('HF.co/some/model:Q4')).id).toBe(id);
  while (!text.includes('"state":"done"')) text += (await reader?.read())?.value ?? '';
  leaving.abort();
  const told = [...text.matchAll(/event: pull\ndata: (.+)/g)].map(([, one]) =>
    Pull.parse(JSON.parse(one ?? '')),
  );
  expect(told.length).toBeGreaterThan(3);
  expect(told.every(({ progress }, at) => progress >= (told[at - 1]?.progress ?? 0))).toBe(true);
  expect((await ended(id)).progress).toBe(1);
  const models = await until(async () => {
    const { body } = await bench.get('/v1/models');
    return body.includes('hf.co/some/model:Q4') ? body : undefined;
  }, 'the model to be offered');
  expect(models).toContain('hf.co/some/model:Q4');
});

test('a model that no registry has fails with a sentence', async () => {
  const failed = await ended((await begin('no-such-model')).id);
  expect(failed).toMatchObject({ state: 'failed', message: expect.stringContaining('file does not exist') });
});

test('a pull can be ended, and asked for again', async () => {
  ollama.settings.costMs.pullStep = 2000;
  const { id } = await begin('hf.co/some/model:Q4');
  expect((await cancel(id)).statusCode).toBe(204);
  expect((await ended(id)).state).toBe('cancelled');
  expect((await begin('hf.co/some/model:Q4')).id).not.toBe(id);
  expect(errorIn(await cancel('none'))).toMatchObject({ status: 404 });
});

test('what is no name of a model is refused', async () => {
  for (const model of ['', '-x', 'a b', '../etc', 7])
    expect(errorIn(await bench.post('/api/pulls', { model }))).toMatchObject({ status: 400, param: 'model' });
});
