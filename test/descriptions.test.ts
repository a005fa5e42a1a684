import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, type FakeOllama } from './fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const VISION = 'gemma3:4b';

let folder: string;
let ollama: FakeOllama;
let service: Service;
let count = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  ollama = await createFakeOllama({
    installed: [],
    registry: [],
    reply: () => `Number ${(count += 1)}: a lighthouse stands under a pale sky.`,
  });
  await ollama.stop();
  service = await startService(folder, {
    OLLAMA_HOST: ollama.url,
    LIMNER_CHAT_MODEL: 'qwen3:8b',
    LIMNER_VISION_MODEL: VISION,
  });
  await copyFile(new URL('fixtures/figures.pdf', import.meta.url), join(service.inbox, 'figures.pdf'));
});

afterAll(async () => {
  await service.stop();
  await ollama.stop();
  await removeFolder(folder);
});

const Hits = z.object({ hits: z.array(z.object({ text: z.string(), page: z.number().nullable() })) });
const Figures = z.object({
  data: z.array(
    z.object({ page: z.number(), caption: z.object({ model: z.string(), text: z.string() }).nullable() }),
  ),
});

async function search(query: string): Promise<z.infer<typeof Hits>['hits']> {
  return Hits.parse(await (await service.post('/api/search', { query })).json()).hits;
}

async function captions(): Promise<(string | undefined)[]> {
  const [document] = await service.documents();
  const answer = await service.get(`/api/documents/${document?.id}/figures`);
  return Figures.parse(await answer.json()).data.map(({ caption }) => caption?.text);
}

test('without the model a document is searchable, and nothing of its figures is said', async () => {
  const documents = await service.quiet(1);
  expect(documents.get('figures.pdf')).toMatchObject({ state: 'searchable', chunks: 2 });
  expect(await captions()).toEqual([undefined, undefined]);
  expect(ollama.requests('chat')).toEqual([]);
});

test('when it comes figures are described once each, and found by what they show on their page', async () => {
  ollama.installed.push(chatModel({ name: VISION, capabilities: ['completion', 'vision'] }));
  await ollama.start();
  await until(async () => (await captions()).every(Boolean), 'captions', 60_000);
  await until(async () => (await service.documents())[0]?.chunks === 4, 'what they say to be indexed');
  const documents = await service.quiet(1);
  expect(documents.get('figures.pdf')).toMatchObject({ state: 'searchable', chunks: 4, revision: 1 });
  const hits = (await search('pale sky')).filter(({ text }) => text.includes('pale sky'));
  expect(
    hits.map(({ text, page }) => [text, page]).toSorted((one, other) => Number(one[1]) - Number(other[1])),
  ).toEqual([
    [`Picture, described by ${VISION}: Number 1: a lighthouse stands under a pale sky.`, 1],
    [`Picture, described by ${VISION}: Number 2: a lighthouse stands under a pale sky.`, 2],
  ]);
  const asked = z
    .array(z.object({ model: z.string(), messages: z.array(z.object({ images: z.array(z.string()) })) }))
    .parse(ollama.requests('chat'));
  expect(asked.map(({ model }) => model)).toEqual([VISION, VISION]);
  // JPEG in base64.
  for (const { messages } of asked) expect(messages[0]?.images[0]).toMatch(/^\/9j\//);
});

test('what was said before stands where it stood', async () => {
  const [hit] = await search('red band repainted by whoever lost at cards');
  expect(hit?.text).toContain('lost at cards');
  const [document] = await service.documents();
  const words = await (await service.get(`/api/documents/${document?.id}/words?page=1`)).json();
  expect(words.words.map(({ text }: { text: string }) => text).slice(-2)).toEqual(['at', 'cards.']);
});
