import { LimnerError } from '../errors.ts';
import type { ChatMessage, ChatOptions } from '../models/model-server.ts';
import type { AskEvent, Chat } from './ask.ts';
import { begun, tell } from './tell.ts';

export interface DirectRequest {
  messages: readonly ChatMessage[];
  options: ChatOptions;
}

/**
 * Passes a conversation to the model as it is: without documents, citations or instructions of ours.
 * Throws `model_unavailable` when there is no model, for there is nothing to quote from.
 */
export function createDirect({ chat }: { chat: Chat }) {
  return async function* direct(
    { messages, options }: DirectRequest,
    signal: AbortSignal,
  ): AsyncGenerator<AskEvent> {
    const model = options.model ?? chat.ready();
    if (model === undefined) throw new LimnerError('model_unavailable', chat.whyNot());
    const parts = await begun(chat.complete(messages, options, signal));
    yield* tell(parts, { sources: [], model, isPlain: true });
  };
}
