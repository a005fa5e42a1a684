import type { ModelServer } from '../models/model-server.ts';
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
    complete: (messages, options, signal) => models.chat(messages, { think: false, ...options }, signal),
  };
}
