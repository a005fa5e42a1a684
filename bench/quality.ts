/**
 * How well keyword search ranks, on public sets with judged queries: the product's tokenizer, table and
 * weights, scored by the sets' own program. `node bench/quality.ts [set ...]`
 *
 * With `--embed URL --model NAME` the same of vectors from that server and of both arms as the product fuses them; the
 * bench then fails where the fused list is not above both. The addresses are those of `connectArm`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { SHIPPED, type List } from './fusion-methods.ts';
import { createKeywordSearch, haveSets, readSet, SETS } from './judged-sets.ts';
import { bestOf, connectArm, type RealArm } from './real-arm.ts';

/** `qrels-train.tsv` is what weights are chosen on. `gate`: least nDCG@10. */
const RUNS = [
  { set: 'scifact', judged: 'qrels-train.tsv', gate: 0 },
  { set: 'scifact', judged: 'qrels.tsv', gate: 0.675 },
  { set: 'cranfield', judged: 'qrels.tsv', gate: 0.35 },
];
const METRICS = ['ndcg@10', 'recall@5', 'recall@10', 'recall@100', 'mrr@10'];

const Scores = z.record(z.string(), z.union([z.number(), z.string()]));

/** As deep as lists are measured, and as deep as they are read before they are fused. */
const MEASURED = 100;
const FUSED = 50;

type Judged = (typeof RUNS)[number];
type Scores = z.infer<typeof Scores>;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { embed: { type: 'string' }, model: { type: 'string' } },
});
const wanted = RUNS.filter(({ set }) => positionals.length === 0 || positionals.includes(set));
if (haveSets(...new Set(wanted.map(({ set }) => set)))) await measureAll();

async function measureAll(): Promise<void> {
  const arm = values.embed === undefined ? undefined : await connectArm(values.embed, values.model ?? '');
  if (arm) console.log(`vectors of ${arm.model}`);
  const table: Record<string, object> = {};
  for (const run of wanted) Object.assign(table, await measure(run, arm));
  console.table(table);
  await arm?.close();
}

/** A row for each arm. */
async function measure(run: Judged, arm: RealArm | undefined): Promise<Record<string, object>> {
  const { documents, queries } = readSet(run.set, run.judged);
  const name = `${run.set} ${run.judged}`;
  const started = performance.now();
  const search = createKeywordSearch(documents, MEASURED);
  const indexing = performance.now() - started;
  const searching = performance.now();
  const keyword = queries.map(({ text }) => search(text));
  const times = {
    'ms a query': ((performance.now() - searching) / queries.length).toFixed(2),
    'documents/s': Math.round(documents.length / (indexing / 1000)),
  };
  const scoreLists = (lists: readonly (readonly number[])[]): Scores =>
    score(
      run,
      lists.flatMap((places, query) =>
        places.map((at, rank) => `${queries[query]?._id}\t${documents[at]?._id}\t${rank + 1}\t${-rank}`),
      ),
    );
  const words = scoreLists(keyword.map(placesOf));
  check(Number(words['ndcg@10']) >= run.gate, `${name}: nDCG@10 of the keywords is below ${run.gate}`);
  if (!arm) return { [name]: { ...rowOf(words), ...times } };

  const texts = queries.map(({ text }) => text);
  const vector = (await arm.score(documents, texts)).map((scores) => bestOf(scores, MEASURED));
  const fused = keyword.map((list, query) =>
    SHIPPED(list.slice(0, FUSED), (vector[query] ?? []).slice(0, FUSED)),
  );
  const [meaning, both] = [scoreLists(vector.map(placesOf)), scoreLists(fused)];
  const better = Math.max(Number(words['ndcg@10']), Number(meaning['ndcg@10']));
  check(Number(both['ndcg@10']) > better, `${name}: the fused list is not above both arms`);
  return {
    [`${name} keywords`]: { ...rowOf(words), ...times },
    [`${name} vectors`]: rowOf(meaning),
    [`${name} fused`]: rowOf(both),
  };
}

function check(holds: boolean, otherwise: string): void {
  if (holds) return;
  console.error(otherwise);
  process.exitCode = 1;
}

function rowOf(scores: Scores): Record<string, string> {
  return Object.fromEntries(METRICS.map((metric) => [metric, Number(scores[metric]).toFixed(4)]));
}

function placesOf(list: List): number[] {
  return list.map(({ at }) => at);
}

function score({ set, judged }: Judged, found: readonly string[]): Scores {
  const folder = mkdtempSync(join(tmpdir(), 'limner-quality-'));
  const run = join(folder, 'run.tsv');
  writeFileSync(run, `query-id\tcorpus-id\trank\tscore\n${found.join('\n')}\n`);
  const [scorer, judgements] = [new URL('score.mjs', SETS), new URL(`${set}/${judged}`, SETS)];
  const files = [fileURLToPath(scorer), fileURLToPath(judgements), run];
  const answer = execFileSync(process.execPath, [...files, '--by-rank', '--json']);
  rmSync(folder, { recursive: true });
  return Scores.parse(JSON.parse(answer.toString()));
}
