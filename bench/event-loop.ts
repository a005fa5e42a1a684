/**
 * Whether reads and writes of the store leave the event loop free: documents are stored and embedded as fast as they go in
 * while searches are asked, in one process. `node bench/event-loop.ts [chunks]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/sqlite.ts';
import { createEmbeddedStore } from '../src/store/embedded.ts';
import type { Store } from '../src/store/store.ts';
import { createCorpus, createRandom, createVectors } from './corpus.ts';
import { spreadOf } from './figures.ts';
import { bestTen, createQueries, DIMENSIONS } from './search-queries.ts';

const CHARACTERS = 850;
const DOCUMENT_CHUNKS = 20;
/** Documents written side by side, as the service's workers do. */
const SIDE_BY_SIDE = 4;
const EMBED_BATCH = 32;
const SEARCH_EVERY_MS = 20;
/** Vectors are made before, so that making them costs nothing. */
const VECTORS = 2000;
const MODEL = 'bench';

const { positionals } = parseArgs({ allowPositionals: true });
const chunks = Number(positionals[0] ?? 40_000);
const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
const database = openDatabase(join(folder, 'limner.sqlite'));
const store = createEmbeddedStore(database);
try {
  const documents = makeDocuments(chunks);
  await ingest(documents.splice(0, documents.length / 2));
  console.table({
    idle: await watched(() => after(2000)),
    'searches alone': await watched(() => searchWhile(after(3000))),
    'ingest alone': await watched(() => ingest(documents.splice(0, documents.length / 2))),
    'ingest and searches': await watched(() => searchWhile(ingest(documents))),
  });
} finally {
  await store.close();
  await database.close();
  rmSync(folder, { recursive: true });
}

async function watched(work: () => Promise<Record<string, string> | void>): Promise<object> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const figures = await work();
  delay.disable();
  return {
    'delay p50, ms': ms(delay.percentile(50)),
    'p99, ms': ms(delay.percentile(99)),
    'most, ms': ms(delay.max),
    ...figures,
  };
}

/** The histogram holds whole intervals, in ns; the timer's own millisecond is not a delay. */
function ms(value: number): string {
  return Math.max(0, value / 1e6 - 1).toFixed(1);
}

type Made = Parameters<Store['replace']>;

function makeDocuments(count: number): Made[] {
  const corpus = createCorpus(1);
  return Array.from({ length: Math.ceil(count / DOCUMENT_CHUNKS) }, (_, number) => {
    const id = `document${number}`;
    const passages = Array.from({ length: DOCUMENT_CHUNKS }, (_passage, ordinal) => {
      const text = corpus.prose(CHARACTERS, number % corpus.topics);
      const start = ordinal * 1000;
      return { ordinal, text, span: [start, start + text.length] as [number, number] };
    });
    return [{ id, uri: `${id}.txt`, title: id, collection: 'default' }, passages];
  });
}

async function ingest(documents: Made[]): Promise<Record<string, string>> {
  const size = documents.length * DOCUMENT_CHUNKS;
  const since = performance.now();
  const stored = Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => storeAll(documents)));
  let done = false;
  void stored.finally(() => (done = true));
  await Promise.all([stored, embedUntil(() => done)]);
  return { 'chunks/s': String(Math.round((size / (performance.now() - since)) * 1000)) };
}

async function storeAll(documents: Made[]): Promise<void> {
  for (let next = documents.pop(); next; next = documents.pop()) await store.replace(...next);
}

async function embedUntil(isDone: () => boolean): Promise<void> {
  const nextVector = createVectors(DIMENSIONS, 1000, createRandom(3));
  const vectors = Array.from({ length: VECTORS }, nextVector);
  let at = 0;
  for (;;) {
    const batch = await store.unembedded(MODEL, EMBED_BATCH, new Set());
    if (batch.length === 0 && isDone()) return;
    if (batch.length === 0) await after(1);
    const made = batch.map(({ chunkId }) => ({ chunkId, vector: vectors[at++ % VECTORS] ?? nextVector() }));
    await store.putVectors(MODEL, made);
  }
}

async function searchWhile(work: Promise<unknown>): Promise<Record<string, string>> {
  const times: number[] = [];
  let done = false;
  void work.finally(() => (done = true));
  for (const asked of endless(createQueries())) {
    if (done) break;
    const since = performance.now();
    const vector = { model: MODEL, values: asked.vector };
    await store.search({ text: asked.question, vector, limit: 50 }, bestTen);
    times.push(performance.now() - since);
    await after(SEARCH_EVERY_MS);
  }
  const found = await work;
  const searched = `${spreadOf(times)} (${times.length})`;
  return { ...(typeof found === 'object' ? found : {}), 'searches, p50 / p99 ms': searched };
}

function* endless<T>(list: readonly T[]): Generator<T> {
  for (;;) yield* list;
}
