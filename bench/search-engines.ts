/**
 * One engine over the material of bench/search-peers.ts, in a process of its own so that its memory can be told. Forked
 * with the engine's name, the folder of the peers, the folder of the material and the number of rows; is sent queries
 * one at a time, and answers the rows it found with its time.
 */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { openDatabase } from '../src/sqlite.ts';
import { createEmbeddedStore } from '../src/store/embedded.ts';
import type { Choice, Chosen } from '../src/store/store.ts';
import { memoryMb } from './figures.ts';
import { build, call, loadFrom } from './untyped.ts';

export const DIMENSIONS = 768;
export const WANTED = 10;
const DOCUMENT_CHUNKS = 20;
const BATCH = 1000;
const MODEL = 'bench';

interface Material {
  folder: string;
  rows: number;
  texts: readonly string[];
  vectors(): Generator<Float32Array>;
}

/** What an engine finds: numbers of rows, best first. */
interface Engine {
  near?(vector: Float32Array): Promise<number[]>;
  words?(question: string): Promise<number[]>;
}

type Build = (material: Material, peers: string) => Promise<Engine>;

export const ENGINES: Readonly<Record<string, Build>> = {
  'Limner, embedded store': buildLimner,
  'LanceDB flat': (material, peers) => buildLance(material, peers, false),
  'LanceDB HNSW-SQ': (material, peers) => buildLance(material, peers, true),
  'sqlite-vec float32': (material, peers) => buildSqliteVec(material, peers, false),
  'sqlite-vec bit, rescored': (material, peers) => buildSqliteVec(material, peers, true),
  MiniSearch: buildMiniSearch,
  Orama: buildOrama,
};

async function buildLimner({ folder, texts, vectors }: Material): Promise<Engine> {
  const database = openDatabase(join(folder, 'limner.sqlite'));
  const store = createEmbeddedStore(database);
  for (let at = 0; at < texts.length; at += DOCUMENT_CHUNKS) {
    const chunks = texts
      .slice(at, at + DOCUMENT_CHUNKS)
      .map((text, ordinal) => ({ ordinal, text, span: [0, text.length] as [number, number] }));
    const id = String(at / DOCUMENT_CHUNKS);
    await store.replace({ id, uri: `${id}.txt`, title: id, collection: 'default' }, chunks);
  }
  const rowOf = new Map(texts.map((text, row) => [text, row]));
  const all = [...vectors()];
  for (;;) {
    const batch = await store.unembedded(MODEL, 256, new Set());
    if (batch.length === 0) break;
    await store.putVectors(
      MODEL,
      batch.map(({ chunkId, text }) => ({
        chunkId,
        vector: all[rowOf.get(text) ?? 0] ?? new Float32Array(),
      })),
    );
  }
  return {
    near: async (values) =>
      rowsOf(
        await store.search({ text: '', vector: { model: MODEL, values }, limit: WANTED }, ({ vector }) => [
          { hits: vector },
        ]),
      ),
    words: async (text) =>
      rowsOf(await store.search({ text, limit: WANTED }, ({ keyword }) => [{ hits: keyword }])),
  };
}

const Rows = z.array(z.looseObject({ id: z.number() }));

const rowsOf = (found: readonly Chosen<Choice>[]): number[] =>
  found.flatMap(({ chunks }) =>
    chunks.map(({ document, ordinal }) => Number(document.id) * DOCUMENT_CHUNKS + ordinal),
  );

/** The score has to be named, or each query writes a warning. */
async function idsOf(query: unknown, score: string): Promise<number[]> {
  const limited = call(call(query, 'select', ['id', score]), 'limit', WANTED);
  return Rows.parse(await call(limited, 'toArray')).map(({ id }) => id);
}

async function buildLance(material: Material, peers: string, isIndexed: boolean): Promise<Engine> {
  const lance = await loadFrom(peers, '@lancedb/lancedb');
  const database = await call(
    lance['connect'],
    join(material.folder, isIndexed ? 'lance-hnsw' : 'lance-flat'),
  );
  let table: unknown;
  let row = 0;
  for (const vectors of inBatches(material.vectors())) {
    const batch = vectors.map((vector) => ({
      id: row,
      text: material.texts[row++] ?? '',
      vector: [...vector],
    }));
    if (table === undefined) table = await call(database, 'createTable', 'rows', batch);
    else await call(table, 'add', batch);
  }
  const { Index } = lance;
  if (isIndexed)
    await call(table, 'createIndex', 'vector', { config: call(Index, 'hnswSq', { distanceType: 'cosine' }) });
  const words = { stem: true, removeStopWords: true, asciiFolding: true, withPosition: false };
  if (!isIndexed) await call(table, 'createIndex', 'text', { config: call(Index, 'fts', words) });
  await call(table, 'optimize');
  return {
    near(vector) {
      const query = call(call(call(table, 'query'), 'nearestTo', vector), 'distanceType', 'cosine');
      return idsOf(isIndexed ? call(call(query, 'ef', 100), 'refineFactor', 4) : query, '_distance');
    },
    ...(!isIndexed && {
      words: (question: string) =>
        idsOf(call(call(table, 'query'), 'fullTextSearch', question, { columns: ['text'] }), '_score'),
    }),
  };
}

