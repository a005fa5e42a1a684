import { besideProse, type Span } from '../document.ts';

/** Measures stretches of a text by their prose: what this leaves out of links counts for nothing. */
export interface ProseLength {
  between(start: number, end: number): number;
  /** Where so many characters of prose are over. */
  after(start: number, characters: number): number;
  /** The offset itself, or the end of what is left out around it. */
  outside(at: number): number;
}

const PLAIN: ProseLength = {
  between: (start, end) => end - start,
  after: (start, characters) => start + characters,
  outside: (at) => at,
};

export function measureProse(text: string): ProseLength {
  const spans = [...besideProse(text)];
  if (spans.length === 0) return PLAIN;
  const before: number[] = [0];
  for (const [start, end] of spans) before.push((before.at(-1) ?? 0) + end - start);

  /** How many spans begin before `at`. */
  function count(at: number): number {
    let [low, high] = [0, spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((spans[middle]?.[0] ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function leftOutBefore(at: number): number {
    const last = count(at);
    return (before[last] ?? 0) - Math.max(0, lastSpan(last)[1] - at);
  }

  function lastSpan(number: number): Span {
    return spans[number - 1] ?? [0, 0];
  }

  const between = (start: number, end: number): number =>
    end - start - (leftOutBefore(end) - leftOutBefore(start));

  return {
    between,
    after(start, characters) {
      let at = start + characters;
      for (let missing = characters - between(start, at); missing > 0;) {
        at += missing;
        missing = characters - between(start, at);
      }
      return at;
    },
    outside: (at) => Math.max(at, lastSpan(count(at))[1]),
  };
}
