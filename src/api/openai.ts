import type { FastifyInstance } from 'fastify';
import type { Memory } from '../ask/remembered.ts';
import type { VectorStores } from '../ingest/vector-stores.ts';
import type { Log } from '../log.ts';
import type { Retrieve } from '../ask/retrieve.ts';
import type { Documents } from '../ingest/documents.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import { audioRoutes, type TranscribeSent } from './audio.ts';
import { chatRoutes } from './chat.ts';
import { createAnswerConversation, type ConversationParts } from './conversations.ts';
import { embeddingRoutes, type TextEmbedder } from './embeddings.ts';
import { fileRoutes } from './openai-files.ts';
import { createModelNames, modelRoutes } from './openai-models.ts';
import { responseRoutes } from './responses.ts';
import { vectorStoreBatchRoutes } from './vector-store-batches.ts';
import { vectorStoreFileRoutes } from './vector-store-files.ts';
import { vectorStoreRoutes } from './vector-stores.ts';

export interface OpenAiRoutes extends Omit<ConversationParts, 'models'> {
  collections: () => string[];
  chatModels: () => { name: string }[];
  canPaint: () => boolean;
  embedder: TextEmbedder;
  memory: Memory;
  stores: VectorStores;
  files: StoreFiles;
  transcribe?: TranscribeSent | undefined;
  documents: Documents;
  retrieve: Retrieve;
  maxFileBytes: number;
  log: Log;
}

/** OpenAI's API, route by route; docs/openai.md says what of it is here. Pictures are in openai-images.ts. */
export function openAiRoutes(server: FastifyInstance, parts: OpenAiRoutes): void {
  void server.register(async (scope) => {
    takeEmptyJson(scope);
    routes(scope, parts);
  });
}

function routes(server: FastifyInstance, parts: OpenAiRoutes): void {
  // A store that was made is asked before its first document is there.
  const made = (): string[] => parts.stores.list().map(({ collection }) => collection);
  const collections = (): string[] => [...new Set([...parts.collections(), ...made()])].toSorted();
  const models = createModelNames({ collections, chatModels: parts.chatModels, canPaint: parts.canPaint });
  const answer = createAnswerConversation({ ...parts, models });
  modelRoutes(server, { models });
  chatRoutes(server, { ...parts, answer });
  responseRoutes(server, { ...parts, answer });
  embeddingRoutes(server, parts);
  fileRoutes(server, parts);
  vectorStoreRoutes(server, parts);
  vectorStoreFileRoutes(server, parts);
  vectorStoreBatchRoutes(server, parts);
  audioRoutes(server, parts);
}

/** OpenAI's client for Python says `application/json` of requests without a body, such as each DELETE. */
function takeEmptyJson(server: FastifyInstance): void {
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parseJson(request, body.toString(), done);
  });
}
