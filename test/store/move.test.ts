import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import { movableEmbedded, movableQdrant, type Movable } from '../../src/store/movable.ts';
import { copyStore } from '../../src/store/move.ts';
import { createFakeOllama, embedModel } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { allChunks, chunksOf, documentOf, embedAll, find } from './material.ts';
import { fakeQdrant, openQdrant } from './qdrant-bed.ts';

const quietly = (): void => undefined;

async function bothStores() {
  const fake = await fakeQdrant();
  const { store, database } = await openQdrant(fake.url);
  const embedded = movableEmbedded(createEmbeddedStore(database), database);
  return { fake, embedded, qdrant: movableQdrant(store), database };
}

async function fill({ store }: Movable): Promise<void> {
  for (let at = 0; at < 30; at++) {
    const document = documentOf({
      id: `d${at}`,
      uri: `sea/${at}.txt`,
      title: `Log ${at}`,
      collection: at % 3 ? 'sea' : 'land',
    });
    await store.replace(document, [
      ...chunksOf(`the anchor of day ${at}`, `rope ${at % 5}`),
      { ordinal: 2, text: 'same everywhere', span: [90, 105], page: 3, headings: ['Notes'], member: 'x.txt' },
    ]);
  }
  await embedAll(store);
  await store.replace(documentOf({ id: 'later' }), chunksOf('without a vector yet'));
  const [one] = await store.unembedded('other:2', 1, new Set());
  await store.putVectors('other:2', [{ chunkId: one?.chunkId ?? '', vector: Float32Array.of(1, 0, 0) }]);
}

async function answers({ store }: Movable) {
  return {
    totals: [await store.totals(), await store.totals('other:2')],
    model: store.model(),
    chunks: await allChunks(store, 'd7'),
    near: (await find(store, '', { meaning: 'rope 3', limit: 5 })).vector,
    words: (await find(store, 'anchor day', { collection: 'land', limit: 50 })).keyword.toSorted(),
  };
}

test.each(['qdrant', 'embedded'] as const)('a copy to %s holds and answers the same', async (target) => {
  const { embedded, qdrant } = await bothStores();
  const [from, to] = target === 'qdrant' ? [embedded, qdrant] : [qdrant, embedded];
  await fill(from);
  const moved = await copyStore(from, to, quietly);
  expect(moved).toMatchObject({ documents: 31, written: 31, chunks: 91, vectors: 90 });
  expect(moved.compared.chunks).toBeGreaterThan(20);
  expect(moved.compared.vectors).toBeGreaterThan(20);
  expect(await answers(to)).toEqual(await answers(from));
  expect(await copyStore(from, to, quietly)).toMatchObject({ documents: 31, written: 0, vectors: 90 });
});

test('a copy that was ended goes on where it was, and follows what changed since', async () => {
  const { fake, embedded, qdrant } = await bothStores();
  await fill(embedded);
  let seen = 0;
  const ended = copyStore(embedded, qdrant, () => {
    if (++seen === 10) throw new Error('ended');
  });
  await expect(ended).rejects.toThrow('ended');
  await embedded.store.remove('d0');
  await embedded.store.replace(documentOf({ id: 'd1', uri: 'sea/1.txt' }), chunksOf('another text'));
  await embedded.store.describe(documentOf({ id: 'd2', uri: 'land/moved.txt' }));
  await embedAll(embedded.store);
  // The server goes away in the middle, too.
  fake.plan({ failAt: '/points/vectors', kind: 'reset', times: 2 });
  await expect(copyStore(embedded, qdrant, quietly)).rejects.toMatchObject({ code: 'store_unavailable' });
  const moved = await copyStore(embedded, qdrant, quietly);
  expect(moved).toMatchObject({ documents: 30, written: 0 });
  expect(await answers(qdrant)).toEqual(await answers(embedded));
});

test('a copy that differs is not taken for one', async () => {
  const { fake, embedded, qdrant } = await bothStores();
  await fill(embedded);
  await copyStore(embedded, qdrant, quietly);
  const points = [...(fake.collections.find('limner')?.points.values() ?? [])];
  const point = points.find(({ payload }) => payload['document_id'] === 'd3');
  const vector = Object.values(point?.vectors ?? {}).find(Array.isArray);
  if (!Array.isArray(vector)) throw new Error('The document has vectors.');
  vector[0] = 0.5;
  const one = documentOf({ id: 'single' });
  // Few chunks, so that each of them is looked at.
  await expect(copyStore(embedded, qdrant, quietly)).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('document d3'),
  });
  await qdrant.store.replace(one, chunksOf('nobody asked for this'));
  await embedded.store.replace(one, chunksOf('this was asked for'));
  const broken: Movable = {
    ...qdrant,
    store: { ...qdrant.store, replace: () => Promise.resolve({ chunks: 1, vectors: 0 }) },
  };
  await expect(copyStore(embedded, broken, quietly)).rejects.toMatchObject({ code: 'conflict' });
});

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CLOSED_PORT = '59125';

function limner(
  folder: string,
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'], LIMNER_PORT: CLOSED_PORT, ...env } };
    execFile(process.execPath, [MAIN, ...args], options, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out: out + err }),
    );
  });
}

const Hits = z.object({
  hits: z.array(
    z.object({ text: z.string(), ranks: z.record(z.string(), z.number().nullable()), page: z.unknown() }),
  ),
});
const Status = z.object({
  store: z.looseObject({ kind: z.string(), state: z.string(), message: z.string().nullable() }),
  chunks: z.number().nullable(),
  vectors: z.number().nullable(),
});

