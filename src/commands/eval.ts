import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { scoreRanking } from '../ask/rank-scores.ts';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { judge, readQuestions, type Question } from './eval-questions.ts';
import { differenceOf, guardProblem, missedGates, shareLine, tableOf, type Gates } from './eval-report.ts';
import { ARMS, readResults, saveResults, type ArmName, type Results } from './eval-results.ts';
import { bestShare, type Lists } from './eval-share.ts';
import { openService, type Service } from './service.ts';

const USAGE = `usage: limner eval [FILE.csv or FILE.jsonl] [--collection NAME] [--save FILE] [--against FILE] [--run FILE]
         [--min-ndcg N] [--min-mrr N] [--min-recall N] [--max-p99 MS] [--guard]

Without a file the golden questions are asked (POST /api/golden). docs/evaluation.md describes the files.
`;

const DEPTH = 100;

const Named = z.object({ id: z.string(), uri: z.string() });
const Score = z.number().nullable();
const FoundHit = z.object({
  document: Named,
  also: z.array(Named),
  ordinal: z.number(),
  text: z.string(),
  scores: z.object({ keyword: Score, vector: Score }),
});
const Answer = z.object({
  hits: z.array(FoundHit),
  arms: z.object({ keyword: z.number(), vector: z.number() }),
});
const Golden = z.object({
  data: z.array(z.object({ id: z.string(), question: z.string(), documents: z.array(z.string()) })),
});

/** Asks every question of each arm and of both, and tells how well they do; 1 when a gate is missed. */
export async function evaluate(context: Context): Promise<number> {
  const { file, options, gates } = readArgs(context.args);
  const against = options.against === undefined ? undefined : await readResults(options.against);
  const service = await openService(context);
  try {
    const questions = file === undefined ? await goldenQuestions(service) : await readQuestions(file);
    const { results, run, lists } = await measure(service, questions, options.collection);
    process.stdout.write(
      `${questions.length} questions, the first ${DEPTH} passages of each\n${tableOf(results)}\n`,
    );
    if (results.arms.vector) process.stdout.write(shareLine(bestShare(lists), results));
    if (against) process.stdout.write(`${differenceOf(results, against)}\n`);
    if (options.save !== undefined) await saveResults(options.save, results);
    if (options.run !== undefined) await writeFile(options.run, run);
    const problem = guardProblem(results);
    const missed = [
      ...missedGates(results, gates),
      ...(problem !== undefined && options.guard ? [problem] : []),
    ];
    if (problem !== undefined && !options.guard) process.stdout.write(`note: ${problem}\n`);
    for (const one of missed) process.stderr.write(`missed: ${one}\n`);
    return missed.length > 0 ? 1 : 0;
  } finally {
    await service.close();
  }
}

function readArgs(args: string[]) {
  const text = { type: 'string' } as const;
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        collection: text,
        save: text,
        against: text,
        run: text,
        'min-ndcg': text,
        'min-mrr': text,
        'min-recall': text,
        'max-p99': text,
        guard: { type: 'boolean', default: false },
      },
    });
    if (positionals.length > 1) throw new TypeError('One file at a time.');
    const gates: Gates = {
      ndcg: gate(values['min-ndcg']),
      mrr: gate(values['min-mrr']),
      recall: gate(values['min-recall']),
      p99: gate(values['max-p99']),
    };
    return { file: positionals[0], options: values, gates };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new LimnerError('invalid_request', `${error.message}\n${USAGE}`, { cause: error });
  }
}

function gate(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const least = Number(value);
  if (value.trim() === '' || !Number.isFinite(least)) throw new TypeError(`${value} is no number.`);
  return least;
}

async function goldenQuestions(service: Service): Promise<Question[]> {
  const { data } = await service.call(Golden, 'GET', '/api/golden');
  if (data.length === 0)
    throw new LimnerError(
      'invalid_request',
      `There are no golden questions, and no file was named.\n${USAGE}`,
    );
  return data.map(({ id, question, documents }) => ({
    id,
    question,
    right: documents.map((document) => ({ document, grade: 1 })),
  }));
}

/** With the results the ranking of both arms together, in the form that scorers read, and what each arm answered. */
async function measure(service: Service, questions: readonly Question[], collection: string | undefined) {
  const results: Results = {
    made_at: new Date().toISOString(),
    questions: questions.map(({ question }) => question),
    arms: {},
  };
  const lines: string[] = [];
  const lists: Lists[] = questions.map((question) => ({ question, keyword: [], vector: [] }));
  for (const arm of ARMS)
    for (const [at, one] of questions.entries()) {
      const { hits, arms, ms } = await ask(service, one.question, arm, collection);
      if (arm === 'vector' && arms.vector === 0) continue;
      const { ranking, relevant } = judge(one, hits);
      const both = lists[at];
      if (both && arm !== 'fused') both[arm] = hits;
      const result = (results.arms[arm] ??= { scores: {}, ms: [] });
      result.scores[one.id] = scoreRanking(ranking, relevant);
      result.ms.push(ms);
      if (arm === 'fused') lines.push(...runLines(one.id, hits));
    }
  return { results, run: `query-id\tcorpus-id\trank\tscore\n${lines.join('\n')}\n`, lists };
}

async function ask(service: Service, query: string, arm: ArmName, collection: string | undefined) {
  const since = performance.now();
  const body = {
    query,
    limit: DEPTH,
    ...(arm !== 'fused' && { arm }),
    ...(collection !== undefined && { collection }),
  };
  const answer = await service.call(Answer, 'POST', '/api/search', body);
  return { ...answer, ms: performance.now() - since };
}

function runLines(id: string, hits: z.infer<typeof Answer>['hits']): string[] {
  const uris = [...new Set(hits.map(({ document }) => document.uri))];
  return uris.map((uri, at) => `${id}\t${uri}\t${at + 1}\t${uris.length - at}`);
}
