import type { ChatOptions, ChatPart, ModelServer } from '../models/model-server.ts';
import type { Chat } from './ask.ts';

/** The model server as `ask` wants it: who writes, and why nobody does. */
export function createChatPort(models: Pick<ModelServer, 'chat' | 'chatReady' | 'status'>): Chat {
  return {
    ready: () => (models.chatReady() ? models.status().chat.name : undefined),
    whyNot() {
      const { chat, reachable, kind } = models.status();
      if (!reachable)
        return `No language model is connected (start ${kind === 'ollama' ? 'Ollama' : 'the model server'} to get written answers).`;
      if (chat.state === 'pulling')
        return `The language model ${chat.name} is being downloaded (${Math.floor(100 * (chat.progress ?? 0))} %).`;
      return `No language model is connected: ${chat.name} is not ready.`;
    },
    contextTokens: (model = models.status().chat.name) =>
      model === models.status().chat.name ? models.chatReady()?.contextTokens : undefined,
    // Thinking costs the reader many seconds before the first word, and the passages are already there.
    complete: (messages, options, signal) =>
      onlyOffered(models.chat(messages, { think: false, ...options }, signal), options),
  };
}

/** A model that was talked into it by a document may call what nobody offered; such calls are left out. */
async function* onlyOffered(
  parts: AsyncIterable<ChatPart>,
  { tools = [] }: ChatOptions,
): AsyncGenerator<ChatPart> {
  const offered = new Set(tools.map(({ name }) => name));
  /** The place that each call has among those that are left. */
  const places = new Map<number, number>();
  for await (const part of parts) {
    const { toolCalls = [], usage, ...rest } = part;
    for (const { index, name } of toolCalls)
      if (name !== undefined && offered.has(name)) places.set(index, places.get(index) ?? places.size);
    const calls = toolCalls.flatMap((call) => {
      const index = places.get(call.index);
      return index === undefined ? [] : [{ ...call, index }];
    });
    yield {
      ...rest,
      ...(calls.length > 0 && { toolCalls: calls }),
      ...(usage && {
        usage: usage.finish === 'tool_calls' && places.size === 0 ? { ...usage, finish: 'stop' } : usage,
      }),
    };
  }
}
