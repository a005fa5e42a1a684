/**
 * What the API costs beside the model: requests a second of the routes at 1 to 500 at once, our own time per question, and the
 * first word through us beside the model's own, with a model server of fixed speed. `node bench/api.ts [chunks ...]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '../src/sqlite.ts';
import { createEmbeddedStore } from '../src/store/embedded.ts';
import { memoryMb, percentile, processorMs, spreadOf, turned, type Row } from './figures.ts';
import { putTexts, putVectors } from './fill-store.ts';
import { CHAT_MODEL, EMBED_MODEL, IDENTITY, startModel, type ModelUnderTest } from './model.ts';
import { createQueries } from './search-queries.ts';
import { startService, type ServiceUnderTest } from './service.ts';

const WIDTHS = [1, 10, 100, 500];
const MEASURE_MS = 3000;
/** Until the service has found the models and read its index. */
const LOOK_MS = 2000;
const AT_ONCE = { firstMs: 0, partMs: 0, parts: 20 };
/** The first word at once, and the others apart from it, as models write. */
const FIRST_AT_ONCE = { firstMs: 0, partMs: 2, parts: 10 };
/** Twenty words a second for two and a half seconds, the first after a fifth of one. */
const STEADY = { firstMs: 200, partMs: 50, parts: 50 };
const QUESTIONS = 300;
/** Between two calls of the service to its model, about. */
const PACE_MS = 5;

/** Without `fetch`, whose own time is as long as ours. */
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const queries = createQueries();

interface Taken {
  status: number;
  firstMs: number;
  wholeMs: number;
}

/** `mark` stands in what ends the wait for the first word. */
function call(url: string, body?: object, mark = ''): Promise<Taken> {
  const { promise, resolve, reject } = Promise.withResolvers<Taken>();
  const since = performance.now();
  const text = body && JSON.stringify(body);
  const sent = request(url, {
    agent,
    method: body ? 'POST' : 'GET',
    headers: text ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } : {},
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    let firstMs: number | undefined;
    response.on('data', (part: Buffer) => {
      if (firstMs === undefined && part.includes(mark)) firstMs = performance.now() - since;
    });
    response.on('error', reject);
    response.on('end', () =>
      resolve({
        status: response.statusCode ?? 0,
        firstMs: firstMs ?? Number.NaN,
        wholeMs: performance.now() - since,
      }),
    );
  });
  sent.end(text);
  return promise;
}

let asked = 0;
const question = (): string => queries[asked++ % queries.length]?.question ?? '';
const WORD = '"content":"word';

const chatOf = (service: string): Promise<Taken> =>
  call(
    `${service}/v1/chat/completions`,
    { model: 'limner', stream: true, messages: [{ role: 'user', content: question() }] },
    WORD,
  );
const directOf = (model: string): Promise<Taken> =>
  call(
    `${model}/api/chat`,
    { model: CHAT_MODEL, stream: true, messages: [{ role: 'user', content: question() }] },
    WORD,
  );

const embedOf = (model: string): Promise<Taken> =>
  call(`${model}/api/embed`, { model: EMBED_MODEL, input: [question()] });

/** So many callers ask one after the other for a while. */
async function flood(
  name: string,
  width: number,
  ask: () => Promise<Taken>,
  service: ServiceUnderTest,
): Promise<Row> {
  const taken: Taken[] = [];
  const began = performance.now();
  await service.delays();
  const caller = async (): Promise<void> => {
    while (performance.now() - began < MEASURE_MS) taken.push(await ask());
  };
  await Promise.all(Array.from({ length: width }, caller));
  const seconds = (performance.now() - began) / 1000;
  const failed = taken.filter(({ status }) => status !== 200).length;
  const { delayP99 } = await service.delays();
  return {
    [`${name}, a second`]: Math.round(taken.length / seconds),
    [`${name}, p50 / p99 ms`]: spreadOf(taken.map(({ wholeMs }) => wholeMs)),
    [`${name}, delay p99 ms`]: delayP99.toFixed(0),
    ...(failed > 0 && { [`${name}, not 200`]: failed }),
  };
}

/** Streams at the model's own speed: what we add to the first word, and whether all come to their end in time. */
async function streams(width: number, service: ServiceUnderTest, model: ModelUnderTest): Promise<Row> {
  model.set(STEADY);
  const spread = async (ask: () => Promise<Taken>): Promise<Taken[]> =>
    Promise.all(
      Array.from({ length: width }, async (_, at) => {
        // People do not ask in the same millisecond.
        await after((at / width) * 1000);
        return ask();
      }),
    );
  const direct = await spread(() => directOf(model.url));
  const through = await spread(() => chatOf(service.url));
  const own = STEADY.firstMs + (STEADY.parts - 1) * STEADY.partMs;
  return {
    'streams that ended': through.filter(({ status }) => status === 200).length,
    'first word of the model, p50 / p99 ms': spreadOf(direct.map(({ firstMs }) => firstMs)),
    'first word through us, p50 / p99 ms': spreadOf(through.map(({ firstMs }) => firstMs)),
    [`whole answer (the model's: ${own} ms), p50 / p99 ms`]: spreadOf(through.map(({ wholeMs }) => wholeMs)),
    'memory, MB': Math.round(memoryMb(service.pid, 'VmRSS')),
  };
}

