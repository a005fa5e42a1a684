/**
 * How well keyword search ranks, on public sets with judged queries: the product's tokenizer, table and
 * weights, scored by the sets' own program. `node bench/quality.ts`
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createKeywordSearch, haveSets, readSet, SETS } from './judged-sets.ts';

/** `qrels-train.tsv` is what weights are chosen on. `gate`: least nDCG@10. */
const RUNS = [
  { set: 'scifact', judged: 'qrels-train.tsv', gate: 0 },
  { set: 'scifact', judged: 'qrels.tsv', gate: 0.675 },
  { set: 'cranfield', judged: 'qrels.tsv', gate: 0.35 },
];
const METRICS = ['ndcg@10', 'recall@5', 'recall@10', 'recall@100', 'mrr@10'];

const Scores = z.record(z.string(), z.union([z.number(), z.string()]));

type Judged = (typeof RUNS)[number];

if (haveSets('scifact', 'cranfield')) measureAll();

function measureAll(): void {
  const table: Record<string, object> = {};
  for (const run of RUNS) table[`${run.set} ${run.judged}`] = measure(run);
  console.table(table);
}

function measure(run: Judged): object {
  const { documents, queries } = readSet(run.set, run.judged);
  const started = performance.now();
  const search = createKeywordSearch(documents, 100);
  const indexing = performance.now() - started;
  const times: number[] = [];
  const found = queries.flatMap(({ _id, text }) => {
    const since = performance.now();
    const ids = search(text).map(({ at }) => documents[at]?._id ?? '');
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
