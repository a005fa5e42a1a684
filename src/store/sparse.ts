import { FIELD_WEIGHTS } from './chunk-terms.ts';
import { isShortGram, queryTerms, tokenize } from './tokenize.ts';

/** A vector with few entries: `values` stand at `indices`, which are unsigned 32-bit and distinct. */
export interface SparseVector {
  indices: number[];
  values: number[];
}

/** What a chunk is found by, in the fields of the keyword index. */
export type KeywordFields = Record<keyof typeof FIELD_WEIGHTS, string>;

/** BM25's parameters, the same as in the embedded store. */
const K1 = 1.2;
const B = 0.75;

/**
 * Tokens of a passage with its title, path and headings, on average. The embedded store knows the true average, while
 * a vector that is written once cannot follow it; passages are cut to about the same length, so that a constant serves.
 */
const AVERAGE_TOKENS = 160;

/** Begins the entry of a part of a gram, for queries that are shorter than the grams of their script. */
const SHORT_MARK = '\u0001';

/**
 * The part of BM25 that a passage alone decides, so that the server has only to multiply by the inverse document
 * frequency (`modifier: idf`) and add up: `f * (k1 + 1) / (f + k1 * (1 - b + b * tokens / average))` for each term,
 * with `f` the sum of its counts in the fields, weighted as in the embedded store.
 */
export function passageVector(fields: KeywordFields): SparseVector {
  const counts = new Map<number, number>();
  let tokens = 0;
  const count = (term: string, weight: number): void => {
    const index = hashTerm(term);
    counts.set(index, (counts.get(index) ?? 0) + weight);
  };
  for (const name of FIELD_NAMES) {
    for (const token of tokenize(fields[name])) {
      tokens++;
      count(token, FIELD_WEIGHTS[name]);
      for (const part of shortGrams(token)) count(SHORT_MARK + part, FIELD_WEIGHTS[name]);
    }
  }
  const length = K1 * (1 - B + (B * tokens) / AVERAGE_TOKENS);
  const values = [...counts.values()].map((frequency) => (frequency * (K1 + 1)) / (frequency + length));
  return { indices: [...counts.keys()], values };
}

const FIELD_NAMES = ['title', 'path', 'headings', 'body'] as const;

/** Every term once; undefined for a question without words. */
export function questionVector(text: string): SparseVector | undefined {
  const terms = queryTerms(text).map((term) => hashTerm(isShortGram(term) ? SHORT_MARK + term : term));
  const indices = [...new Set(terms)];
  return indices.length === 0 ? undefined : { indices, values: indices.map(() => 1) };
}

/** The beginnings of a gram that a shorter query asks for, the whole token included where it is one. */
function shortGrams(token: string): string[] {
  const found: string[] = [];
  let start = '';
  for (const character of token) {
    start += character;
    if (!isShortGram(start)) return found;
    found.push(start);
  }
  return found;
}

/** FNV-1a over UTF-16 units with MurmurHash3's final mixing, unsigned 32-bit. */
export function hashTerm(term: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < term.length; at++) hash = Math.imul(hash ^ term.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
