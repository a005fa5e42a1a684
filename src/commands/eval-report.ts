import type { RankScores } from '../ask/rank-scores.ts';
import { ARMS, compare, means, percentile, type ArmName, type Results } from './eval-results.ts';

const NAMES: Record<ArmName, string> = { keyword: 'keywords', vector: 'meaning', fused: 'fused' };
const COLUMNS: [name: string, field: keyof RankScores][] = [
  ['nDCG@10', 'ndcg_at_10'],
  ['MRR@10', 'mrr_at_10'],
  ['recall@5', 'recall_at_5'],
  ['recall@10', 'recall_at_10'],
  ['recall@100', 'recall_at_100'],
];
/** How far the fused list may be below the better of the two. */
const GUARD = 0.005;

/** A table with a line for each arm. */
export function tableOf({ arms }: Results): string {
  const head = ['', ...COLUMNS.map(([name]) => name), 'p50 ms', 'p99 ms'];
  const lines = ARMS.flatMap((arm) => {
    const result = arms[arm];
    if (!result) return [[NAMES[arm], 'no embedding model is ready']];
    const scores = means(result);
    const times = [percentile(result, 0.5), percentile(result, 0.99)];
    return [
      [
        NAMES[arm],
        ...COLUMNS.map(([, field]) => scores[field].toFixed(4)),
        ...times.map((ms) => ms.toFixed(1)),
      ],
    ];
  });
  return [head, ...lines].map(aligned).join('\n');
}

function aligned([name = '', ...cells]: string[]): string {
  return [name.padEnd(10), ...cells.map((cell) => cell.padStart(10))].join(' ');
}

/** What changed since the saved results, a line for each arm that both have. */
export function differenceOf(now: Results, before: Results): string {
  const lines = ARMS.flatMap((arm) => {
    const [one, other] = [now.arms[arm], before.arms[arm]];
    if (!one || !other) return [];
    const [here, there] = [means(one), means(other)];
    const { questions, better, worse, p } = compare(one, other);
    const changes = COLUMNS.map(([name, field]) => `${name} ${signed(here[field] - there[field])}`);
    return [
      `${NAMES[arm]}: ${changes.join(', ')}; p50 ${signed(percentile(one, 0.5) - percentile(other, 0.5), 1)} ms`,
      `  of ${questions} questions ${better} better, ${worse} worse (nDCG@10, p = ${p.toFixed(3)})`,
    ];
  });
  return [`since ${before.made_at}:`, ...lines].join('\n');
}

function signed(value: number, digits = 4): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(digits)}`;
}

/** What another share of the keywords would have given. */
export function shareLine(best: { share: number; ndcg: number }, { arms: { fused } }: Results): string {
  const now = fused ? means(fused).ndcg_at_10 : 0;
  if (best.ndcg < now + GUARD) return 'no other LIMNER_KEYWORD_SHARE would have done clearly better\n';
  return `with LIMNER_KEYWORD_SHARE=${best.share} fused nDCG@10 would have been ${best.ndcg.toFixed(4)}\n`;
}

/** Why fusing costs more than it may; undefined where it does not, or where there is nothing to fuse. */
export function guardProblem({ arms }: Results): string | undefined {
  const { keyword, vector, fused } = arms;
  if (!keyword || !vector || !fused) return undefined;
  const better = Math.max(means(keyword).ndcg_at_10, means(vector).ndcg_at_10);
  const below = better - means(fused).ndcg_at_10;
  if (below <= GUARD) return undefined;
  return `fused nDCG@10 is ${below.toFixed(4)} below the better arm (at most ${GUARD}): the other arm is much weaker on these questions`;
}

/** Least values, and the longest time of one in a hundred. */
export interface Gates {
  ndcg?: number | undefined;
  mrr?: number | undefined;
  recall?: number | undefined;
  p99?: number | undefined;
}

/** A sentence for each gate that the fused list misses. */
export function missedGates({ arms: { fused } }: Results, gates: Gates): string[] {
  if (!fused) return ['nothing was measured'];
  const { ndcg_at_10, mrr_at_10, recall_at_10 } = means(fused);
  const slow = percentile(fused, 0.99);
  return [
    ...below('nDCG@10', ndcg_at_10, gates.ndcg),
    ...below('MRR@10', mrr_at_10, gates.mrr),
    ...below('recall@10', recall_at_10, gates.recall),
    ...(gates.p99 !== undefined && slow > gates.p99
      ? [`p99 is ${slow.toFixed(1)} ms, over ${gates.p99}`]
      : []),
  ];
}

function below(name: string, value: number, least: number | undefined): string[] {
  return least !== undefined && value < least ? [`${name} is ${value.toFixed(4)}, below ${least}`] : [];
}
