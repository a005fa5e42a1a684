import type { Passage } from '../document.ts';
import type { SearchLists } from '../store/store.ts';

/** Share of the keyword list in the fused score; the rest is the vector list's. */
const KEYWORD_WEIGHT = 0.5;

/**
 * One list from two: each list's scores are normalised to 0..1 (min-max) and summed with weights, so that a
 * clear winner of one list keeps its lead, which ranks alone would lose. A passage that one list lacks counts
 * there as its worst. With one list empty the other's order stands. Equal contents collapse into the best.
 */
export function fuse({ keyword, vector }: SearchLists): Passage[] {
  const weight = vector.length === 0 ? 1 : keyword.length === 0 ? 0 : KEYWORD_WEIGHT;
  const merged = new Map<string, Passage>();
  addList(merged, keyword, weight);
  addList(merged, vector, 1 - weight);
  return dropCopies([...merged.values()].sort(byScore));
}

function addList(merged: Map<string, Passage>, list: readonly Passage[], weight: number): void {
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
    });
  }
}

function byScore(one: Passage, other: Passage): number {
  return (
    other.score - one.score || one.document.id.localeCompare(other.document.id) || one.ordinal - other.ordinal
  );
}

function dropCopies(passages: readonly Passage[]): Passage[] {
  const seen = new Set<string>();
  return passages.filter(({ text }) => !seen.has(text) && seen.add(text));
}
