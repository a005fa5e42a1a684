import type { Passage } from '../document.ts';
import type { Chosen, Hit, SearchLists } from '../store/store.ts';

/** A chunk of the fused list, with its copies in other documents behind it. */
export interface Fused extends Pick<Passage, 'score' | 'ranks' | 'scores'> {
  hits: [Hit, ...Hit[]];
}

/** A list with its scores made comparable: in standard deviations from the list's mean. */
interface Arm {
  name: 'keyword' | 'vector';
  list: readonly Hit[];
  standard: (score: number) => number;
  /** What a passage counts here that the list does not hold. */
  floor: number;
  /** Logarithm of the arm's share, 0 where both have the same. */
  lead: number;
}

/** Both arms count the same. */
const EQUAL_SHARE = 0.5;

/**
 * One list from two. Each list's scores are standardised (z-scores), and a passage is worth the logarithm of the
 * sum of their exponentials, a soft maximum: as much as the better list says, and up to ln 2 more when both agree.
 * A list that has no opinion (its scores fall evenly) so adds little to one that has, which is what keeps a weak arm
 * from spoiling a strong one; docs/decisions/0050 has the figures and those of what lost.
 *
 * Scores are given as 0 to 1: 1 is a passage that is first in both lists, 0 one that is last in both. With one list
 * empty the other's order stands. `share` is that of the keywords, from 0 to 1.
 * Equal contents collapse into the best, which names the documents of the others.
 */
export function fuse({ keyword, vector }: SearchLists, share = EQUAL_SHARE): Fused[] {
  const length = Math.max(keyword.length, vector.length);
  // What a short list of keywords leaves out holds none of them, and would score 0.
  const arms = [
    createArm('keyword', keyword, { length, share, rest: 0 }),
    createArm('vector', vector, { length, share: 1 - share }),
  ].filter(({ list }) => list.length > 0);
  const floors = arms.map(({ floor, lead }) => floor + lead);
  const worst = softMaximum(floors);
  const best = softMaximum(arms.map(({ list, standard, lead }) => standard(list[0]?.score ?? 0) + lead));
  const shown = (value: number): number => (best === worst ? 1 : (value - worst) / (best - worst));
  const merged = merge(arms).map(({ hits, ranks, scores, values }) => ({
    hits,
    ranks,
    scores,
    score: shown(softMaximum(floors.map((floor, arm) => values[arm] ?? floor))),
  }));
  return joinCopies(merged.sort(byScore));
}

/** `rest` is the score of what the list would hold if it were `length` long; its worst when left out. */
function createArm(
  name: Arm['name'],
  list: readonly Hit[],
  { length, share, rest = list.at(-1)?.score ?? 0 }: { length: number; share: number; rest?: number },
): Arm {
  const scores = list.map(({ score }) => score);
  const missing = length - list.length;
  const mean = (sum(scores) + missing * rest) / length;
  const squares = sum(scores.map((score) => (score - mean) ** 2)) + missing * (rest - mean) ** 2;
  const deviation = Math.sqrt(squares / length) || 1;
  const standard = (score: number): number => (score - mean) / deviation;
  return {
    name,
    list,
    standard,
    floor: standard(missing > 0 ? rest : (scores.at(-1) ?? 0)),
    lead: Math.log(share / EQUAL_SHARE),
  };
}

interface Merged extends Pick<Fused, 'hits' | 'ranks'> {
  scores: NonNullable<Fused['scores']>;
  /** Its standardised score in each arm that holds it. */
  values: (number | undefined)[];
}

/** Every chunk once. */
function merge(arms: readonly Arm[]): Merged[] {
  const merged = new Map<Hit['id'], Merged>();
  for (const [arm, { name, list, standard, lead }] of arms.entries())
    for (const [place, hit] of list.entries()) {
      const { hits, values, ranks, scores } = merged.get(hit.id) ?? {
        hits: [hit],
        values: [],
        ranks: {},
        scores: {},
      };
      values[arm] = standard(hit.score) + lead;
      merged.set(hit.id, {
        hits,
        values,
        ranks: { ...ranks, [name]: place + 1 },
        scores: { ...scores, [name]: hit.score },
      });
    }
  return [...merged.values()];
}

function softMaximum(values: readonly number[]): number {
  return Math.log(sum(values.map(Math.exp)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Best first, and what is worth the same in the order of the names. */
function byScore(one: Fused, other: Fused): number {
  const [mine, theirs] = [one.hits[0].id, other.hits[0].id];
  return other.score - one.score || (mine < theirs ? -1 : Number(mine > theirs));
}

/** The same words in two documents are one passage with both names. */
function joinCopies(fused: readonly Fused[]): Fused[] {
  const first = new Map<Hit['text'], Fused>();
  for (const one of fused) {
    const [hit] = one.hits;
    const known = first.get(hit.text);
    if (!known) first.set(hit.text, one);
    else if (known.hits.every(({ document }) => document !== hit.document)) known.hits.push(hit);
  }
  return [...first.values()];
}

/** What was chosen of the fused list, as it was read. */
export function toPassages(chosen: readonly Chosen<Fused>[]): Passage[] {
  return chosen.flatMap(({ hits: _hits, chunks: [chunk, ...copies], ...fused }) =>
    chunk
      ? [{ ...chunk, ...fused, ...(copies.length > 0 && { also: copies.map(({ document }) => document) }) }]
      : [],
  );
}

/**
 * Lets no document crowd out the rest: what goes over its share of the first `limit` places stands behind all others,
 * so that it still fills places that nothing else wants.
 */
export function spread<T>(list: readonly T[], limit: number, documentOf: (one: T) => Hit['document']): T[] {
  const most = Math.max(2, Math.ceil(limit / 2));
  const counts = new Map<Hit['document'], number>();
  const over: T[] = [];
  const within = list.filter((one) => {
    const document = documentOf(one);
    const count = (counts.get(document) ?? 0) + 1;
    counts.set(document, count);
    return count <= most || (over.push(one), false);
  });
  return [...within, ...over].slice(0, limit);
}
