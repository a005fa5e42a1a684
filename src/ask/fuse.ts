import type { Passage } from '../document.ts';
import type { SearchLists } from '../store/store.ts';

/** Share of the keyword list in the fused score; the rest is the vector list's. */
const KEYWORD_WEIGHT = 0.5;

/**
 * One list from two: each list's scores are normalised to 0..1 (min-max) and summed with weights, so that a
 * clear winner of one list keeps its lead, which ranks alone would lose. A passage that one list lacks counts
 * there as its worst. With one list empty the other's order stands. Equal contents collapse into the best, which names the
 * documents of the others.
 */
export function fuse({ keyword, vector }: SearchLists): Passage[] {
  const weight = vector.length === 0 ? 1 : keyword.length === 0 ? 0 : KEYWORD_WEIGHT;
  const merged = new Map<string, Passage>();
  addList(merged, 'keyword', keyword, weight);
  addList(merged, 'vector', vector, 1 - weight);
  return joinCopies([...merged.values()].sort(byScore));
}

function addList(
  merged: Map<string, Passage>,
  name: 'keyword' | 'vector',
  list: readonly Passage[],
  weight: number,
): void {
  const best = list[0]?.score ?? 0;
  const worst = list.at(-1)?.score ?? 0;
  for (const passage of list) {
    const share = best === worst ? 1 : (passage.score - worst) / (best - worst);
    const key = `${passage.document.id}/${passage.ordinal}`;
    const known = merged.get(key);
    merged.set(key, {
      ...passage,
      score: (known?.score ?? 0) + weight * share,
      ranks: { ...known?.ranks, ...passage.ranks },
      scores: { ...known?.scores, [name]: passage.score },
    });
  }
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
