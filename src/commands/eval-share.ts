import { fuse } from '../ask/fuse.ts';
import { meanScores, scoreRanking } from '../ask/rank-scores.ts';
import type { Hit as StoreHit } from '../store/store.ts';
import { judge, type Hit, type Question } from './eval-questions.ts';

/** A hit of one arm alone. */
export interface ArmHit extends Hit {
  document: { id: string; uri: string };
  ordinal: number;
  scores: { keyword: number | null; vector: number | null };
}

/** What both arms answered to one question. */
export interface Lists {
  question: Question;
  keyword: readonly ArmHit[];
  vector: readonly ArmHit[];
}

const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];

/** The share of keywords with which the fused lists would have done best, and their nDCG@10 then. */
export function bestShare(all: readonly Lists[]): { share: number; ndcg: number } {
  const tried = SHARES.map((share) => ({ share, ndcg: ndcgWith(all, share) }));
  return tried.reduce((best, one) => (one.ndcg > best.ndcg + 1e-9 ? one : best));
}

function ndcgWith(all: readonly Lists[], share: number): number {
  const scores = all.map(({ question, keyword, vector }) => {
    const found = new Map([...keyword, ...vector].map((hit) => [nameOf(hit), hit]));
    const fused = fuse({ keyword: listOf(keyword, 'keyword'), vector: listOf(vector, 'vector') }, share);
    // Copies were put together when the arms answered.
    const { ranking, relevant } = judge(
      question,
      fused.flatMap(({ hits: [{ id }] }) => found.get(String(id)) ?? []),
    );
    return scoreRanking(ranking, relevant);
  });
  return meanScores(scores).ndcg_at_10;
}

const nameOf = ({ document, ordinal }: ArmHit): string => `${document.id}/${ordinal}`;

function listOf(hits: readonly ArmHit[], arm: 'keyword' | 'vector'): StoreHit[] {
  return hits.map((hit) => ({
    id: nameOf(hit),
    document: hit.document.id,
    text: nameOf(hit),
    score: hit.scores[arm] ?? 0,
  }));
}
