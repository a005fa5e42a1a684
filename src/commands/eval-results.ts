import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { meanScores, type RankScores } from '../ask/rank-scores.ts';

export const ARMS = ['keyword', 'vector', 'fused'] as const;
export type ArmName = (typeof ARMS)[number];

/** How one arm did on every question, by its id, and how long each took. */
export interface ArmResult {
  scores: Record<string, RankScores>;
  /** Milliseconds, in the order of the questions. */
  ms: number[];
}

/** What is saved, and compared with later. An arm that nothing answers with is left out. */
export interface Results {
  /** ISO 8601 UTC. */
  made_at: string;
  /** What was asked, to notice another set of questions. */
  questions: string[];
  arms: Partial<Record<ArmName, ArmResult>>;
}

const Scores = z.object({
  ndcg_at_10: z.number(),
  mrr_at_10: z.number(),
  recall_at_5: z.number(),
  recall_at_10: z.number(),
  recall_at_100: z.number(),
});
const Arm = z.object({ scores: z.record(z.string(), Scores), ms: z.array(z.number()) });
const Saved = z.object({
  made_at: z.string(),
  questions: z.array(z.string()),
  arms: z.partialRecord(z.enum(ARMS), Arm),
});

export async function readResults(path: string): Promise<Results> {
  return Saved.parse(JSON.parse(await readFile(path, 'utf8')));
}

export async function saveResults(path: string, results: Results): Promise<void> {
  await writeFile(path, `${JSON.stringify(results, null, 1)}\n`);
}

export function means({ scores }: ArmResult): RankScores {
  return meanScores(Object.values(scores));
}

/** The time within which this share of the questions was answered. */
export function percentile({ ms }: ArmResult, share: number): number {
  const sorted = ms.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export interface Comparison {
  /** Questions that both have. */
  questions: number;
  better: number;
  worse: number;
  /** Chance of a difference in nDCG@10 as large or larger where there is none: paired randomisation test. */
  p: number;
}

const SHUFFLES = 10_000;

/** Compares what one arm does now with what it did, question by question, on nDCG@10. */
export function compare(now: ArmResult, before: ArmResult, random: () => number = Math.random): Comparison {
  const changes = Object.entries(now.scores).flatMap(([id, { ndcg_at_10 }]) => {
    const earlier = before.scores[id];
    return earlier ? [ndcg_at_10 - earlier.ndcg_at_10] : [];
  });
  const total = Math.abs(changes.reduce((sum, change) => sum + change, 0));
  let asLarge = 0;
  for (let shuffle = 0; shuffle < SHUFFLES; shuffle++) {
    const sum = changes.reduce((all, change) => all + (random() < 0.5 ? change : -change), 0);
    if (Math.abs(sum) >= total - 1e-12) asLarge++;
  }
  return {
    questions: changes.length,
    better: changes.filter((change) => change > 0).length,
    worse: changes.filter((change) => change < 0).length,
    p: (asLarge + 1) / (SHUFFLES + 1),
  };
}
