import { z } from 'zod';
import {
  AskAnswer,
  ChunkAnswer,
  DocumentAnswer,
  FigureAnswer,
  listOf,
  PictureAnswer,
  SearchAnswer,
  TextAnswer,
  WordsAnswer,
} from './answer-shapes.ts';
import { OPENAI_DESCRIPTIONS } from './descriptions-openai.ts';
import { SERVICE_DESCRIPTIONS } from './descriptions-service.ts';
import { ListQuery as DocumentsQuery } from './documents.ts';
import { FiguresQuery } from './figures.ts';
import { ImageBody, ListQuery as PicturesQuery, MediaQuery } from './images.ts';
import { ChunksQuery, SpanQuery } from './reading.ts';
import { AskBody, SearchRequest } from './search.ts';
import { Annotations, ExternalId, FileFields, TextBody, UrlBody } from './sent.ts';
import { ViewQuery, WordsQuery } from './viewer.ts';
import { DeleteBody, FileBody } from './webhooks.ts';

/** What a route takes and gives. `query`, `body` and `form` are the schemas that the route itself reads with. */
export interface Description {
  summary: string;
  query?: z.ZodType;
  /** JSON. */
  body?: z.ZodType;
  /** The fields of a form, and the names of its files. */
  form?: { fields: z.ZodType; files: readonly string[] };
  /** Without a body the route has its defaults. */
  optional?: true;
  /** With `stream` the answer is a stream of events. */
  streams?: true;
  /** What is answered by status: JSON of this schema, bytes of these types, or nothing. */
  answers: Readonly<Record<number, z.ZodType | readonly string[] | null>>;
}

const BYTES = ['application/octet-stream'];
const HTML = ['text/html'];
const done = { 202: DocumentAnswer };
const upload = { fields: FileFields, files: ['file'] };

const DOCUMENTS: Readonly<Record<string, Description>> = {
  'GET /api/documents': {
    summary: 'The ledger: every document with its state, in the order of ids, or what changed last first',
    query: DocumentsQuery,
    answers: { 200: listOf(DocumentAnswer) },
  },
  'POST /api/documents': {
    summary: 'Sends a text, an address to fetch, or a file (a form whose last part is `file`)',
    body: z.union([TextBody, UrlBody]),
    form: upload,
    answers: done,
  },
  'DELETE /api/documents': {
    summary: 'Takes away what was sent under an external id',
    query: ExternalId,
    answers: done,
  },
  'GET /api/documents/:id': { summary: 'One document', answers: { 200: DocumentAnswer } },
  'DELETE /api/documents/:id': { summary: 'Takes a sent document away', answers: done },
  'PATCH /api/documents/:id': {
    summary: 'Replaces the metadata or the tags of a sent document',
    body: Annotations,
    answers: { 200: DocumentAnswer },
  },
  'POST /api/documents/:id/reindex': { summary: 'Makes the document again from its file', answers: done },
  'GET /api/documents/:id/file': {
    summary: 'The original bytes; a `Range` of them is answered with 206',
    answers: { 200: BYTES, 206: BYTES },
  },
  'GET /api/documents/:id/text': {
    summary: 'The extracted text, or the characters from `start` to `end`; at most 100 000 at once',
    query: SpanQuery,
    answers: { 200: TextAnswer },
  },
  'GET /api/documents/:id/chunks': {
    summary: 'What the text was cut into for searches, in its order',
    query: ChunksQuery,
    answers: { 200: listOf(ChunkAnswer) },
  },
  'GET /api/documents/:id/words': {
    summary: 'Where the words of a page stand; with `mark` (`start-end`) only those of that span',
    query: WordsQuery,
    answers: { 200: WordsAnswer },
  },
  'GET /api/documents/:id/figures': {
    summary: 'The pictures that the document shows',
    query: FiguresQuery,
    answers: { 200: listOf(FigureAnswer) },
  },
  'GET /api/documents/:id/figures/:figure': {
    summary: 'One of them',
    answers: { 200: ['image/jpeg', 'image/png', 'image/webp', 'image/gif'] },
  },
  'GET /api/collections': {
    summary: 'The names of the collections',
    answers: { 200: listOf(z.object({ name: z.string() })) },
  },
  'GET /documents/:id': {
    summary: 'The viewer, opened at the passage `mark`; what citations link to',
    query: ViewQuery,
    answers: { 200: HTML },
  },
  'POST /api/search': {
    summary: 'Passages that fit, with scores, place and both ranks',
    body: SearchRequest,
    answers: { 200: SearchAnswer },
  },
  'POST /api/ask': {
    summary: 'An answer with citations; with `stream` the events `sources`, `text`, `answer`, `illustration`',
    body: AskBody,
    streams: true,
    answers: { 200: AskAnswer },
  },
  'POST /webhooks/process': {
    summary: 'A file of the inbox is complete; or an address, a text, a file (a form), or a deletion',
    body: z.union([FileBody, UrlBody, TextBody, DeleteBody]),
    form: upload,
    answers: done,
  },
};

const PICTURES: Readonly<Record<string, Description>> = {
  'POST /api/images': {
    summary: 'Hands a picture to a ComfyUI server; with `wait` answers when it is made',
    body: ImageBody,
    answers: { 200: PictureAnswer, 202: PictureAnswer },
  },
  'GET /api/images': {
    summary: 'The jobs that make pictures, newest first',
    query: PicturesQuery,
    answers: { 200: listOf(PictureAnswer) },
  },
  'GET /api/images/:id': { summary: 'One job', answers: { 200: PictureAnswer } },
  'DELETE /api/images/:id': {
    summary: 'Ends a job that waits or runs; forgets one that has ended',
    answers: { 202: PictureAnswer, 204: null },
  },
  'GET /api/images/:id/preview': {
    summary: 'What the picture looks like so far, where something is seen',
    answers: { 200: ['image/jpeg', 'image/png'], 204: null },
  },
  'GET /media/:id': {
    summary: 'A file that was made, or with `size` the picture made small; ranges too',
    query: MediaQuery,
    answers: { 200: ['*/*'], 206: ['*/*'] },
  },
  'GET /media/pending/:id': {
    summary: 'The picture of a job, or a placeholder until it is there',
    answers: { 200: ['*/*'], 206: ['*/*'] },
  },
};

const SECOND_NAMES: Readonly<Record<string, string>> = {
  'POST /api/workflows/execute': 'POST /api/images',
  'GET /api/workflows/history': 'GET /api/images',
};

const all: Readonly<Record<string, Description>> = {
  ...DOCUMENTS,
  ...PICTURES,
  ...SERVICE_DESCRIPTIONS,
  ...OPENAI_DESCRIPTIONS,
};

/** By method and address, as Fastify takes it: `GET /api/documents/:id`. A test holds that no route is missing. */
export function descriptionOf(route: string): Description | undefined {
  return all[SECOND_NAMES[route] ?? route];
}
