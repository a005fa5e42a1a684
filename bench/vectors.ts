/**
 * How fast the vector index answers and how many of the true neighbours it finds, beside float32 in plain
 * JavaScript and beside what reading as many bytes costs. `node bench/vectors.ts [rows ...]`
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { createBatches } from '../src/store/batches.ts';
import { createChunkIndex } from '../src/store/chunk-index.ts';
import { createIndexReader, type IndexReader } from '../src/store/index-reader.ts';

const DIMENSIONS = 768;
const QUERIES = 60;
const WANTED = 10;
const CANDIDATES = 40;

const { positionals } = parseArgs({ allowPositionals: true });
for (const rows of positionals.length > 0 ? positionals.map(Number) : [10_000, 100_000]) measure(rows);

function measure(rows: number): void {
  const nextVector = createSource(rows);
  const vectors = new Float32Array(rows * DIMENSIONS);
  const index = createChunkIndex(() => Infinity);
  index.useVectors('model');
  let adding = 0;
  for (let id = 0; id < rows; id++) {
    const vector = nextVector();
    vectors.set(vector, id * DIMENSIONS);
    adding += timed(() =>
      index.publish({ added: [emptyChunk(id, groupOf(id, rows))], vectors: [{ id, vector }] }),
    ).ms;
  }
  const reader = createIndexReader(0);
  reader.apply(index.changes(0));
  const queries = Array.from({ length: QUERIES }, nextVector);
  report(rows, adding, runQueries(reader, rows, vectors, queries));
}

/** The tenth and the hundredth of the rows that the filters below ask for. */
function groupOf(id: number, rows: number): number {
  if (id < rows / 100) return 1;
  return id < rows / 10 ? 2 : 3;
}

function emptyChunk(id: number, group: number) {
  const batches = createBatches();
  batches.add(
    id,
    group,
    { id: '', uri: '', title: '', collection: '' },
    { ordinal: 0, text: '', span: [0, 0] },
  );
  const [batch] = batches.take();
  if (!batch) throw new Error('A chunk makes a batch.');
  return batch;
}

interface Run {
  times: Map<string, number[]>;
  /** Share of the true neighbours that were found. */
  recall: Map<string, number>;
}

/** Every way answers every query, one after another, so that all have the same machine. */
function runQueries(index: IndexReader, rows: number, vectors: Float32Array, queries: Float32Array[]): Run {
  const run: Run = { times: new Map(), recall: new Map() };
  const bytes = Buffer.alloc(rows * DIMENSIONS, 1);
  for (const query of queries) {
    const exact = note(run, 'float32, plain JavaScript', () => scanPlainly(vectors, query));
    // The search for a byte that is not there: reads all of them and does next to nothing else.
    note(run, 'floor: reading as many bytes', () => [bytes.indexOf(0)]);
    const scan = note(run, 'int8 scan', () => idsOf(index, query, WANTED));
    const whole = note(run, 'int8 scan + float32 rescore(40)', () =>
      rescore(vectors, query, idsOf(index, query, CANDIDATES)),
    );
    note(run, 'the same, a tenth of the rows', () =>
      rescore(vectors, query, idsOf(index, query, CANDIDATES, [1, 2])),
    );
    note(run, 'the same, a hundredth', () => rescore(vectors, query, idsOf(index, query, CANDIDATES, [1])));
    count(run, 'int8 scan', scan, exact);
    count(run, 'int8 scan + float32 rescore(40)', whole, exact);
  }
  return run;
}

function note(run: Run, name: string, work: () => number[]): number[] {
  const { ms, value } = timed(work);
  const times = run.times.get(name) ?? [];
  run.times.set(name, [...times, ms]);
  return value;
}

function count(run: Run, name: string, found: number[], exact: number[]): void {
  const share = exact.filter((id) => found.includes(id)).length / exact.length / QUERIES;
  run.recall.set(name, (run.recall.get(name) ?? 0) + share);
}

function report(rows: number, adding: number, { times, recall }: Run): void {
  console.log(`\n${rows} rows x ${DIMENSIONS}, ${QUERIES} queries, times in ms`);
  console.log(`added at ${Math.round(rows / (adding / 1000))} rows/s`);
  const plain = percentile(times.get('float32, plain JavaScript') ?? [], 0.5);
  const table: Record<string, object> = {};
  for (const [name, all] of times) {
    const p50 = percentile(all, 0.5);
    table[name] = {
      p50: p50.toFixed(2),
      p99: percentile(all, 0.99).toFixed(2),
      'times as fast': (plain / p50).toFixed(1),
      'recall@10': recall.get(name)?.toFixed(4) ?? '',
    };
  }
  console.table(table);
}

function idsOf(index: IndexReader, query: Float32Array, limit: number, groups?: number[]): number[] {
  return index.nearest(query, limit, index.wantedOf(undefined, groups)).map(({ id }) => id);
}

function rescore(vectors: Float32Array, query: Float32Array, ids: number[]): number[] {
  return ids
    .map((id) => ({ id, score: dot(vectors, id, query) }))
    .sort((one, other) => other.score - one.score || one.id - other.id)
    .slice(0, WANTED)
    .map(({ id }) => id);
}

function scanPlainly(vectors: Float32Array, query: Float32Array): number[] {
  const best: { id: number; score: number }[] = [];
  for (let id = 0; id < vectors.length / DIMENSIONS; id++) {
    const score = dot(vectors, id, query);
    if (best.length === WANTED && score <= (best.at(-1)?.score ?? 0)) continue;
    if (best.length === WANTED) best.pop();
    best.splice(best.findIndex((one) => one.score < score) >>> 0, 0, { id, score });
  }
  return best.map(({ id }) => id);
}

/** Four sums, because one alone would wait for every addition. */
function dot(vectors: Float32Array, row: number, query: Float32Array): number {
  const start = row * DIMENSIONS;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < DIMENSIONS; at += 4) {
    a += vectors[start + at]! * query[at]!;
    b += vectors[start + at + 1]! * query[at + 1]!;
    c += vectors[start + at + 2]! * query[at + 2]!;
    d += vectors[start + at + 3]! * query[at + 3]!;
  }
  return a + b + c + d;
}

/** Unit vectors around common centres, as the chunks of documents have them: 96 latent dimensions. */
function createSource(rows: number): () => Float32Array {
  const random = createRandom(1);
  const latent = 96;
  const spread = Array.from({ length: latent }, () => Float32Array.from({ length: DIMENSIONS }, random));
  const centre = () => Float32Array.from({ length: latent }, random);
  const centres = Array.from({ length: Math.max(10, rows / 100) }, centre);
  return () => {
    const around = centres[Math.floor((random() + 1) * 0.5 * centres.length)] ?? centre();
    const vector = new Float32Array(DIMENSIONS);
    for (const [axis, direction] of spread.entries()) {
      const weight = (around[axis] ?? 0) + 0.5 * random();
      for (let at = 0; at < DIMENSIONS; at++) vector[at] = (vector[at] ?? 0) + weight * (direction[at] ?? 0);
    }
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  };
}

/** From -1 to 1, the same in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

function timed<T>(work: () => T): { ms: number; value: T } {
  const since = performance.now();
  const value = work();
  return { ms: performance.now() - since, value };
}

function percentile(times: number[], share: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
