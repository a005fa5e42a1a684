/** The open retrieval sets with their judged queries, where they are. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createBatches } from '../src/store/batches.ts';
import { createChunkIndex } from '../src/store/chunk-index.ts';
import { searchTerms, termKey } from '../src/store/chunk-terms.ts';
import { createIndexReader } from '../src/store/index-reader.ts';
import { ENGLISH } from '../src/store/language.ts';
import { hasTerm } from '../src/store/page.ts';
import { likelyTerms } from '../src/store/spelling.ts';

export const SETS = new URL('../../shared/eval/', import.meta.url);

const Document = z.object({ _id: z.string(), title: z.string(), text: z.string() });
const Query = z.object({ _id: z.string(), text: z.string() });
export type JudgedDocument = z.infer<typeof Document>;

/** A document's place in the set, and its score. */
export interface Found {
  at: number;
  score: number;
}

export function haveSets(...names: string[]): boolean {
  const there = names.every((name) => existsSync(new URL(`${name}/corpus.jsonl`, SETS)));
  if (!there) console.log(`NOT MEASURED: the judged sets are not in ${fileURLToPath(SETS)}`);
  return there;
}

/** The documents of a set, and the queries that `judged` (a file beside it) names. */
export function readSet(set: string, judged: string) {
  const documents = readLines(Document, `${set}/corpus.jsonl`);
  const relevant = new Map<string, Map<string, number>>();
  for (const line of readText(`${set}/${judged}`).slice(1)) {
    const [query = '', document = '', grade = ''] = line.trim().split('\t');
    const known = relevant.get(query) ?? new Map<string, number>();
    if (Number(grade) > 0) relevant.set(query, known.set(document, Number(grade)));
  }
  const queries = readLines(Query, `${set}/queries.jsonl`).filter(({ _id }) => relevant.has(_id));
  return { documents, queries, relevant };
}

/** Searches the documents by the product's keywords: the best `depth` of a query, best first. `asWritten`: slips stay slips. */
export function createKeywordSearch(
  documents: readonly JudgedDocument[],
  depth: number,
  { asWritten = false } = {},
) {
  const batches = createBatches();
  for (const [at, { title, text }] of documents.entries()) {
    const fields = { id: String(at), uri: '', title, collection: '' };
    batches.add(at, at, fields, { ordinal: 0, text, span: [0, text.length] });
  }
  const index = createChunkIndex(() => Infinity);
  index.publish({ placed: documents.map((_, at) => [at, ''] as const), added: batches.take() });
  const reader = createIndexReader(0);
  reader.apply(index.changes(0));
  const isKnown = (term: string): boolean => hasTerm(index.pages(), termKey(term));
  return (query: string): Found[] => {
    const keys = searchTerms(query).map(termKey);
    const terms = asWritten ? [] : likelyTerms(query, ENGLISH, isKnown);
    const likely = terms.map((some) => [...some].map(termKey));
    return reader.keywords({ keys, likely }, depth).map(({ id, score }) => ({ at: id, score }));
  };
}

function readLines<T>(schema: z.ZodType<T>, path: string): T[] {
  return readText(path).map((line) => schema.parse(JSON.parse(line)));
}

function readText(path: string): string[] {
  return readFileSync(new URL(path, SETS), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}