async function buildSqliteVec(material: Material, peers: string, isBits: boolean): Promise<Engine> {
  const database = new DatabaseSync(join(material.folder, isBits ? 'bits.sqlite' : 'floats.sqlite'), {
    allowExtension: true,
  });
  call(await loadFrom(peers, 'sqlite-vec'), 'load', database);
  database.exec('pragma journal_mode = wal; pragma mmap_size = 4000000000');
  const bits = isBits ? `, bits bit[${DIMENSIONS}]` : '';
  database.exec(
    `create virtual table v using vec0(floats float[${DIMENSIONS}] distance_metric=cosine${bits})`,
  );
  const insert = database.prepare(
    isBits
      ? 'insert into v(rowid, floats, bits) values (?, ?, vec_quantize_binary(?))'
      : 'insert into v(rowid, floats) values (?, ?)',
  );
  let row = 0;
  for (const vectors of inBatches(material.vectors())) {
    database.exec('begin');
    for (const vector of vectors) {
      const bytes = bytesOf(vector);
      insert.run(BigInt(row++), bytes, ...(isBits ? [bytes] : []));
    }
    database.exec('commit');
  }
  const select = database.prepare(
    isBits
      ? `with near as materialized (
           select rowid from v where bits match vec_quantize_binary(?1) and k = 200)
         select v.rowid as id from near join v on v.rowid = near.rowid
         order by vec_distance_cosine(v.floats, ?1) limit ${WANTED}`
      : `select rowid as id from v where floats match ?1 and k = ${WANTED} order by distance`,
  );
  return { near: async (vector) => Rows.parse(select.all(bytesOf(vector))).map(({ id }) => id) };
}

async function buildMiniSearch({ texts }: Material, peers: string): Promise<Engine> {
  const { default: MiniSearch } = await loadFrom(peers, 'minisearch');
  const index = build(MiniSearch, { fields: ['text'] });
  for (const [id, text] of texts.entries()) call(index, 'add', { id, text });
  return {
    words: async (question) =>
      Rows.parse(call(index, 'search', question))
        .slice(0, WANTED)
        .map(({ id }) => id),
  };
}

const Hits = z.object({ hits: z.array(z.looseObject({ document: z.looseObject({ row: z.number() }) })) });

async function buildOrama({ texts }: Material, peers: string): Promise<Engine> {
  const { create, insert, search } = await loadFrom(peers, '@orama/orama');
  const index = await call(create, { schema: { text: 'string', row: 'number' } });
  for (const [row, text] of texts.entries()) await call(insert, index, { text, row });
  return {
    words: async (term) =>
      Hits.parse(await call(search, index, { term, properties: ['text'], limit: WANTED })).hits.map(
        ({ document }) => document.row,
      ),
  };
}

function* inBatches(vectors: Iterable<Float32Array>): Generator<Float32Array[]> {
  let batch: Float32Array[] = [];
  for (const vector of vectors) {
    if (batch.push(vector) < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

const bytesOf = (vector: Float32Array): Uint8Array =>
  new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);

export function openMaterial(folder: string, rows: number): Material {
  const path = join(folder, 'vectors.f32');
  return {
    folder,
    rows,
    texts: readFileSync(join(folder, 'texts.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => z.string().parse(JSON.parse(line))),
    *vectors() {
      const file = openSync(path, 'r');
      const bytes = DIMENSIONS * 4;
      for (let at = 0; at < statSync(path).size; at += bytes) {
        const vector = new Float32Array(DIMENSIONS);
        readSync(file, new Uint8Array(vector.buffer), 0, bytes, at);
        yield vector;
      }
      closeSync(file);
    },
  };
}

export const Ask = z.object({ vector: z.array(z.number()).optional(), question: z.string().optional() });
export const Answer = z.union([
  z.object({ seconds: z.number(), near: z.boolean(), words: z.boolean() }),
  z.object({ rows: z.array(z.number()), ms: z.number(), memory: z.tuple([z.number(), z.number()]) }),
]);

async function serve([name = '', peers = '', folder = '', rows = '']: readonly string[]): Promise<void> {
  const engineOf = ENGINES[name];
  if (!engineOf) throw new Error(`no engine ${name}`);
  const since = performance.now();
  const engine = await engineOf(openMaterial(folder, Number(rows)), peers);
  process.on('message', (message) => void answer(engine, Ask.parse(message)));
  const seconds = (performance.now() - since) / 1000;
  process.send?.({ seconds, near: engine.near !== undefined, words: engine.words !== undefined });
}

async function answer(engine: Engine, { vector, question = '' }: z.infer<typeof Ask>): Promise<void> {
  const values = vector && Float32Array.from(vector);
  const since = performance.now();
  const rows = (await (values ? engine.near?.(values) : engine.words?.(question))) ?? [];
  const ms = performance.now() - since;
  process.send?.({ rows, ms, memory: [memoryMb(process.pid, 'VmRSS'), memoryMb(process.pid, 'VmHWM')] });
}

if (process.send) await serve(process.argv.slice(2));
