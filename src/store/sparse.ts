import { FIELD_WEIGHTS, searchTerms, termKey, termsOf } from './chunk-terms.ts';
import type { Language } from './language.ts';
import { B, K1, MEANT_WEIGHT } from './index-reader.ts';
import { spacedTerms } from './spelling.ts';

/** A vector with few entries: `values` stand at `indices`, which are unsigned 32-bit and distinct. */
export interface SparseVector {
  indices: number[];
  values: number[];
}

/** What a chunk is found by, in the fields of the keyword index. */
export type KeywordFields = Record<keyof typeof FIELD_WEIGHTS, string>;

/** Terms of one or several chunks, by their index, with their counts weighted by field; and the number of tokens. */
export interface TermCounts {
  counts: Map<number, number>;
  tokens: number;
}

const FIELD_NAMES = ['title', 'path', 'headings', 'body'] as const;

export function countFields(fields: KeywordFields, language: Language): TermCounts {
  const counts = new Map<number, number>();
  let tokens = 0;
  for (const name of FIELD_NAMES) {
    const weight = FIELD_WEIGHTS[name];
    const tell = (term: string): void => {
      const index = indexOf(term);
      counts.set(index, (counts.get(index) ?? 0) + weight);
    };
    tokens += termsOf(fields[name], tell, language);
  }
  return { counts, tokens };
}

/** Adds the counts of a chunk to those of its document. */
export function addCounts(sum: TermCounts, { counts, tokens }: TermCounts): void {
  for (const [index, count] of counts) sum.counts.set(index, (sum.counts.get(index) ?? 0) + count);
  sum.tokens += tokens;
}

/**
 * The part of BM25 that a text alone decides, so that the server has only to multiply by the inverse document frequency
 * (`modifier: idf`) and add up: `f * (k1 + 1) / (f + k1 * (1 - b + b * tokens / average))` for each term that is
 * counted `f` times. The embedded store knows the true average; here it is what it was when the vector was written.
 */
export function saturate({ counts, tokens }: TermCounts, average: number): SparseVector {
  const length = K1 * (1 - B + (B * tokens) / Math.max(1, average));
  const values = [...counts.values()].map((frequency) => (frequency * (K1 + 1)) / (frequency + length));
  return { indices: [...counts.keys()], values };
}

/**
 * Every term once; undefined for a question without words. Qdrant does not tell which terms it has: of what may be meant only
 * names with spaces are asked, which find nothing where they are none.
 */
export function questionVector(text: string, language: Language): SparseVector | undefined {
  const values = new Map(searchTerms(text, language).map((term) => [indexOf(term), 1]));
  for (const term of spacedTerms(text))
    if (!values.has(indexOf(term))) values.set(indexOf(term), MEANT_WEIGHT);
  return values.size === 0 ? undefined : { indices: [...values.keys()], values: [...values.values()] };
}

/** The lower half of the term's key: of a million terms some hundred share theirs with another. */
const indexOf = (term: string): number => termKey(term) >>> 0;
