import { z } from 'zod';
import { TranscriptionFields } from './audio.ts';
import { ChatRequest } from './chat-request.ts';
import type { Description } from './descriptions.ts';
import { EmbeddingRequest } from './embeddings.ts';
import { ListQuery as FilesListQuery } from './openai-files.ts';
import { EditFields, GenerationBody } from './openai-images.ts';
import { ResponseRequest } from './responses-request.ts';
import { ItemsQuery } from './stored-responses.ts';
import { BatchBody } from './vector-store-batches.ts';
import { AddBody, FilesQuery, UpdateBody as AttributesBody } from './vector-store-files.ts';
import { CreateBody, ListQuery, SearchBody, UpdateBody } from './vector-stores.ts';

/** OpenAI's own description says what its answers are; here only which object each is. */
const object = (name: string) => z.looseObject({ object: z.literal(name) });
const page = z.looseObject({ object: z.literal('list'), data: z.array(z.looseObject({})) });
const deleted = z.looseObject({ id: z.string(), object: z.string(), deleted: z.literal(true) });
const pictures = z.looseObject({ created: z.int(), data: z.array(z.looseObject({})) });

const store = { 200: object('vector_store') };
const storeFile = { 200: object('vector_store.file') };
const batch = { 200: object('vector_store.files_batch') };

/** The routes of OpenAI's API; docs/openai.md tells each field. */
export const OPENAI_DESCRIPTIONS: Readonly<Record<string, Description>> = {
  'GET /v1/models': { summary: 'Who can be asked', answers: { 200: page } },
  'GET /v1/models/*': { summary: 'One of them', answers: { 200: object('model') } },
  'POST /v1/chat/completions': {
    summary: 'Chat completions, from the documents for `limner` and `limner/<collection>`',
    body: ChatRequest,
    streams: true,
    answers: { 200: object('chat.completion') },
  },
  'POST /v1/responses': {
    summary: 'Responses, with the tool `file_search`',
    body: ResponseRequest,
    streams: true,
    answers: { 200: object('response') },
  },
  'GET /v1/responses/:id': { summary: 'A stored response', answers: { 200: object('response') } },
  'DELETE /v1/responses/:id': { summary: 'Forgets it', answers: { 200: deleted } },
  'GET /v1/responses/:id/input_items': {
    summary: 'What it was asked',
    query: ItemsQuery,
    answers: { 200: page },
  },
  'POST /v1/responses/:id/cancel': { summary: 'Refused: nothing runs in the background', answers: {} },
  'POST /v1/embeddings': { summary: 'Vectors of texts', body: EmbeddingRequest, answers: { 200: page } },
  'POST /v1/files': {
    summary: 'Uploads a file; it is searchable like every document',
    form: { fields: z.looseObject({ purpose: z.string().optional() }), files: ['file'] },
    answers: { 200: object('file') },
  },
  'GET /v1/files': { summary: 'Every document, as a file', query: FilesListQuery, answers: { 200: page } },
  'GET /v1/files/:id': { summary: 'One of them', answers: { 200: object('file') } },
  'DELETE /v1/files/:id': { summary: 'Takes an upload away', answers: { 200: deleted } },
  'GET /v1/files/:id/content': { summary: 'Its bytes', answers: { 200: ['application/octet-stream'] } },
  'POST /v1/vector_stores': {
    summary: 'Makes a collection',
    body: CreateBody,
    optional: true,
    answers: store,
  },
  'GET /v1/vector_stores': { summary: 'Every collection', query: ListQuery, answers: { 200: page } },
  'GET /v1/vector_stores/:id': { summary: 'One of them', answers: store },
  'POST /v1/vector_stores/:id': { summary: 'Changes its name or metadata', body: UpdateBody, answers: store },
  'DELETE /v1/vector_stores/:id': { summary: 'Takes it away; its files stay', answers: { 200: deleted } },
  'POST /v1/vector_stores/:id/search': {
    summary: 'Passages that fit',
    body: SearchBody,
    answers: { 200: object('vector_store.search_results.page') },
  },
  'POST /v1/vector_stores/:id/files': { summary: 'Puts a file in', body: AddBody, answers: storeFile },
  'GET /v1/vector_stores/:id/files': { summary: 'Its files', query: FilesQuery, answers: { 200: page } },
  'GET /v1/vector_stores/:id/files/:file': { summary: 'One of them', answers: storeFile },
  'POST /v1/vector_stores/:id/files/:file': {
    summary: 'Replaces its attributes',
    body: AttributesBody,
    answers: storeFile,
  },
  'DELETE /v1/vector_stores/:id/files/:file': { summary: 'Takes it out', answers: { 200: deleted } },
  'GET /v1/vector_stores/:id/files/:file/content': {
    summary: 'Its text',
    answers: { 200: object('vector_store.file_content.page') },
  },
  'POST /v1/vector_stores/:id/file_batches': {
    summary: 'Puts several files in',
    body: BatchBody,
    answers: batch,
  },
  'GET /v1/vector_stores/:id/file_batches/:batch': { summary: 'How far that is', answers: batch },
  'POST /v1/vector_stores/:id/file_batches/:batch/cancel': { summary: 'Marks it', answers: batch },
  'GET /v1/vector_stores/:id/file_batches/:batch/files': {
    summary: 'The files of a batch',
    query: FilesQuery,
    answers: { 200: page },
  },
  'POST /v1/audio/transcriptions': {
    summary: 'What is said in a recording',
    form: { fields: TranscriptionFields, files: ['file'] },
    answers: { 200: z.looseObject({ text: z.string() }) },
  },
  'POST /v1/images/generations': {
    summary: 'Makes pictures, and answers when they are made',
    body: GenerationBody,
    answers: { 200: pictures },
  },
  'POST /v1/images/edits': {
    summary: 'Changes a picture',
    form: { fields: EditFields, files: ['image', 'mask'] },
    answers: { 200: pictures },
  },
};
