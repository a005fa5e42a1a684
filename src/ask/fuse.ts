import type { Passage } from '../document.ts';
import type { SearchLists } from '../store/store.ts';

/** A list with its scores made comparable: in standard deviations from the list's mean. */
interface Arm {
  name: 'keyword' | 'vector';
  list: readonly Passage[];
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
export function fuse({ keyword, vector }: SearchLists, share = EQUAL_SHARE): Passage[] {
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
  const merged = merge(arms);
  for (const { passage, values } of merged)
    passage.score = shown(softMaximum(floors.map((floor, arm) => values[arm] ?? floor)));
  return joinCopies(merged.map(({ passage }) => passage).sort(byScore));
}

/** `rest` is the score of what the list would hold if it were `length` long; its worst when left out. */
function createArm(
  name: Arm['name'],
  list: readonly Passage[],
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

interface Merged {
  /** A copy, whose score is to be set. */
  passage: Passage;
  /** Its standardised score in each arm that holds it. */
  values: (number | undefined)[];
}

/** Every passage once. */
function merge(arms: readonly Arm[]): Merged[] {
  const merged = new Map<string, Merged>();
  for (const [arm, { name, list, standard, lead }] of arms.entries())
    for (const passage of list) {
      const key = `${passage.document.id}/${passage.ordinal}`;
      const known = merged.get(key);
      const values = known?.values ?? [];
      values[arm] = standard(passage.score) + lead;
      const ranks = { ...known?.passage.ranks, ...passage.ranks };
      const scores = { ...known?.passage.scores, [name]: passage.score };
      merged.set(key, { passage: { ...passage, ranks, scores }, values });
    }
  return [...merged.values()];
}

function softMaximum(values: readonly number[]): number {
  return Math.log(sum(values.map(Math.exp)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
function byScore(one: Passage, other: Passage): number {
  return (
    other.score - one.score || one.document.id.localeCompare(other.document.id) || one.ordinal - other.ordinal
  );
}

/** The same words in two documents are one passage with both names. */
function joinCopies(passages: readonly Passage[]): Passage[] {
  const first = new Map<string, Passage>();
  for (const passage of passages) {
    const known = first.get(passage.text);
    if (!known) first.set(passage.text, passage);
    else if (![known.document, ...(known.also ?? [])].some(({ id }) => id === passage.document.id))
      first.set(passage.text, { ...known, also: [...(known.also ?? []), passage.document] });
  }
  return [...first.values()];
}

/**
 * Lets no document crowd out the rest: what goes over its share of the first `limit` places stands behind all others,
 * so that it still fills places that nothing else wants.
 */
export function spread(passages: readonly Passage[], limit: number): Passage[] {
  const most = Math.max(2, Math.ceil(limit / 2));
  const counts = new Map<string, number>();
  const over: Passage[] = [];
  const within = passages.filter((passage) => {
    const count = (counts.get(passage.document.id) ?? 0) + 1;
    counts.set(passage.document.id, count);
    return count <= most || (over.push(passage), false);
  });
  return [...within, ...over].slice(0, limit);
}
