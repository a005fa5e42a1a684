import { isShortGram, tokenize } from './tokenize.ts';

/**
 * The fields of the keyword index, in the order of the FTS5 columns, and how often a word in each is counted.
 * docs/decisions/0003-keyword-index.md has the figures.
 */
export const FIELD_WEIGHTS = { title: 3, path: 2, headings: 2, body: 1 } as const;

/** SQL that makes the FTS5 table `name`. It holds our tokens, which the `ascii` tokenizer leaves as they are. */
export function createKeywordTable(name: string): string {
  const fields = Object.keys(FIELD_WEIGHTS).join(', ');
  return `create virtual table ${name} using fts5(${fields}, content='', contentless_delete=1, tokenize='ascii')`;
}

/** What is written into a column of the table: the tokens of `text`, separated by spaces. */
export function indexText(text: string): string {
  return tokenize(text).join(' ');
}

/**
 * The FTS5 expression that matches any of `terms` (of `queryTerms`); '' for none, which FTS5 refuses as a
 * query: ask nothing then.
 */
export function matchExpression(terms: readonly string[]): string {
  return terms.map((term) => (isShortGram(term) ? `"${term}"*` : `"${term}"`)).join(' OR ');
}

/** SQL of a row's score in the table `name`: FTS5's BM25 (k1 1.2, b .75), negative, the best is the least. */
export function keywordScore(name: string): string {
  return `bm25(${name}, ${Object.values(FIELD_WEIGHTS).join(', ')})`;
}
