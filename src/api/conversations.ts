import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { AskEvent, ChatMessage, ChatOptions } from '../ask/ask.ts';
import type { Conversation, Converse } from '../ask/converse.ts';
import type { Filter } from '../ingest/filter.ts';
import type { LimnerOptions } from './chat-request.ts';
import type { Sources } from './keys.ts';
import type { ModelNames } from './openai-models.ts';
import { fetchPictures, type FetchPicture } from './pictures-sent.ts';
import { signalOf } from './sse.ts';

export interface ConversationParts {
  converse: Converse;
  models: ModelNames;
  matching: (filter: Filter) => string[];
  fetchPicture: FetchPicture;
  publicUrl: (request: { protocol: string; host: string }) => string;
  /** How the key of the request wants sources told. */
  sourcesOfKey: () => Sources | undefined;
}

/** What a request of either API says, read from its own shape. */
export interface Asked {
  model: string;
  messages: ChatMessage[];
  options: ChatOptions;
  limner?: z.infer<typeof LimnerOptions> | undefined;
  isStreamed: boolean;
}

/** One way to answer for chat completions and responses. Fails before the first event where it can. */
export type AnswerConversation = (
  asked: Asked,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<AsyncIterable<AskEvent>>;

export function createAnswerConversation(parts: ConversationParts): AnswerConversation {
  const { converse, models, fetchPicture, publicUrl } = parts;
  return async function answer(asked, request, reply) {
    const target = models.resolve(asked.model);
    const limner = asked.limner ?? {};
    const signal = signalOf(request, reply);
    const { filter, limit } = limner;
    const collection = limner.collection ?? (target.fromDocuments ? target.collection : undefined);
    const illustrate = limner.illustrate ?? (target.fromDocuments ? target.illustrate : undefined);
    const conversation: Conversation = {
      messages: await fetchPictures(asked.messages, fetchPicture, signal),
      options: { ...asked.options, ...(!target.fromDocuments && { model: target.model }) },
      fromDocuments: limner.documents ?? target.fromDocuments,
      publicUrl: publicUrl(request),
      listSources: (limner.sources ?? parts.sourcesOfKey()) === 'markdown',
      isStreamed: asked.isStreamed,
      ...(illustrate !== undefined && { illustrate }),
      ...(collection !== undefined && { collection }),
      ...(filter && { documents: parts.matching(filter) }),
      ...(limit !== undefined && { limit }),
    };
    return converse(conversation, signal);
  };
}
