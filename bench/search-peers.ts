/**
 * Searches of the embedded store beside those of its JavaScript peers: the same rows, the same queries, in the same run.
 *
 *     node bench/search-peers.ts [--vectors 100000] [--texts 100000] [--queries 100] [--fill 600]
 *
 * Every engine is a process of its own and is asked in turn, one query at a time, so that all have the same machine;
 * each tells its own time. The least time is what it takes when other work leaves it alone. Vectors: 768 dimensions, the ten nearest, recall against an exact scan of the floats.
 * Keywords: ordinary questions with stop words over texts of about 850 characters; the share of the first ten hits that
 * hold the question's rare word says whether the answers are worth their time. An engine that is not filled after
 * `--fill` seconds is left out and named. The peers are installed from the registry into a folder of their own
 * (node_modules/.cache/limner-search-peers), once.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createCorpus, createRandom, createVectors } from './corpus.ts';
import { spreadOf } from './figures.ts';
import { Answer, DIMENSIONS, openMaterial, WANTED } from './search-engines.ts';
import { versionIn } from './untyped.ts';

const PACKAGES = {
  '@lancedb/lancedb': '0.39.0',
  'apache-arrow': '18.1.0',
  'sqlite-vec': '0.1.9',
  minisearch: '7.2.0',
  '@orama/orama': '3.1.18',
};
const NEAR = [
  'Limner, embedded store',
  'LanceDB flat',
  'LanceDB HNSW-SQ',
  'sqlite-vec float32',
  'sqlite-vec bit, rescored',
];
const WORDS = ['Limner, embedded store', 'LanceDB flat', 'MiniSearch', 'Orama'];
const CHARACTERS = 850;

const { values } = parseArgs({
  options: {
    vectors: { type: 'string', default: '100000' },
    texts: { type: 'string', default: '100000' },
    queries: { type: 'string', default: '100' },
    fill: { type: 'string', default: '600' },
  },
});

function installPeers(): string {
  const folder = resolve('node_modules/.cache/limner-search-peers');
  if (existsSync(join(folder, 'node_modules/minisearch'))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"name":"limner-search-peers","private":true}');
  const options = ['--no-audit', '--no-fund', '--legacy-peer-deps', '--ignore-scripts', '--save-exact'];
  const wanted = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
  execFileSync('npm', ['install', '--prefix', folder, ...options, ...wanted], { stdio: 'ignore' });
  return folder;
}

/** The same rows for every engine, in files, so that none is charged for making them. */
function makeMaterial(folder: string, rows: number): void {
  const corpus = createCorpus(1);
  const nextVector = createVectors(DIMENSIONS, Math.max(10, rows / 100), createRandom(3));
  const [texts, vectors] = [
    openSync(join(folder, 'texts.jsonl'), 'w'),
    openSync(join(folder, 'vectors.f32'), 'w'),
  ];
  for (let row = 0; row < rows; row++) {
    const text = `${row}. ${corpus.prose(CHARACTERS, Math.floor(row / 20) % corpus.topics)}`;
    writeSync(texts, `${JSON.stringify(text)}\n`);
    writeSync(vectors, new Uint8Array(nextVector().buffer));
  }
  closeSync(texts);
  closeSync(vectors);
}

interface Running {
  name: string;
  child: ChildProcess;
  seconds: number;
  times: number[];
  /** Sum over the queries of the share of hits that are right. */
  right: number;
  memory: readonly [number, number];
}

async function start(
  name: string,
  peers: string,
  folder: string,
  rows: number,
): Promise<Running | undefined> {
  const child = fork(join(import.meta.dirname, 'search-engines.ts'), [name, peers, folder, String(rows)]);
  const limit = new AbortController();
  const late = after(Number(values.fill) * 1000, undefined, { signal: limit.signal }).catch(() => 'filled');
  const first = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => undefined), late]);
  limit.abort();
  const answer = Array.isArray(first) ? Answer.parse(first[0]) : undefined;
  if (!answer || !('seconds' in answer)) {
    console.log(`${name}: not filled after ${values.fill} s, or ended`);
    child.kill('SIGKILL');
    return undefined;
  }
  return { name, child, seconds: answer.seconds, times: [], right: 0, memory: [0, 0] };
}

async function ask(engine: Running, query: { vector: number[] } | { question: string }): Promise<number[]> {
  const answered = once(engine.child, 'message');
  engine.child.send(query);
  const [message] = await answered;
  const answer = Answer.parse(message);
  if (!('rows' in answer)) throw new Error('an answer without rows');
  engine.times.push(answer.ms);
  engine.memory = answer.memory;
  return answer.rows;
}

