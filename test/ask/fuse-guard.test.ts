import { describe, expect, test } from 'vitest';
import { fuse } from '../../src/ask/fuse.ts';
import { meanScores, scoreRanking } from '../../src/ask/rank-scores.ts';
import type { Hit, SearchLists } from '../../src/store/store.ts';
import { createRandom } from '../../bench/corpus.ts';

/**
 * A collection of made-up scores: every document is somewhat near to every question, which both arms see, each with
 * errors of its own; the right document is lifted by each arm as far as it is strong. Keywords have a long tail.
 */
const QUESTIONS = 400;
const DOCUMENTS = 400;
const DEPTH = 50;
const KEYWORD_LIFT = 4.5;

function createArms(vectorLift: number) {
  const random = createRandom(11);
  const normal = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: QUESTIONS }, () => {
    const nearness = Array.from({ length: DOCUMENTS }, normal);
    const keyword = nearness.map((near, at) => Math.exp((near + normal() + lift(at, KEYWORD_LIFT)) / 2));
    const vector = nearness.map((near, at) => 0.5 + (near + normal() + lift(at, vectorLift)) / 20);
    return { keyword: listOf(keyword), vector: listOf(vector) };
  });

  function lift(at: number, most: number): number {
    return at === 0 ? 2 * most * random() : 0;
  }
}

function listOf(scores: readonly number[]): Hit[] {
  return scores
    .map((score, at) => ({ id: String(at), document: at, text: at, score }))
    .sort((one, other) => other.score - one.score)
    .slice(0, DEPTH);
}

const RIGHT = new Map([['0', 1]]);

function ndcg(lists: readonly (readonly Hit[])[]): number {
  const scores = lists.map((list) =>
    scoreRanking(
      list.map(({ id }) => String(id)),
      RIGHT,
    ),
  );
  return meanScores(scores).ndcg_at_10;
}

const fused = (lists: SearchLists): Hit[] => fuse(lists).map(({ hits }) => hits[0]);

/** The order that ranks alone would make (reciprocal rank fusion, k = 60). */
function byRanks({ keyword, vector }: SearchLists): Hit[] {
  const hits = new Map([...keyword, ...vector].map((one) => [one.id, one]));
  const share = (list: readonly Hit[], wanted: Hit): number => {
    const at = list.findIndex(({ id }) => id === wanted.id);
    return at === -1 ? 0 : 1 / (61 + at);
  };
  const score = (hit: Hit): number => share(keyword, hit) + share(vector, hit);
  return [...hits.values()].sort((one, other) => score(other) - score(one));
}

/** How far the fused list is above the better of its arms, and how good these are. */
function measure(vectorLift: number, how = fused) {
  const arms = createArms(vectorLift);
  const keyword = ndcg(arms.map((lists) => lists.keyword));
  const vector = ndcg(arms.map((lists) => lists.vector));
  return { keyword, vector, above: ndcg(arms.map(how)) - Math.max(keyword, vector) };
}

describe('the fused list beside its better arm', () => {
  test.each([
    ['much weaker', 2],
    ['weaker', 3],
    ['as strong', 4.5],
    ['stronger', 6],
    ['much stronger', 8],
  ])('is not worse by more than .005 when the second arm is %s', (_, lift) => {
    expect(measure(lift).above).toBeGreaterThanOrEqual(-0.005);
  });

  test('is better than both when they are about as good', () => {
    expect(measure(4.5).above).toBeGreaterThan(0.05);
  });

  test('would be worse if ranks alone were fused', () => {
    expect(measure(2, byRanks).above).toBeLessThan(-0.005);
  });

  test('the arms are as different as they are said to be', () => {
    const [weak, equal, strong] = [2, 4.5, 8].map((lift) => measure(lift));
    expect(weak?.vector).toBeLessThan(0.25);
    expect(Math.abs((equal?.vector ?? 0) - (equal?.keyword ?? 1))).toBeLessThan(0.05);
    expect(strong?.vector).toBeGreaterThan((strong?.keyword ?? 1) + 0.1);
  });
});
