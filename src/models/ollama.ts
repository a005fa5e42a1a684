import type { Log } from '../log.ts';
import { createEmbedTurns, type EmbedTurns } from './embed-turns.ts';
import { createEmbedder } from './embed.ts';
import { parseOllamaHost } from './host.ts';
import type { ModelServer } from './model-server.ts';
import { POLL_TIMES, TIMEOUTS, type PollTimes, type Timeouts } from './model-state.ts';
import { createChat } from './ollama-chat.ts';
import { createOllamaEmbedding } from './ollama-embed.ts';
import { createWatch } from './watch.ts';

export interface OllamaOptions {
  /** As in `OLLAMA_HOST`: a URL, or a name or address with or without a port. */
  host: string;
  /** Pulled when the server does not have it; left out where another server has the role. */
  embedModel?: string | undefined;
  chatModel?: string | undefined;
  /** False leaves missing models missing. */
  pull?: boolean;
  /** Shared by all that ask one server. */
  turns?: EmbedTurns;
  log: Log;
  timeouts?: Partial<Timeouts>;
  pollMs?: Partial<PollTimes>;
}

/**
 * Ollama as a server that may be absent, busy or without its models: nothing here waits for it, every call
 * fails within its deadline with a code, and missing models are pulled in the background.
 * @throws LimnerError `invalid_config` when `host` is not an address.
 */
export function createOllama(options: OllamaOptions): ModelServer {
  const host = parseOllamaHost(options.host);
  const { turns = createEmbedTurns() } = options;
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const log = options.log.child({ part: 'ollama' });
  const poll = { ...POLL_TIMES, ...options.pollMs };
  const names = { embed: options.embedModel, chat: options.chatModel };
  const watch = createWatch({ host, names, log, timeouts, poll, pull: options.pull ?? true });
  const parts = { host, watch, timeouts, log };
  return {
    start: () => watch.start(),
    close: () => watch.close(),
    check: async () => {
      await watch.check();
      return watch.state.snapshot();
    },
    status: () => watch.state.snapshot(),
    onChange: (listener) => watch.state.onChange(listener),
    embed: createEmbedder({ backend: createOllamaEmbedding(parts), turns, log }),
    chat: createChat(parts),
    chatReady: () => {
      const model = watch.state.ready('chat');
      return model && { identity: model.identity, contextTokens: model.contextTokens };
    },
    chatModels: watch.chatModels,
  };
}
