import type { FastifyInstance } from 'fastify';
import type { Log } from '../log.ts';
import { chatRoutes } from './chat.ts';
import { createAnswerConversation, type ConversationParts } from './conversations.ts';
import { createModelNames, modelRoutes } from './openai-models.ts';

export interface OpenAiRoutes extends Omit<ConversationParts, 'models'> {
  collections: () => string[];
  chatModels: () => { name: string }[];
  maxFileBytes: number;
  log: Log;
}

/** OpenAI's API, route by route; docs/openai.md says what of it is here. Pictures are in openai-images.ts. */
export function openAiRoutes(server: FastifyInstance, parts: OpenAiRoutes): void {
  const models = createModelNames(parts);
  const answer = createAnswerConversation({ ...parts, models });
  modelRoutes(server, { models });
  chatRoutes(server, { answer, log: parts.log });
}