async function startAll(
  names: readonly string[],
  peers: string,
  folder: string,
  rows: number,
): Promise<Running[]> {
  const all: Running[] = [];
  // One after another: filling is what loads the machine.
  for (const name of names)
    all.push(...[await start(name, peers, folder, rows)].filter((one) => one !== undefined));
  return all;
}

async function compareVectors(peers: string, folder: string, rows: number, queries: number): Promise<void> {
  const engines = await startAll(NEAR, peers, folder, rows);
  const nextVector = createVectors(DIMENSIONS, Math.max(10, rows / 100), createRandom(3));
  const asked = Array.from({ length: queries }, nextVector).map((vector, at) => blur(vector, at));
  const truths = nearest(folder, rows, asked);
  for (const [at, vector] of asked.entries()) {
    for (const engine of turned(engines, at)) {
      const found = await ask(engine, { vector: [...vector] });
      engine.right += found.filter((row) => truths[at]?.includes(row)).length / WANTED / queries;
    }
  }
  report(`${rows} vectors x ${DIMENSIONS}, ${queries} queries`, 'recall@10', engines);
}

async function compareWords(peers: string, folder: string, rows: number, queries: number): Promise<void> {
  const engines = await startAll(WORDS, peers, folder, rows);
  const corpus = createCorpus(2);
  const { texts } = openMaterial(folder, rows);
  for (let at = 0; at < queries; at++) {
    const question = corpus.question((at * 7) % corpus.topics);
    const rare = question.slice(question.lastIndexOf(' ') + 1, -1);
    for (const engine of turned(engines, at)) {
      const found = await ask(engine, { question });
      engine.right +=
        found.filter((row) => texts[row]?.toLowerCase().includes(rare)).length / WANTED / queries;
    }
  }
  report(`${rows} texts, ${queries} questions with stop words`, 'hits with the rare word', engines);
}

/** Another engine begins each round, so that none always has the caches that the one before left. */
function turned<T>(all: readonly T[], by: number): T[] {
  const at = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}

/** Near a row and never the row itself: questions are not passages. */
function blur(vector: Float32Array, seed: number): Float32Array {
  const random = createRandom(seed + 99);
  const moved = vector.map((value) => value + (random() - 0.5) * 0.03);
  const length = Math.hypot(...moved);
  return moved.map((value) => value / length);
}

/** The true neighbours, by a plain scan of the floats. */
function nearest(folder: string, rows: number, asked: readonly Float32Array[]): number[][] {
  const best = asked.map(() => [] as { row: number; score: number }[]);
  let row = 0;
  for (const vector of openMaterial(folder, rows).vectors()) {
    for (const [at, query] of asked.entries()) {
      let score = 0;
      for (let axis = 0; axis < DIMENSIONS; axis++) score += (vector[axis] ?? 0) * (query[axis] ?? 0);
      const list = best[at] ?? [];
      if (list.length === WANTED && score <= (list.at(-1)?.score ?? 0)) continue;
      list.splice(list.findIndex((one) => one.score < score) >>> 0, 0, { row, score });
      list.length = Math.min(list.length, WANTED);
    }
    row++;
  }
  return best.map((list) => list.map((one) => one.row));
}

function report(title: string, right: string, engines: readonly Running[]): void {
  console.log(
    `\n${title}\n\n| | least, ms | p50 / p99, ms | ${right} | filled in, s | memory / peak, MB |\n| --- | --- | --- | --- | --- | --- |`,
  );
  for (const { name, times, right: share, seconds, memory, child } of engines) {
    console.log(
      `| ${name} | ${Math.min(...times).toFixed(2)} | ${spreadOf(times)} | ${share.toFixed(3)} | ${seconds.toFixed(0)} | ${memory.map(Math.round).join(' / ')} |`,
    );
    child.kill();
  }
}

async function main(): Promise<void> {
  const peers = installPeers();
  console.log(
    Object.keys(PACKAGES)
      .map((name) => `${name} ${versionIn(peers, name)}`)
      .join(', '),
  );
  const queries = Number(values.queries);
  const kinds = [
    [Number(values.vectors), compareVectors],
    [Number(values.texts), compareWords],
  ] as const;
  for (const [rows, compare] of kinds) {
    if (rows === 0) continue;
    const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
    try {
      makeMaterial(folder, rows);
      await compare(peers, folder, rows, queries);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

await main();
