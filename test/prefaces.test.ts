import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from './fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from './service.ts';
import { until } from './until.ts';

const SETTINGS = {
  LIMNER_CHAT_MODEL: 'qwen3:4b',
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CONTEXT_HEADERS: 'true',
};
/** Documents are read, described, read again and embedded; other tests may keep the machine busy. */
const PATIENCE_MS = 60_000;
const PARAGRAPHS = ['It rose by three per cent.', 'It fell again.', 'Nobody knows why.'].map((one) =>
  `${one} ${'More was said of it at length. '.repeat(30)}`.trim(),
);
const TEXT = PARAGRAPHS.join('\n\n');

vi.setConfig({ testTimeout: 90_000 });

let folder: string;
let ollama: FakeOllama;
let service: Service;

beforeAll(async () => {
  folder = await temporaryFolder();
  ollama = await createFakeOllama({
    installed: [embedModel(), chatModel()],
    reply: () => 'This is about the zanzibar turnover.',
  });
  await ollama.stop();
  service = await startService(folder, { ...SETTINGS, OLLAMA_HOST: ollama.url });
  await writeFile(join(service.inbox, 'report.txt'), TEXT);
});

afterAll(async () => {
  await service.stop();
  await ollama.stop();
  await removeFolder(folder);
});

const Hits = z.object({
  hits: z.array(
    z.object({
      text: z.string(),
      span: z.tuple([z.number(), z.number()]),
      place: z.object({ preface: z.string().optional() }),
      ranks: z.object({ keyword: z.number().nullable() }),
    }),
  ),
});

async function found(query: string) {
  const response = await service.post('/api/search', { query, arm: 'keyword' });
  return Hits.parse(await response.json()).hits;
}

const asked = (): number => ollama.requests('chat').length;
const Embedded = z.object({ input: z.array(z.string()) });
const embedded = (): string[] => ollama.requests('embed').flatMap((body) => Embedded.parse(body).input);

test('without the model a document is searchable', async () => {
  const documents = await service.quiet(1);
  expect(documents.get('report.txt')).toMatchObject({ state: 'searchable', chunks: 3 });
  expect(await found('zanzibar')).toEqual([]);
  expect(await found('rose')).toHaveLength(1);
});

test('when it comes every passage is described once, found by that, and quoted as it stands', async () => {
  await ollama.start();
  const hits = await until(
    async () => {
      const all = await found('zanzibar turnover');
      return all.length === 3 ? all : undefined;
    },
    'the passages to be found by what was written about them',
    PATIENCE_MS,
  );
  for (const { text, span, place } of hits) {
    expect(text).toBe(TEXT.slice(...span));
    expect(place.preface).toBe('This is about the zanzibar turnover.');
  }
  expect(asked()).toBe(3);
  const documents = await service.quiet(1);
  expect(documents.get('report.txt')).toMatchObject({ state: 'searchable', chunks: 3, revision: 1 });
});

test('what was written is embedded with the passage', async () => {
  await until(
    async () => (await service.documents()).every(({ vectors, chunks }) => vectors === chunks),
    'the vectors',
    PATIENCE_MS,
  );
  expect(embedded().filter((text) => text.includes('zanzibar') && text.includes('It rose'))).toHaveLength(1);
});

test('a start and a document that is made again ask nothing again', async () => {
  await service.stop();
  service = await startService(folder, { ...SETTINGS, OLLAMA_HOST: ollama.url });
  const documents = await service.quiet(1);
  expect(documents.get('report.txt')).toMatchObject({ state: 'searchable', chunks: 3 });
  expect(await found('zanzibar')).toHaveLength(3);
  const [document] = await service.documents();
  await service.post(`/api/documents/${document?.id}/reindex`, {});
  await service.quiet(1);
  expect(await found('zanzibar')).toHaveLength(3);
  expect(asked()).toBe(3);
});

test('a kill in between loses at most what is under way', async () => {
  const before = asked();
  ollama.settings.costMs.chatPart = 20;
  await writeFile(join(service.inbox, 'notes.txt'), PARAGRAPHS.map((one) => `Notes: ${one}`).join('\n\n'));
  await until(() => asked() > before + 1, 'the second passage to be asked about', PATIENCE_MS);
  await service.kill();
  service = await startService(folder, { ...SETTINGS, OLLAMA_HOST: ollama.url });
  await until(
    async () => (await found('zanzibar')).length === 6,
    'all passages to be described',
    PATIENCE_MS,
  );
  expect(asked() - before).toBeLessThanOrEqual(4);
});

test('with the setting taken back the passages are as they were', async () => {
  await service.stop();
  service = await startService(folder, {
    ...SETTINGS,
    LIMNER_CONTEXT_HEADERS: 'false',
    OLLAMA_HOST: ollama.url,
  });
  await until(
    async () => (await found('zanzibar')).length === 0,
    'the passages without what was written',
    PATIENCE_MS,
  );
  expect(await found('rose')).toHaveLength(2);
});
