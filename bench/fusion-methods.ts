/** Ways to make one list of two, for the comparison. Each gives a score to every document of either list. */
import { fuse } from '../src/ask/fuse.ts';
import type { Hit } from '../src/store/store.ts';
import type { Found } from './judged-sets.ts';

export type List = readonly Found[];
export type Method = (keyword: List, vector: List) => number[];

type Scale = (list: List) => number[];

/** Scores of both lists, made comparable, put together; what a list lacks counts `missing` of it. */
function combine(
  scale: Scale,
  join: (values: [number, number], both: boolean) => number = ([one, other]) => one + other,
  missing: (scaled: readonly number[]) => number = () => 0,
): Method {
  return (...lists) => {
    const scaled = lists.map((list) => {
      const values = scale(list);
      return { of: new Map(list.map(({ at }, place) => [at, values[place] ?? 0])), lack: missing(values) };
    });
    const [one, other] = scaled;
    if (!one || !other) return [];
    return ordered(new Set([...one.of.keys(), ...other.of.keys()]), (at) =>
      join([one.of.get(at) ?? one.lack, other.of.get(at) ?? other.lack], one.of.has(at) && other.of.has(at)),
    );
  };
}

function ordered(places: Set<number>, score: (at: number) => number): number[] {
  return [...places]
    .map((at) => ({ at, score: score(at) }))
    .sort((one, other) => other.score - one.score || one.at - other.at)
    .map(({ at }) => at);
}

const ranks =
  (constant: number): Scale =>
  (list) =>
    list.map((_, place) => 1 / (constant + place + 1));
const minMax =
  (least?: number): Scale =>
  (list) => {
    const low = least ?? list.at(-1)?.score ?? 0;
    const high = list[0]?.score ?? 0;
    return list.map(({ score }) => (high === low ? 1 : (score - low) / (high - low)));
  };
const standard: Scale = (list) => {
  const mean = list.reduce((sum, { score }) => sum + score, 0) / list.length;
  const deviation =
    Math.sqrt(list.reduce((sum, { score }) => sum + (score - mean) ** 2, 0) / list.length) || 1;
  return list.map(({ score }) => (score - mean) / deviation);
};
const within3 = (value: number): number => Math.max(0, Math.min(1, (value + 3) / 6));
const weighted =
  (keyword: number) =>
  ([one, other]: [number, number]): number =>
    keyword * one + (1 - keyword) * other;
const exponential =
  (temperature: number): Scale =>
  (list) =>
    standard(list).map((value) => Math.exp(value / temperature));
const worstOf = (values: readonly number[]): number => Math.min(...values);

/** What the product does. */
export const SHIPPED: Method = (keyword, vector) =>
  fuse({ keyword: toHits(keyword), vector: toHits(vector) }).map(({ hits: [{ id }] }) => Number(id));

function toHits(list: List): Hit[] {
  return list.map(({ at, score }) => ({ id: at, document: at, text: at, score }));
}

export const METHODS: Record<string, Method> = {
  'RRF, k 10': combine(ranks(10)),
  'RRF, k 20': combine(ranks(20)),
  'RRF, k 60': combine(ranks(60)),
  'RRF, k 100': combine(ranks(100)),
  'inverse square ranks': combine((list) => list.map((_, place) => 1 / (place + 1) ** 2)),
  'min-max, keywords .3': combine(minMax(), weighted(0.3)),
  'min-max, equal': combine(minMax()),
  'min-max, keywords .6': combine(minMax(), weighted(0.6)),
  'min-max, keywords .7': combine(minMax(), weighted(0.7)),
  'theoretical min (0)': combine(minMax(0)),
  CombMNZ: combine(minMax(), ([one, other], both) => (one + other) * (both ? 2 : 1)),
  CombMAX: combine(minMax(), ([one, other]) => Math.max(one, other) + (one + other) / 100),
  'DBSF (3 deviations)': combine((list) => standard(list).map(within3)),
  'z-scores': combine(standard, undefined, worstOf),
  'exponential z, t .5': combine(exponential(0.5), undefined, worstOf),
  'exponential z, t 2': combine(exponential(2), undefined, worstOf),
  'exponential z, shares': combine(shares(exponential(1)), undefined, worstOf),
  'exponential z (shipped)': SHIPPED,
};

function shares(scale: Scale): Scale {
  return (list) => {
    const values = scale(list);
    const all = values.reduce((sum, value) => sum + value, 0);
    return values.map((value) => value / all);
  };
}
