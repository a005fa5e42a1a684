import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import papaparse from 'papaparse';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { queryTerms, tokenize } from '../store/tokenize.ts';

/** Something that answers a question: a document, or words in it. */
export interface Right {
  /** The `uri` of the document; any document when left out. */
  document?: string | undefined;
  /** Words of the passage that answers; the whole document when left out. */
  passage?: string | undefined;
  /** How well it answers, above 0. */
  grade: number;
}

export interface Question {
  id: string;
  question: string;
  right: Right[];
}

/** A passage that was found, with every document that holds it. */
export interface Hit {
  document: { uri: string };
  also: readonly { uri: string }[];
  text: string;
}

/** A passage was found when one hit holds this share of its words, stop words aside; chunks may cut it in two. */
const PASSAGE_SHARE = 0.6;

const Grade = z.coerce.number().positive().default(1);
const Row = z
  .object({
    id: z.string().optional(),
    question: z.string().trim().min(1),
    document: z.string().trim().optional(),
    passage: z.string().trim().optional(),
    grade: z.preprocess((value) => (value === '' ? undefined : value), Grade),
  })
  .refine(({ document, passage }) => Boolean(document) || Boolean(passage), {
    error: 'a document or a passage that answers it is needed',
  });
const Line = z
  .object({
    id: z.union([z.string(), z.number()]).optional(),
    question: z.string().trim().min(1),
    documents: z.union([z.array(z.string().min(1)), z.record(z.string(), z.number())]).optional(),
    passages: z
      .array(
        z.union([z.string(), z.object({ text: z.string(), document: z.string().optional(), grade: Grade })]),
      )
      .optional(),
  })
  .refine(({ documents = [], passages = [] }) => Object.keys(documents).length + passages.length > 0, {
    error: 'documents or passages that answer it are needed',
  });

/** Reads questions from CSV (a row for each right document or passage) or JSONL (a line for each question). */
export async function readQuestions(path: string): Promise<Question[]> {
  const text = await readFile(path, 'utf8');
  const questions = extname(path).toLowerCase() === '.csv' ? fromCsv(text, path) : fromJsonLines(text, path);
  if (questions.length === 0) throw new LimnerError('invalid_request', `${path} holds no questions.`);
  return questions;
}

function fromCsv(text: string, path: string): Question[] {
  const { data } = papaparse.parse<unknown>(text.trim(), { header: true, skipEmptyLines: 'greedy' });
  const known = new Map<string, Question>();
  for (const [at, raw] of data.entries()) {
    const { id, question, document, passage, grade } = read(Row, raw, `${path}, row ${at + 2}`);
    const one = known.get(question) ?? { id: id || String(known.size + 1), question, right: [] };
    one.right.push({ document: document || undefined, passage: passage || undefined, grade });
    known.set(question, one);
  }
  return [...known.values()];
}

function fromJsonLines(text: string, path: string): Question[] {
  const lines = text.split('\n').map((line, at) => ({ line: line.trim(), at: at + 1 }));
  return lines
    .filter(({ line }) => line !== '')
    .map(({ line, at }) => toQuestion(read(Line, parsed(line, path, at), `${path}, line ${at}`), at));
}

function toQuestion(
  { id, question, documents = [], passages = [] }: z.infer<typeof Line>,
  at: number,
): Question {
  const graded = Array.isArray(documents)
    ? documents.map((uri) => [uri, 1] as const)
    : Object.entries(documents);
  return {
    id: String(id ?? at),
    question,
    right: [
      ...graded.filter(([, grade]) => grade > 0).map(([document, grade]) => ({ document, grade })),
      ...passages.map((one) =>
        typeof one === 'string'
          ? { passage: one, grade: 1 }
          : { passage: one.text, document: one.document, grade: one.grade },
      ),
    ],
  };
}

function parsed(line: string, path: string, at: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new LimnerError('invalid_request', `${path}, line ${at}: not JSON.`, { cause: error });
  }
}

function read<T>(schema: z.ZodType<T>, raw: unknown, where: string): T {
  const { data, error } = schema.safeParse(raw);
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new LimnerError(
    'invalid_request',
    `${where}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.replaceAll(/ +/g, ' '),
  );
}

/**
 * The ranking that hits are for a question, each name once: `right 0` for the first of what is right, `uri`s for
 * documents that are not. With them what is relevant, by those names.
 */
export function judge({ right }: Question, hits: readonly Hit[]) {
  const names = hits.flatMap((hit, at) => {
    const found = right.flatMap((one, place) => (answers(one, hit) ? [`right ${place}`] : []));
    // A passage that does not answer is one of its own where passages are asked for.
    const wrong = right.some(({ passage }) => passage !== undefined) ? `hit ${at}` : hit.document.uri;
    return found.length > 0 ? found : [wrong];
  });
  return {
    ranking: [...new Set(names)],
    relevant: new Map(right.map(({ grade }, place) => [`right ${place}`, grade])),
  };
}

function answers({ document, passage }: Right, { document: holder, also, text }: Hit): boolean {
  if (document !== undefined && ![holder, ...also].some(({ uri }) => uri === document)) return false;
  if (passage === undefined) return true;
  const wanted = new Set(queryTerms(passage));
  return new Set(tokenize(text)).intersection(wanted).size >= PASSAGE_SHARE * wanted.size;
}
