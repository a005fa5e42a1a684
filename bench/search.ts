/**
 * How fast searches answer, through the store and over HTTP, how fast the store takes chunks and vectors, and
 * how soon it answers after a start. `node bench/search.ts [chunks ...]`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createLog } from '../src/log.ts';
import { createOllama } from '../src/models/ollama.ts';
import { openDatabase } from '../src/sqlite.ts';
import { createEmbeddedStore } from '../src/store/embedded.ts';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from '../test/fakes/ollama.ts';
import { putTexts, putVectors } from './fill-store.ts';
import { memoryMb, spreadOf, turned, type Row } from './figures.ts';
import { createQueries, DIMENSIONS, TEXTS } from './search-queries.ts';
import { startService } from './service.ts';

/** Until the service has found the models. */
const MODEL_LOOK_MS = 1000;
const NO_SERVER = 'http://127.0.0.1:9';
const EMBED_MODEL = 'nomic-embed-text';
const CHAT_MODEL = 'qwen3:4b';

/** What a process may be kept to one core with; it then starts one thread. */
const TASKSET = '/usr/bin/taskset';
const ON_ONE_CORE = { execPath: TASKSET, execArgv: ['-c', '0', process.execPath] };

const COMPILED = fileURLToPath(new URL('../node_modules/.cache/limner', import.meta.url));

const StoreFigures = z.object({
  opened: z.number(),
  reopened: z.number(),
  times: z.record(z.string(), z.array(z.number())),
  memory: z.tuple([z.number(), z.number()]),
  rates: z.array(z.number()),
});

const { positionals } = parseArgs({ allowPositionals: true });
const sizes = positionals.length > 0 ? positionals.map(Number) : [10_000, 100_000];
const tables: Record<'store' | 'search' | 'http', Record<string, Row>> = { store: {}, search: {}, http: {} };
for (const size of sizes) await measure(size);
console.log('The store');
console.table(turned(tables.store));
console.log('Searches through the store, p50 / p99 in ms');
console.table(turned(tables.search));
console.log('Over HTTP, p50 / p99 in ms');
console.table(turned(tables.http));

async function measure(chunks: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
  const fake = await createFakeOllama({ installed: [embedModel({ dimension: DIMENSIONS }), chatModel()] });
  try {
    const path = join(folder, 'limner.sqlite');
    const model = await identityAt(fake.url);
    const filled = await fill(path, model, chunks);
    const { opened, reopened, times, memory, rates } = await searchStore(path, model);
    const oneCore = existsSync(TASKSET) ? (await searchStore(path, model, ON_ONE_CORE)).rates : [];
    const http = await searchOverHttp(folder, fake);
    tables.store[`${chunks} chunks`] = {
      ...filled,
      'opened, ms': opened.toFixed(0),
      'first vector search after opening, ms': reopened.toFixed(0),
      'memory after all searches / peak, MB': memory.map(Math.round).join(' / '),
      'hybrid questions a second, 1 / 2 / 4 / 8 at once': rates.map(Math.round).join(' / '),
      'the same on one core': oneCore.map(Math.round).join(' / ') || `needs ${TASKSET}`,
      'memory of the service, keywords only / hybrid, MB': http.memory.map(Math.round).join(' / '),
    };
    tables.search[`${chunks} chunks`] = spreads(times);
    tables.http[`${chunks} chunks`] = spreads(http.times);
  } finally {
    await fake.stop();
    rmSync(folder, { recursive: true });
  }
}

function spreads(times: Record<string, number[]>): Row {
  return Object.fromEntries(Object.entries(times).map(([way, all]) => [way, spreadOf(all)]));
}

/** The name under which the service will look for the vectors. */
async function identityAt(host: string): Promise<string> {
  const log = createLog({ level: 'warn', secrets: [] });
  const models = createOllama({ host, embedModel: EMBED_MODEL, chatModel: CHAT_MODEL, log });
  await models.check();
  const identity = models.embed.ready()?.identity;
  await models.close();
  if (identity === undefined) throw new Error('The fake model server is not ready.');
  return identity;
}

async function fill(path: string, model: string, chunks: number): Promise<Row> {
  const database = openDatabase(path);
  const store = createEmbeddedStore(database);
  const storing = await putTexts(store, chunks);
  const embedding = await putVectors(store, model);
  await store.close();
  await database.close();
  return {
    'texts stored, chunks/s': Math.round((chunks / storing) * 1000),
    'vectors stored, chunks/s': Math.round((chunks / embedding) * 1000),
    'database, MB': Math.round(statSync(path).size / 1e6),
  };
}

async function searchStore(path: string, model: string, how = {}): Promise<z.infer<typeof StoreFigures>> {
  // As `npm start` has it.
  const env = { ...process.env, NODE_COMPILE_CACHE: COMPILED };
  const child = fork(fileURLToPath(new URL('search-store.ts', import.meta.url)), [path, model], {
    env,
    ...how,
  });
  const [[figures]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  return StoreFigures.parse(figures);
}

interface HttpFigures {
  times: Record<string, number[]>;
  memory: number[];
}

/** The whole way, with the connection, and for hybrid searches with the question's trip to the model server. */
async function searchOverHttp(folder: string, fake: FakeOllama): Promise<HttpFigures> {
  const keywords = await searchService(folder, 'keywords only', NO_SERVER);
  const hybrid = await searchService(folder, 'hybrid', fake.url);
  return {
    times: { ...keywords.times, ...hybrid.times },
    memory: [...keywords.memory, ...hybrid.memory],
  };
}

async function searchService(folder: string, way: string, host: string): Promise<HttpFigures> {
  const service = await startService(settings(folder, host));
  const times: HttpFigures['times'] = {};
  await after(MODEL_LOOK_MS);
  await post(service.url, { query: 'the first search loads the vectors' });
  for (const asked of createQueries()) {
    for (const text of TEXTS)
      await note(times, `${way}, ${text}`, () => post(service.url, { query: asked[text], limit: 10 }));
    await note(times, `GET /readyz, ${way}`, async () => (await fetch(`${service.url}/readyz`)).text());
  }
  const memory = [memoryMb(service.pid, 'VmRSS')];
  await service.stop();
  return { times, memory };
}

function settings(folder: string, host: string): Record<string, string> {
  const inbox = join(folder, 'inbox');
  mkdirSync(inbox, { recursive: true });
  return {
    LIMNER_INBOX: inbox,
    LIMNER_DATA: folder,
    LIMNER_LOG_LEVEL: 'error',
    LIMNER_EMBED_MODEL: EMBED_MODEL,
    LIMNER_CHAT_MODEL: CHAT_MODEL,
    OLLAMA_HOST: host,
  };
}

async function note(times: Record<string, number[]>, way: string, work: () => Promise<unknown>) {
  const since = performance.now();
  await work();
  (times[way] ??= []).push(performance.now() - since);
}

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}/api/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}
