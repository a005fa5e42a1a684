/** Elements that stay open until they are closed, and for which a parser looks through all that is open. */
const NESTING = new Set(
  (
    'address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form header ' +
    'hgroup listing main menu nav ol pre rp rt search section summary table template ul'
  ).split(' '),
);

const LONGEST_NAME = 10;

/**
 * How deep the block elements of a page nest at most, from its tags alone. An estimate in one pass, for parsers take
 * time in the square of the depth.
 */
export function blockDepth(source: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = source.indexOf('<'); at !== -1; at = source.indexOf('<', at + 1)) {
    const closes = source[at + 1] === '/';
    if (!NESTING.has(tagName(source, at + (closes ? 2 : 1)))) continue;
    depth = closes ? Math.max(0, depth - 1) : depth + 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

function tagName(source: string, start: number): string {
  let end = start;
  while (end - start <= LONGEST_NAME && isLetter(source.charCodeAt(end))) end += 1;
  return source.slice(start, end).toLowerCase();
}

function isLetter(unit: number): boolean {
  return (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
}
