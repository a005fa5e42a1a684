/**
 * How well keyword search ranks, on public sets with judged queries: the product's tokenizer, table and
 * weights, scored by the sets' own program. `node bench/quality.ts`
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createKeywordTable, indexText, keywordScore, matchExpression } from '../src/store/keyword.ts';
import { queryTerms } from '../src/store/tokenize.ts';

const SETS = new URL('../../shared/eval/', import.meta.url);

/** `qrels-train.tsv` is what weights are chosen on. `gate`: least nDCG@10. */
const RUNS = [
  { set: 'scifact', judged: 'qrels-train.tsv', gate: 0 },
  { set: 'scifact', judged: 'qrels.tsv', gate: 0.675 },
  { set: 'cranfield', judged: 'qrels.tsv', gate: 0.35 },
];
const METRICS = ['ndcg@10', 'recall@5', 'recall@10', 'recall@100', 'mrr@10'];

const Document = z.object({ _id: z.string(), title: z.string(), text: z.string() });
const Query = z.object({ _id: z.string(), text: z.string() });
const Scores = z.record(z.string(), z.union([z.number(), z.string()]));

type Judged = (typeof RUNS)[number];

if (RUNS.every(({ set }) => existsSync(new URL(`${set}/corpus.jsonl`, SETS)))) measureAll();
else console.log(`NOT MEASURED: the judged sets are not in ${fileURLToPath(SETS)}`);

function measureAll(): void {
  const table: Record<string, object> = {};
  for (const run of RUNS) table[`${run.set} ${run.judged}`] = measure(run);
  console.table(table);
}

function measure(run: Judged): object {
  const documents = readLines(Document, `${run.set}/corpus.jsonl`);
  const judged = new Set(readText(`${run.set}/${run.judged}`).map((line) => line.split('\t')[0]));
  const queries = readLines(Query, `${run.set}/queries.jsonl`).filter(({ _id }) => judged.has(_id));
  const started = performance.now();
  const search = indexAll(documents);
  const indexing = performance.now() - started;
  const times: number[] = [];
  const found = queries.flatMap(({ _id, text }) => {
    const since = performance.now();
    const ids = search(text);
    times.push(performance.now() - since);
    return ids.map((id, at) => `${_id}\t${id}\t${at + 1}\t${ids.length - at}`);
  });
  const scores = score(run, found);
  if (Number(scores['ndcg@10']) < run.gate) {
    console.error(`${run.set} ${run.judged}: nDCG@10 is below ${run.gate}`);
    process.exitCode = 1;
  }
  return {
    ...Object.fromEntries(METRICS.map((metric) => [metric, Number(scores[metric]).toFixed(4)])),
    'ms a query': (times.reduce((sum, ms) => sum + ms, 0) / times.length).toFixed(2),
    'documents/s': Math.round(documents.length / (indexing / 1000)),
  };
}

/** Gives the ids of the best 100 documents of a query, best first. */
function indexAll(documents: z.infer<typeof Document>[]): (query: string) => string[] {
  const database = new DatabaseSync(':memory:');
  database.exec(`${createKeywordTable('keyword')}; begin`);
  const insert = database.prepare(
    'insert into keyword(rowid, title, path, headings, body) values (?, ?, ?, ?, ?)',
  );
  for (const [row, { title, text }] of documents.entries())
    insert.run(row, indexText(title), '', '', indexText(text));
  database.exec('commit');
  const best = database.prepare(
    `select rowid from keyword where keyword match ? order by ${keywordScore('keyword')}, rowid limit 100`,
  );
  return (query) => {
    const expression = matchExpression(queryTerms(query));
    const rows = expression ? best.all(expression) : [];
    return rows.map(({ rowid }) => documents[Number(rowid)]?._id ?? '');
  };
}

function score({ set, judged }: Judged, found: string[]): z.infer<typeof Scores> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-quality-'));
  const run = join(folder, 'run.tsv');
  writeFileSync(run, `query-id\tcorpus-id\trank\tscore\n${found.join('\n')}\n`);
  const [scorer, judgements] = [new URL('score.mjs', SETS), new URL(`${set}/${judged}`, SETS)];
  const files = [fileURLToPath(scorer), fileURLToPath(judgements), run];
  const answer = execFileSync(process.execPath, [...files, '--by-rank', '--json']);
  rmSync(folder, { recursive: true });
  return Scores.parse(JSON.parse(answer.toString()));
}

function readLines<T>(schema: z.ZodType<T>, path: string): T[] {
  return readText(path).map((line) => schema.parse(JSON.parse(line)));
}

function readText(path: string): string[] {
  return readFileSync(new URL(path, SETS), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
