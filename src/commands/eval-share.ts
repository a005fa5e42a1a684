import { fuse } from '../ask/fuse.ts';
import { meanScores, scoreRanking } from '../ask/rank-scores.ts';
import type { Passage } from '../document.ts';
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
    const lists = { keyword: keyword.map(toPassage('keyword')), vector: vector.map(toPassage('vector')) };
    const hits = fuse(lists, share).map(({ document, text, also = [] }) => ({ document, text, also }));
    const { ranking, relevant } = judge(question, hits);
    return scoreRanking(ranking, relevant);
  });
  return meanScores(scores).ndcg_at_10;
}

/** As much of a passage as fusing needs. */
function toPassage(arm: 'keyword' | 'vector') {
  return ({ document, ordinal, text, scores, also }: ArmHit): Passage => ({
    document: { ...document, title: '', collection: '' },
    ordinal,
    text,
    span: [0, text.length],
    score: scores[arm] ?? 0,
    ranks: {},
    also: also.map(({ uri }) => ({ id: uri, uri, title: '', collection: '' })),
  });
}