async function ask(service: Service, query: string): Promise<z.infer<typeof Hits>['hits']> {
  const response = await service.post('/api/search', { query, limit: 5 });
  return Hits.parse(await response.json()).hits;
}

const statusOf = async (service: Service) => Status.parse(await (await service.get('/api/status')).json());

test(
  'a service that was moved answers the same questions with the same passages',
  { timeout: 90_000 },
  async () => {
    const fake = await fakeQdrant();
    const ollama = await createFakeOllama({ installed: [embedModel({ name: 'embeddinggemma' })] });
    const folder = await temporaryFolder();
    onTestFinished(() => removeFolder(folder));
    onTestFinished(() => ollama.stop());
    const env = { OLLAMA_HOST: ollama.url };
    const withQdrant = { ...env, QDRANT_URL: fake.url };
    await mkdir(join(folder, 'inbox'), { recursive: true });
    const texts = [
      'The anchor is weighed by hand when the windlass has no power.',
      'The boiler is looked at every third week by the second mate.',
      'A compass that swings more than two degrees is sent ashore.',
      'Nobody stands under the derrick while cargo is lifted.',
      'The engine drinks forty litres of oil between Hamburg and Bergen.',
      'In winter the funnel is painted only on days without frost.',
      'The galley fire is out before the pilot comes on board.',
      'Hawsers with broken strands are cut up and used as fenders.',
    ];
    for (const [at, text] of texts.entries()) await writeFile(join(folder, 'inbox', `${at}.md`), `${text}\n`);
    const questions = [
      'Who looks at the boiler?',
      'painting in winter',
      'What happens to a compass that swings?',
      'broken hawsers',
    ];
    const askAll = (service: Service) => Promise.all(questions.map((question) => ask(service, question)));

    const first = await startService(folder, env);
    await first.quiet(8);
    await until(async () => ((await statusOf(first)).vectors ?? 0) === 8, 'the vectors');
    const before = await askAll(first);
    expect(before[0]?.[0]?.text).toContain('boiler');
    expect(await limner(folder, withQdrant, 'store', 'move', '--to', 'qdrant')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/Another Limner \(process \d+\) uses/),
    });
    await first.stop();

    expect(await limner(folder, withQdrant, 'store')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^embedded: ready\n8 passages, 8 with a vector\nQDRANT_URL is set/),
    });
    expect(await limner(folder, withQdrant, 'store', 'move', '--to', 'qdrant')).toMatchObject({
      code: 0,
      out: expect.stringContaining('8 documents with 8 passages and 8 vectors are in the qdrant store'),
    });
    expect(await limner(folder, env, 'store')).toMatchObject({
      code: 1,
      out: expect.stringContaining('QDRANT_URL'),
    });

    const moved = await startService(folder, withQdrant);
    expect(await statusOf(moved)).toMatchObject({
      store: { kind: 'qdrant', state: 'ready', message: null },
      chunks: 8,
      vectors: 8,
    });
    await until(
      async () => (await askAll(moved))[0]?.[0]?.ranks['vector'] === 1,
      'the questions to be embedded',
    );
    const after = await askAll(moved);
    const textsOf = (answers: typeof after) => answers.map((hits) => hits.map(({ text }) => text));
    expect(textsOf(after)).toEqual(textsOf(before));

    // The server goes away: searches say so, what arrives waits, and all is there when it is back.
    await fake.stop();
    expect((await moved.post('/api/search', { query: 'anchor' })).status).toBe(503);
    expect((await moved.get('/readyz')).status).toBe(503);
    expect((await statusOf(moved)).store.state).toBe('unavailable');
    expect(await (await moved.get('/metrics')).text()).toContain('limner_store_up{kind="qdrant"} 0');
    await writeFile(join(folder, 'inbox', 'island.md'), 'The island has a well.\n');
    await until(async () => (await moved.documents()).length === 9, 'the new file to be seen');
    await fake.start();
    await moved.quiet(9);
    expect((await ask(moved, 'island well'))[0]?.text).toContain('The island has a well.');
    expect(await (await moved.get('/metrics')).text()).toContain('limner_store_up{kind="qdrant"} 1');
    await moved.stop();

    expect((await limner(folder, withQdrant, 'doctor')).out).toContain(
      'collection limner: version 1.19.0, status green',
    );
    expect((await limner(folder, env, 'doctor')).out).toContain('✗ the passages are in Qdrant');
    expect(await limner(folder, withQdrant, 'store', 'forget-old')).toMatchObject({ code: 0 });

    // Somebody removes the collection: that is said, and the documents are read anew into another.
    fake.collections.all.clear();
    fake.collections.aliases.clear();
    expect((await limner(folder, withQdrant, 'store')).out).toContain('is gone from Qdrant');
    expect(await limner(folder, withQdrant, 'store', 'reset')).toMatchObject({
      code: 0,
      out: expect.stringContaining('9 documents are read anew'),
    });
    const anew = await startService(folder, withQdrant);
    await anew.quiet(9);
    expect(await statusOf(anew)).toMatchObject({ chunks: 9, store: { message: null } });
    await until(async () => (await statusOf(anew)).vectors === 9, 'the vectors again');
    await anew.stop();
    expect(await limner(folder, withQdrant, 'store', 'move', '--to', 'embedded')).toMatchObject({
      code: 0,
      out: expect.stringContaining('9 documents with 9 passages'),
    });
    expect(await limner(folder, withQdrant, 'store', 'forget-old')).toMatchObject({ code: 0 });
    expect(fake.collections.all.size).toBe(0);
    expect((await limner(folder, env, 'search', 'looking at the boiler')).out).toContain('every third week');
  },
);
