/**
 * Opens a store that bench/search.ts has filled, in a process that holds nothing else, and searches in it.
 * Forked with the database's path and the model's name; sends its figures.
 */
import { openDatabase } from '../src/sqlite.ts';
import { createEmbeddedStore } from '../src/store/embedded.ts';
import type { SearchQuery, Store } from '../src/store/store.ts';
import { memoryMb } from './figures.ts';
import { bestTen, createQueries, TENTH, TEXTS } from './search-queries.ts';

const LIMIT = 50;
/** Searches at once, and how many of each are asked. */
const WIDTHS = [1, 2, 4, 8];
const ASKED = 400;
type Asked = ReturnType<typeof createQueries>[number];

const [path = '', model = ''] = process.argv.slice(2);
if (process.send) await run();

async function run(): Promise<void> {
  const queries = createQueries();
  const since = performance.now();
  const database = openDatabase(path);
  const store = createEmbeddedStore(database);
  const opened = performance.now() - since;
  const [first] = queries;
  if (first) await store.search({ text: '', vector: { model, values: first.vector }, limit: LIMIT }, bestTen);
  const reopened = performance.now() - since;
  const times = await searchAll(store, queries);
  const memory = [memoryMb(process.pid, 'VmRSS'), memoryMb(process.pid, 'VmHWM')];
  const rates: number[] = [];
  for (const width of WIDTHS) rates.push(await searchAtOnce(store, queries, width));
  process.send?.({ opened, reopened, times, memory, rates });
  await store.close();
  await database.close();
  process.disconnect();
}

/** Every way answers every query, one after another, so that all have the same machine. */
async function searchAll(store: Store, queries: Asked[]): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = {};
  for (const asked of queries) {
    for (const [way, query] of Object.entries(waysOf(asked))) {
      const since = performance.now();
      await store.search(query, bestTen);
      (times[way] ??= []).push(performance.now() - since);
    }
  }
  return times;
}

/** Hybrid questions a second, with `width` of them waited for all the time. */
async function searchAtOnce(store: Store, queries: Asked[], width: number): Promise<number> {
  let left = ASKED;
  const since = performance.now();
  const askOn = async (): Promise<void> => {
    while (left > 0) {
      const asked = queries[left-- % queries.length];
      if (asked) await store.search(questionOf(asked), bestTen);
    }
  };
  await Promise.all(Array.from({ length: width }, askOn));
  return (ASKED / (performance.now() - since)) * 1000;
}

function questionOf(asked: Asked): SearchQuery {
  return { text: asked.question, vector: { model, values: asked.vector }, limit: LIMIT };
}

function waysOf(asked: Asked): Record<string, SearchQuery> {
  const vector = { model, values: asked.vector };
  const all: Record<string, SearchQuery> = { 'vector only': { text: '', vector, limit: LIMIT } };
  for (const text of TEXTS) {
    all[`keywords only, ${text}`] = { text: asked[text], limit: LIMIT };
    all[`hybrid, ${text}`] = { text: asked[text], vector, limit: LIMIT };
  }
  const filtered = Object.entries(all).map(([way, query]) => [
    `${way}, a tenth`,
    { ...query, collection: TENTH },
  ]);
  return { ...all, ...Object.fromEntries(filtered) };
}
