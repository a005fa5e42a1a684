/**
 * Cuts a text in two near its middle, at white space if there is some in its middle half, and never inside a
 * surrogate pair. Nothing when the text is too short to be cut. Both parts hold more than white space.
 */
export function halve(text: string): [first: string, second: string] | undefined {
  const trimmed = text.trim();
  if (trimmed.length < 2) return undefined;
  const cut = nearestSpace(trimmed) ?? besidePair(trimmed, Math.floor(trimmed.length / 2));
  const halves = [trimmed.slice(0, cut).trimEnd(), trimmed.slice(cut).trimStart()] as const;
  return halves[0] && halves[1] ? [halves[0], halves[1]] : undefined;
}

function nearestSpace(text: string): number | undefined {
  const middle = Math.floor(text.length / 2);
  for (let away = 0; away <= text.length / 4; away += 1) {
    if (isSpace(text[middle - away])) return middle - away;
    if (isSpace(text[middle + away])) return middle + away;
  }
  return undefined;
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && /\s/.test(character);
}

function besidePair(text: string, cut: number): number {
  const isPair = /^[\uD800-\uDBFF][\uDC00-\uDFFF]$/.test(text.slice(cut - 1, cut + 1));
  return isPair ? cut + 1 : cut;
}

/** The mean of two vectors, each counting as much as its weight, at length 1. */
export function weightedMean(
  [one, oneWeight]: readonly [vector: Float32Array, weight: number],
  [other, otherWeight]: readonly [vector: Float32Array, weight: number],
): Float32Array | undefined {
  return normalize(one.map((value, index) => value * oneWeight + (other[index] ?? 0) * otherWeight));
}

/** At length 1 (L2). Nothing for a vector without a direction: all zeros, or not finite. */
export function normalize(vector: Float32Array): Float32Array | undefined {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return length > 0 && Number.isFinite(length) ? vector.map((value) => value / length) : undefined;
}
