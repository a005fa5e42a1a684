/** How well one ranking answers one question. All from 0 to 1. */
export interface RankScores {
  ndcg_at_10: number;
  mrr_at_10: number;
  recall_at_5: number;
  recall_at_10: number;
  recall_at_100: number;
}

/**
 * Scores a ranking, best first and without repetitions, against what is relevant and how much (above 0). As trec_eval and BEIR count: the gain is
 * the relevance itself, the discount log2(rank + 1), the ideal made of everything relevant (Järvelin and Kekäläinen, 2002).
 */
export function scoreRanking(found: readonly string[], relevant: ReadonlyMap<string, number>): RankScores {
  const gains = found.map((id) => relevant.get(id) ?? 0);
  const ideal = [...relevant.values()].sort((one, other) => other - one);
  const recall = (depth: number): number =>
    gains.slice(0, depth).filter((gain) => gain > 0).length / relevant.size;
  const first = gains.slice(0, 10).findIndex((gain) => gain > 0);
  return {
    ndcg_at_10: discounted(gains) / discounted(ideal),
    mrr_at_10: first === -1 ? 0 : 1 / (first + 1),
    recall_at_5: recall(5),
    recall_at_10: recall(10),
    recall_at_100: recall(100),
  };
}

/** The means over several rankings; all 0 for none. */
export function meanScores(all: readonly RankScores[]): RankScores {
  const mean = (name: keyof RankScores): number =>
    all.reduce((sum, scores) => sum + scores[name], 0) / Math.max(1, all.length);
  return {
    ndcg_at_10: mean('ndcg_at_10'),
    mrr_at_10: mean('mrr_at_10'),
    recall_at_5: mean('recall_at_5'),
    recall_at_10: mean('recall_at_10'),
    recall_at_100: mean('recall_at_100'),
  };
}

function discounted(gains: readonly number[]): number {
  return gains.slice(0, 10).reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
}