/** Other work on the machine only adds to times: a tenth of them says what they are without it. */
const withTenth = (times: readonly number[]): string =>
  `${percentile(times, 0.1).toFixed(2)} / ${spreadOf(times)}`;

const shareOf = (ms: number): string => (ms / QUESTIONS).toFixed(1);

/** One after the other; what each took, and the processor time of the service, its main thread apart. */
async function oneByOne(
  name: string,
  { pid }: ServiceUnderTest,
  ask: () => Promise<number>,
): Promise<{ times: number[]; row: Row }> {
  const before = [processorMs(pid), processorMs(pid, pid)] as const;
  const times = await timesOf(ask);
  const row = {
    [`${name}, p10 / p50 / p99 ms`]: withTenth(times),
    [`${name}, processor ms, all / main thread`]: `${shareOf(processorMs(pid) - before[0])} / ${shareOf(processorMs(pid, pid) - before[1])}`,
  };
  return { times, row };
}

async function timesOf(ask: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < QUESTIONS; at++) times.push(await ask());
  return times;
}

async function paced(ask: () => Promise<number>): Promise<number> {
  await after(PACE_MS);
  return ask();
}

/**
 * With a model that answers at once: what is left when its two answers, asked for directly, are taken out is ours. They are asked
 * for as seldom as the service does it, since a process that has just answered answers faster.
 */
async function ownTime(service: ServiceUnderTest, model: ModelUnderTest): Promise<Row> {
  model.set(FIRST_AT_ONCE);
  const embed = await timesOf(() => paced(async () => (await embedOf(model.url)).wholeMs));
  const direct = await timesOf(() => paced(async () => (await directOf(model.url)).firstMs));
  const asked = await oneByOne(
    'a question, first word',
    service,
    async () => (await chatOf(service.url)).firstMs,
  );
  const searched = await oneByOne(
    'a search',
    service,
    async () => (await call(`${service.url}/api/search`, { query: question(), limit: 8 })).wholeMs,
  );
  const ofModel = percentile(embed, 0.5) + percentile(direct, 0.5);
  const own = [0.5, 0.99].map((share) => (percentile(asked.times, share) - ofModel).toFixed(1));
  return {
    'the model alone, an embedding, p10 / p50 / p99 ms': withTenth(embed),
    'the model alone, first word, p10 / p50 / p99 ms': withTenth(direct),
    ...asked.row,
    'a question, first word, the p50 of both taken out: p50 / p99 ms': own.join(' / '),
    ...searched.row,
  };
}

async function fill(folder: string, chunks: number): Promise<void> {
  const database = openDatabase(join(folder, 'limner.sqlite'));
  const store = createEmbeddedStore(database);
  await putTexts(store, chunks);
  await putVectors(store, IDENTITY);
  await store.close();
  await database.close();
}

async function measure(chunks: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-bench-'));
  const model = await startModel();
  await fill(folder, chunks);
  const service = await startService({
    LIMNER_DATA: folder,
    LIMNER_INBOX: join(folder, 'inbox'),
    LIMNER_RATE_PER_MINUTE: '0',
    LIMNER_LOG_LEVEL: 'error',
    LIMNER_EMBED_MODEL: EMBED_MODEL,
    LIMNER_CHAT_MODEL: CHAT_MODEL,
    OLLAMA_HOST: model.url,
  });
  try {
    await after(LOOK_MS);
    await ownTime(service, model);
    console.log(`${chunks} chunks`);
    console.table(turned({ 'our own time': await ownTime(service, model) }));
    const rows: Record<string, Row> = {};
    for (const width of WIDTHS) rows[`${width} at once`] = await streams(width, service, model);
    console.table(turned(rows));
    model.set(AT_ONCE);
    const floods: Record<string, Row> = {};
    for (const width of WIDTHS)
      floods[`${width} at once`] = {
        ...(await flood('/healthz', width, () => call(`${service.url}/healthz`), service)),
        ...(await flood(
          '/api/search',
          width,
          () => call(`${service.url}/api/search`, { query: question() }),
          service,
        )),
        ...(await flood('/v1/chat/completions', width, () => chatOf(service.url), service)),
      };
    console.table(turned(floods));
  } finally {
    agent.destroy();
    await service.stop();
    await model.stop();
    rmSync(folder, { recursive: true });
  }
}

const { positionals } = parseArgs({ allowPositionals: true });
for (const size of positionals.length > 0 ? positionals.map(Number) : [10_000, 100_000]) await measure(size);
