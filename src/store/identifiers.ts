/**
 * Part numbers, versions, dates and addresses: words and numbers that are joined by signs, such as `ABC-1234/5`. Their
 * parts are common, and only together do they name something. `\u2010` to `\u2013` are the hyphens and dashes of typesetting.
 */
const JOINED = /(?<![A-Za-z0-9])[A-Za-z0-9]+(?:[-/._:\u2010-\u2013][A-Za-z0-9]+)+/g;
/** Most passages have no such sign within a word, which is seen at once. */
const INSIDE = /[-/._:\u2010-\u2013][A-Za-z0-9]/;
const SIGN = /[-/._:\u2010-\u2013]/;
const LETTER = /[a-z]/;
const DIGIT = /[0-9]/;

/** What has more parts is a path or an address of the web. */
const MOST_PARTS = 6;
const MOST_UNITS = 64;

/**
 * The terms that an identifier is found by besides its parts: all neighbours of two parts and more that hold a digit, so that
 * `ABC-1234` finds `ABC-1234/5` and `manual-ABC-1234.pdf`. With letters they are written without signs, as the
 * word `ABC1234` is; numbers alone keep them apart: `3.14` is not 314. Linear in the length of `text`.
 */
export function* identifiersOf(text: string): Generator<string> {
  if (!INSIDE.test(text)) return;
  for (const [joined] of text.matchAll(JOINED)) {
    if (!DIGIT.test(joined)) continue;
    const parts = joined.toLowerCase().split(SIGN, MOST_PARTS + 1);
    if (parts.length <= MOST_PARTS) yield* neighbours(parts);
  }
}

function* neighbours(parts: readonly string[]): Generator<string> {
  for (let from = 0; from < parts.length - 1; from++)
    for (let to = from + 2; to <= parts.length; to++) {
      const some = parts.slice(from, to);
      const plain = some.join('');
      if (DIGIT.test(plain)) yield (LETTER.test(plain) ? plain : some.join('-')).slice(0, MOST_UNITS);
    }
}
