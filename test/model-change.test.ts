import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from './fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const OLD = 'embeddinggemma';
const NEW = 'nomic-embed-text';
const CHUNKS = 300;

let folder: string;
let ollama: FakeOllama;
let service: Service;

beforeEach(async () => {
  folder = await temporaryFolder();
  ollama = await createFakeOllama({
    installed: [
      embedModel({ name: `${OLD}:latest`, dimension: 64 }),
      embedModel({ name: `${NEW}:latest`, dimension: 96 }),
      chatModel({ name: 'gemma3:4b' }),
    ],
  });
});

afterEach(async () => {
  await service.stop();
  await ollama.stop();
  await removeFolder(folder);
});

const start = async (model: string): Promise<void> => {
  service = await startService(folder, { OLLAMA_HOST: ollama.url, LIMNER_EMBED_MODEL: model });
};

const State = z.object({
  model: z.string().nullable(),
  previous: z.string().nullable(),
  held: z.boolean(),
  building: z.object({ model: z.string(), vectors: z.number(), chunks: z.number() }).nullable(),
});
const Found = z.object({
  hits: z.array(z.object({ text: z.string() })),
  arms: z.object({ vector: z.number() }),
});
const Status = z.object({ chunks: z.number(), vectors: z.number() });

const state = async () => State.parse(await (await service.get('/api/index')).json());
const search = async (query: string) =>
  Found.parse(await (await service.post('/api/search', { query })).json());
const send = (name: string, text: string) => service.post('/api/documents', { text, external_id: name });
const record = (at: number): string =>
  `Record ${at} tells of ship number ${at}. ${'It lay in the harbour. '.repeat(36)}`;

async function untilEmbedded(chunks: number): Promise<void> {
  await until(async () => {
    const status = Status.parse(await (await service.get('/api/status')).json());
    return status.chunks === chunks && status.vectors === chunks;
  }, 'every chunk to have its vector');
}

it('another embedding model is built beside the old one, comes into force in one step, and can be left again', async () => {
  await start(OLD);
  await send('records', Array.from({ length: CHUNKS }, (_, at) => record(at)).join('\n\n'));
  await untilEmbedded(CHUNKS);
  expect(await state()).toMatchObject({ model: expect.stringContaining(OLD), building: null });
  await service.stop();

  // The new model makes a part of its vectors and waits: everything below is met while it builds.
  const rest = Promise.withResolvers<void>();
  let requests = 0;
  ollama.settings.holdEmbed = (model) => (model.startsWith(NEW) && ++requests > 3 ? rest.promise : undefined);
  await start(NEW);
  const building = await until(async () => {
    const { building: one } = await state();
    return one && one.vectors > 0 && one.vectors < one.chunks ? one : undefined;
  }, 'a part of the new vectors');
  expect(building.model).toContain(NEW);
  expect((await state()).model).toContain(OLD);
  // What comes meanwhile gets its vector of the old one, which answers.
  await send('one more', record(CHUNKS));
  await untilEmbedded(CHUNKS + 1);
  await until(async () => (await search('ship number 7')).arms.vector > 0, 'the old model to answer');
  expect(await state()).toMatchObject({
    model: expect.stringContaining(OLD),
    building: expect.objectContaining({ chunks: CHUNKS + 1 }),
  });
  rest.resolve();

  await until(async () => (await state()).model?.includes(NEW), 'the new model in force', 20_000);
  await untilEmbedded(CHUNKS + 1);
  expect(await state()).toMatchObject({
    previous: expect.stringContaining(OLD),
    held: false,
    building: null,
  });
  expect((await search('ship number 7')).arms.vector).toBeGreaterThan(0);

  const calls = ollama.counters.embedTexts;
  expect((await service.post('/api/index/back', {})).status).toBe(200);
  expect(await state()).toMatchObject({ model: expect.stringContaining(OLD), held: true });
  await untilEmbedded(CHUNKS + 1);
  expect((await search('ship number 7')).arms.vector).toBeGreaterThan(0);
  // Nothing was embedded but the question: the old model had its vector of what came while the new one was built.
  expect(ollama.counters.embedTexts - calls).toBeLessThanOrEqual(1);
  await service.stop();

  await start(NEW);
  await until(async () => (await search('ship number 7')).arms.vector > 0, 'the held model to answer');
  expect(await state()).toMatchObject({ model: expect.stringContaining(OLD), held: true });
  expect((await service.post('/api/index/forward', {})).status).toBe(202);
  await send('and another', record(CHUNKS + 1));
  await until(async () => (await state()).model?.includes(NEW), 'the new model again');
  expect((await service.post('/api/index/forward', {})).status).toBe(409);
});
