/** The first `max` UTF-16 units of `text`, one less where that would part a surrogate pair. */
export function cutText(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max - (isPairAt(text, max) ? 1 : 0));
}

/**
 * Cuts `text` into pieces of at most `max` units that join to it again: at the last white space of each piece's
 * second half where there is one, never inside a surrogate pair.
 */
export function* pieces(text: string, max: number): Generator<string> {
  let start = 0;
  while (text.length - start > max) {
    const end = cutPoint(text, start, start + max);
    yield text.slice(start, end);
    start = end;
  }
  yield text.slice(start);
}

function cutPoint(text: string, start: number, end: number): number {
  for (let at = end; at > (start + end) / 2; at -= 1) {
    if (text[at - 1] === ' ' || text[at - 1] === '\t') return at;
  }
  return isPairAt(text, end) ? end - 1 : end;
}

/** Whether a surrogate pair stands across `at`. */
function isPairAt(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
