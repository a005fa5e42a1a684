/** The open retrieval sets with their judged queries, where they are. */
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createKeywordTable, indexText, keywordScore, matchExpression } from '../src/store/keyword.ts';
import { queryTerms } from '../src/store/tokenize.ts';

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

/** Searches the documents by the product's keywords: the best `depth` of a query, best first. */
export function createKeywordSearch(documents: readonly JudgedDocument[], depth: number) {
  const database = new DatabaseSync(':memory:');
  database.exec(`${createKeywordTable('keyword')}; begin`);
  const insert = database.prepare(
    'insert into keyword(rowid, title, path, headings, body) values (?, ?, ?, ?, ?)',
  );
  for (const [row, { title, text }] of documents.entries())
    insert.run(row, indexText(title), '', '', indexText(text));
  database.exec('commit');
  const best = database.prepare(
    `select rowid, -${keywordScore('keyword')} as score from keyword where keyword match ?
     order by score desc, rowid limit ${depth}`,
  );
  return (query: string): Found[] => {
    const expression = matchExpression(queryTerms(query));
    const rows = expression ? best.all(expression) : [];
    return rows.map(({ rowid, score }) => ({ at: Number(rowid), score: Number(score) }));
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
