/**
 * How fast a heap of files becomes searchable, by keywords and by meaning: the whole service, with a model
 * server whose every batch of 32 texts takes a fixed time, and without one.
 * `node bench/ingest.ts [files [ms per batch ...]]`
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from '../test/fakes/ollama.ts';
import { createCorpus, type Corpus } from './corpus.ts';
import { childrenOf, memoryMb, turned, type Row } from './figures.ts';
import { startService, type ServiceUnderTest } from './service.ts';

/** As the service asks for them. */
const BATCH = 32;
const DIMENSIONS = 768;
const LOOK_MS = 20;
const PATIENCE_MS = 600_000;
const NO_SERVER = 'http://127.0.0.1:9';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { profile: { type: 'string' } },
});
const [files = 1500, ...costs] = positionals.map(Number);

const runs: Record<string, Row> = { 'no model': await measure(undefined) };
for (const cost of costs.length > 0 ? costs : [80, 40, 20]) runs[`${cost} ms a batch`] = await measure(cost);
console.log(`${files} files`);
console.table(turned(runs));

async function measure(cost: number | undefined): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
  const fake = cost === undefined ? undefined : await startFake(cost);
  try {
    const bytes = makeFiles(join(folder, 'heap'));
    mkdirSync(join(folder, 'inbox'));
    const service = await startService(settings(folder, fake), profiling());
    await after(500);
    const seen = await watch(folder, service, fake);
    await service.stop();
    return rowOf(seen, bytes, fake);
  } finally {
    await fake?.stop();
    rmSync(folder, { recursive: true });
  }
}

/** Embedding as an Ollama on one GPU does it: one batch after another. */
function startFake(cost: number): Promise<FakeOllama> {
  return createFakeOllama({
    installed: [embedModel({ dimension: DIMENSIONS }), chatModel()],
    costMs: { embedText: cost / BATCH },
  });
}

function settings(folder: string, fake: FakeOllama | undefined): Record<string, string> {
  return {
    LIMNER_INBOX: join(folder, 'inbox'),
    LIMNER_DATA: join(folder, 'data'),
    LIMNER_LOG_LEVEL: 'error',
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
    OLLAMA_HOST: fake?.url ?? NO_SERVER,
  };
}

function profiling(): string[] {
  return values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
}

/** Text, Markdown and HTML of 2 to 50 kB, small ones more often. Returns their bytes together. */
function makeFiles(heap: string): number {
  const corpus = createCorpus(1);
  mkdirSync(heap);
  let bytes = 0;
  for (let file = 0; file < files; file++) {
    const characters = Math.round(2000 * 25 ** corpus.random());
    const [extension, content] = dress(file, corpus, characters);
    writeFileSync(join(heap, `document ${file}.${extension}`), content);
    bytes += Buffer.byteLength(content);
  }
  return bytes;
}

function dress(file: number, corpus: Corpus, characters: number): [extension: string, content: string] {
  const topic = file % corpus.topics;
  const parts = Math.ceil(characters / 4000);
  const sections = Array.from({ length: parts }, () => ({
    heading: corpus.rareWords(topic),
    text: corpus.prose(characters / parts, topic),
  }));
  if (file % 3 === 0) return ['txt', sections.map(({ text }) => text).join('\n\n')];
  if (file % 3 === 1)
    return ['md', sections.map(({ heading, text }) => `## ${heading}\n\n${text}`).join('\n\n')];
  const body = sections.map(({ heading, text }) => `<h2>${heading}</h2>${text.replace(/.+/g, '<p>$&</p>')}`);
  return ['html', `<!doctype html><title>${corpus.rareWords(topic)}</title><body>${body.join('\n')}</body>`];
}

interface Seen {
  chunks: number;
  /** When the first and the last document was searchable by keywords, ms after the files were dropped. */
  firstSearchable: number;
  allSearchable: number;
  allEmbedded: number;
  /** Begin and end of the model server's work, and how much of it it worked. */
  embedding: { from: number; to: number; busyMs: number };
  delay: { delayP99: number; delayMax: number };
  serviceMb: number;
  childrenMb: number;
}

