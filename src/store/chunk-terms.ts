import { proseOf } from '../document.ts';
import { identifiersOf } from './identifiers.ts';
import { ENGLISH } from './language.ts';
import { isShortGram, queryTerms, tokenize } from './tokenize.ts';

/**
 * The fields a word may stand in, and how often it is counted there. docs/decisions/0003-keyword-index.md has the
 * figures.
 */
export const FIELD_WEIGHTS = { title: 3, path: 2, headings: 2, body: 1 } as const;

/** Named anew whenever the terms of a chunk, their keys or the shape of a kept page change: kept pages are made again. */
export const TERMS_FORMAT = 'terms 5';

const MOST_IDENTIFIERS = 64;

/** The first code unit of the scripts that are written without spaces: no token before it has a short gram. */
const FIRST_GRAM = 0x0e00;

/**
 * Tells every term of `text`, as often as it stands there, and gives the number of tokens. Identifiers are told besides
 * their parts, and make a text no longer. Of links that lead to paths only the words count.
 */
export function termsOf(text: string, tell: (term: string) => void, language = ENGLISH): number {
  const tokens = tokenize(proseOf(text), language);
  for (const token of tokens) {
    tell(token);
    if (token.charCodeAt(0) >= FIRST_GRAM) beginnings(token).forEach(tell);
  }
  for (const identifier of identifiersOf(text)) tell(identifier);
  return tokens.length;
}

/** The distinct terms that a question is searched by: its words, at most 64, and as many identifiers. */
export function searchTerms(text: string, language = ENGLISH): string[] {
  const identifiers = identifiersOf(text).take(MOST_IDENTIFIERS);
  return [...new Set([...queryTerms(text, language), ...identifiers])];
}

/** What a query shorter than a gram of its script asks for: the gram's first one or two characters. */
function beginnings(token: string): string[] {
  const [first = '', second = ''] = token;
  const grams = new Set([first, first + second]);
  return [...grams].filter((gram) => gram !== token && isShortGram(gram));
}

/**
 * A term as a number of 53 bits, from two FNV-1a hashes with MurmurHash3's final mixing. Two terms of an index of a
 * million terms share a key with a chance of one in 18 000, and then each is found with the other.
 */
export function termKey(term: string): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (let at = 0; at < term.length; at++) {
    const unit = term.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x01000197);
  }
  return (mix(high) >>> 11) * 2 ** 32 + (mix(low) >>> 0);
}

function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
