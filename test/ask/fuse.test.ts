import { expect, test } from 'vitest';
import { fuse, spread, type Fused } from '../../src/ask/fuse.ts';
import type { Hit } from '../../src/store/store.ts';

type Scores = Record<string, number>;

/** A list as a store answers it: names with their scores, best first. */
function listOf(scores: Scores): Hit[] {
  return Object.entries(scores).map(([id, score]) => ({ id, document: id, text: `text of ${id}`, score }));
}

function fused(keyword: Scores, vector: Scores): Fused[] {
  return fuse({ keyword: listOf(keyword), vector: listOf(vector) });
}

function order(list: readonly Fused[]): Hit['id'][] {
  return list.map(({ hits: [{ id }] }) => id);
}

test('a passage is worth what the better list says, and more when both agree', () => {
  const found = fused({ a: 10, b: 6, c: 2 }, { c: 0.9, a: 0.8, b: 0.4 });
  expect(order(found)).toEqual(['a', 'c', 'b']);
  // The z-scores of the keywords are 1.2247, 0, -1.2247, those of the vectors 0.9258, 0.4629, -1.3887.
  const values = [
    [1.2247, 0.4629],
    [-1.2247, 0.9258],
    [0, -1.3887],
  ].map(([one = 0, other = 0]) => Math.log(Math.exp(one) + Math.exp(other)));
  const worst = Math.log(Math.exp(-1.2247) + Math.exp(-1.3887));
  const best = Math.log(Math.exp(1.2247) + Math.exp(0.9258));
  expect(found.map(({ score }) => score)).toEqual(
    values.map((value) => expect.closeTo((value - worst) / (best - worst), 3)),
  );
  expect(found[0]?.ranks).toEqual({ keyword: 1, vector: 2 });
});

test('scores are from 0 to 1: first in both lists is 1, last in both 0', () => {
  const found = fused({ a: 5, b: 3, c: 1 }, { a: 0.7, b: 0.6, c: 0.2 });
  expect(found.map(({ score }) => score)).toEqual([1, expect.any(Number), 0]);
  expect(fused({ a: 5 }, { a: 0.5 }).map(({ score }) => score)).toEqual([1]);
});

test('what one list lacks counts there as its worst', () => {
  const found = fused({ a: 5, b: 1 }, { c: 0.7, b: 0.2 });
  const [a, b, c] = ['a', 'b', 'c'].map((id) => found.find(({ hits }) => hits[0].id === id));
  expect(a?.score).toBeCloseTo(c?.score ?? 0, 9);
  expect(b?.score).toBe(0);
  expect(a?.ranks).toEqual({ keyword: 1 });
});

test('a word that hardly anything holds finds it, however many passages are near in meaning', () => {
  const near = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`near ${at}`, 0.8 / (1 + at / 50)]));
  expect(order(fused({ rare: 7 }, near))[0]).toBe('rare');
  expect(order(fused({ rare: 7, other: 6.5 }, near)).slice(0, 2)).toEqual(['rare', 'other']);
});

test('a share lets one of the lists lead', () => {
  const lists = {
    keyword: listOf({ a: 9, b: 2, c: 1 }),
    vector: listOf({ c: 0.9, b: 0.4, a: 0.3 }),
  };
  expect(order(fuse(lists, 0.9))[0]).toBe('a');
  expect(order(fuse(lists, 0.1))[0]).toBe('c');
  expect(fuse(lists, 0.5)).toEqual(fuse(lists));
  expect(order(fuse({ ...lists, vector: [] }, 0.1))).toEqual(['a', 'b', 'c']);
  for (const { score } of fuse(lists, 0.99)) expect(score >= 0 && score <= 1).toBe(true);
});

test('with one list empty the order of the other stands', () => {
  expect(order(fused({ a: 3, b: 2, c: 1 }, {}))).toEqual(['a', 'b', 'c']);
  expect(order(fused({}, { a: 0.3, b: 0.2, c: 0.1 }))).toEqual(['a', 'b', 'c']);
  expect(fused({ a: 3, b: 1 }, {}).map(({ score }) => score)).toEqual([1, 0]);
  expect(fused({}, {})).toEqual([]);
});

test('a clear winner of the keyword list stays on top of passages that are fair in both', () => {
  const keyword = { rare: 30, p: 4, q: 3.9, r: 3.8, s: 3.5 };
  const vector = { p: 0.62, q: 0.61, rare: 0.6, r: 0.59, s: 0.4 };
  expect(order(fused(keyword, vector))[0]).toBe('rare');
});

test('negative scores are scores', () => {
  expect(order(fused({}, { a: -0.1, b: -0.5 }))).toEqual(['a', 'b']);
});

test('ties are in one order, whatever the order of the lists', () => {
  const one = order(fused({ a: 1, b: 1, c: 1 }, { c: 0.5, b: 0.5, a: 0.5 }));
  const other = order(fused({ c: 1, b: 1, a: 1 }, { a: 0.5, c: 0.5, b: 0.5 }));
  expect(one).toEqual(['a', 'b', 'c']);
  expect(other).toEqual(one);
});

test('chunks of one document are told apart, and ties are in their order', () => {
  const [first, second] = [2, 1].map((id) => ({ id, document: 7, text: id, score: 1 }));
  if (!first || !second) throw new Error('unreachable');
  expect(order(fuse({ keyword: [first, second], vector: [] }))).toEqual([1, 2]);
});

test('copies collapse into the best one, and name each document once', () => {
  const keyword: Hit[] = [
    { id: 'original', document: 1, text: 'same words', score: 3 },
    { id: 'again', document: 1, text: 'same words', score: 2.5 },
    { id: 'copy', document: 2, text: 'same words', score: 2 },
    { id: 'other', document: 3, text: 'other words', score: 1 },
  ];
  const found = fuse({ keyword, vector: [] });
  expect(found.map(({ hits }) => hits.map(({ id }) => id))).toEqual([['original', 'copy'], ['other']]);
});

test('the score of each list is told beside the fused one', () => {
  const [a, c] = fused({ a: 10, b: 2 }, { c: 0.9, a: 0.8 });
  expect(a?.scores).toEqual({ keyword: 10, vector: 0.8 });
  expect(c?.scores).toEqual({ vector: 0.9 });
});

test('no document takes more than half of the places that others want, and all that nobody wants', () => {
  const long = Array.from({ length: 8 }, (_, at) => ({ document: 'long', at }));
  const others = ['x', 'y', 'z'].map((document) => ({ document, at: 0 }));
  const places = (list: readonly (typeof long)[number][], limit: number) =>
    spread(list, limit, ({ document }) => document);
  const names = (limit: number) => places([...long, ...others], limit).map(({ document }) => document);
  expect(names(6)).toEqual(['long', 'long', 'long', 'x', 'y', 'z']);
  expect(names(8)).toEqual([...Array<string>(4).fill('long'), 'x', 'y', 'z', 'long']);
  expect(places(long, 4).map(({ at }) => at)).toEqual([0, 1, 2, 3]);
  expect(names(1)).toEqual(['long']);
});