/** Drops the files and looks at the service's database from outside until all is done. */
async function watch(folder: string, service: ServiceUnderTest, fake?: FakeOllama): Promise<Seen> {
  await service.delays();
  const since = performance.now();
  renameSync(join(folder, 'heap'), join(folder, 'inbox', 'heap'));
  const { look, close } = openLook(join(folder, 'data', 'limner.sqlite'));
  const seen = { firstSearchable: 0, allSearchable: 0, allEmbedded: 0, childrenMb: 0 };
  const embedding = { from: 0, to: 0, busyMs: 0 };
  let state = look();
  for (let now = 0; now < PATIENCE_MS; await after(LOOK_MS), state = look()) {
    now = performance.now() - since;
    seen.childrenMb = Math.max(seen.childrenMb, residentMb(childrenOf(service.pid)));
    if (state.searchable > 0) seen.firstSearchable ||= now;
    if (state.searchable === files) seen.allSearchable ||= now;
    noteWork(embedding, fake, since);
    if (!seen.allSearchable || (fake && state.unembedded > 0)) continue;
    seen.allEmbedded = now;
    break;
  }
  close();
  const [delay, serviceMb] = [await service.delays(), memoryMb(service.pid, 'VmHWM')];
  return { ...seen, chunks: state.chunks, embedding, delay, serviceMb };
}

function noteWork(embedding: Seen['embedding'], fake: FakeOllama | undefined, since: number): void {
  if (!fake) return;
  // What was said is of no interest here and would fill memory.
  fake.exchanges.splice(0);
  if (fake.counters.embedCalls > 0) embedding.from ||= performance.now() - since;
  if (fake.counters.busyMs > embedding.busyMs) embedding.to = performance.now() - since;
  embedding.busyMs = fake.counters.busyMs;
}

function residentMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + memoryMb(pid, 'VmRSS'), 0);
}

/** Counts that need no scan of the texts, read beside the service. */
function openLook(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  const count = (sql: string): number => Number(database.prepare(sql).get()?.['count'] ?? 0);
  const look = () => ({
    searchable: count(`select count(*) as count from document where state = 'searchable'`),
    chunks: count('select coalesce(max(id), 0) as count from chunk'),
    unembedded: count('select exists (select 1 from chunk where model is null) as count'),
  });
  return { look, close: () => database.close() };
}

function rowOf(seen: Seen, bytes: number, fake: FakeOllama | undefined): Row {
  const reading = (seen.allSearchable - seen.firstSearchable) / 1000;
  const embedding = (seen.embedding.to - seen.embedding.from) / 1000;
  return {
    'MB of files': (bytes / 1e6).toFixed(1),
    chunks: seen.chunks,
    'first searchable, s': (seen.firstSearchable / 1000).toFixed(1),
    'all searchable, s': (seen.allSearchable / 1000).toFixed(1),
    'searchable: documents/s': Math.round(files / reading),
    'searchable: MB/s': (bytes / 1e6 / reading).toFixed(1),
    'embedded: documents/s': fake ? Math.round(files / embedding) : '',
    'embedded: chunks/s': fake ? Math.round(seen.chunks / embedding) : '',
    'embedder, ms a batch': fake ? (seen.embedding.busyMs / fake.counters.embedCalls).toFixed(1) : '',
    'embedder busy, %': fake ? (seen.embedding.busyMs / embedding / 10).toFixed(1) : '',
    'loop delay, p99 / max ms': `${seen.delay.delayP99.toFixed(1)} / ${seen.delay.delayMax.toFixed(0)}`,
    'peak memory, MB': Math.round(seen.serviceMb),
    'peak of its children, MB': Math.round(seen.childrenMb),
  };
}
