import { LimnerError } from '../errors.ts';
import type { Chat, ListedModel } from './model-server.ts';
import { sameModel } from './model-state.ts';

/** Says in words what pictures show. */
export interface Describe {
  /** The model to remember descriptions under; nothing while the server does not have it. */
  ready(): string | undefined;
  /**
   * A few sentences about a picture, PNG or JPEG: kinds that vision models take everywhere.
   * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long`, `cancelled`.
   */
  picture(bytes: Uint8Array, mime: string, signal: AbortSignal): Promise<string>;
}

const PROMPT =
  'Describe this picture from a document in two to four plain sentences, so that somebody who searches for what it ' +
  'shows finds it. Name what is seen: objects, people, places, the kind of diagram and what it says, and words that ' +
  'stand in it. Begin at once, without an introduction, and add nothing that cannot be seen.';

const MOST_TOKENS = 300;

/**
 * Asks `model` of a chat server, or is never ready without one. It is not pulled: a model that sees is a choice of
 * whoever sets it.
 */
export function createDescribe(
  { model = '' }: { model?: string | undefined },
  { chat, chatModels }: { chat: Chat; chatModels: () => ListedModel[] },
): Describe {
  return {
    ready: () => (model === '' ? undefined : chatModels().find(({ name }) => sameModel(name, model))?.name),
    async picture(bytes, mime, signal) {
      const image = `data:${mime};base64,${Buffer.from(bytes).toString('base64')}`;
      const messages = [{ role: 'user' as const, content: PROMPT, images: [image] }];
      let text = '';
      for await (const part of chat(
        messages,
        { model, temperature: 0, maxTokens: MOST_TOKENS, think: false },
        signal,
      ))
        text += part.text;
      if (text.trim() === '') throw new LimnerError('model_answer', `${model} said nothing about a picture.`);
      return text.trim();
    },
  };
}
