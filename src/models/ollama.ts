import type { Log } from '../log.ts';
import { createChat, type Chat } from './chat.ts';
import { createEmbedder, type Embedder } from './embed.ts';
import { parseOllamaHost } from './host.ts';
import {
  POLL_TIMES,
  TIMEOUTS,
  type PollTimes,
  type ReadyModel,
  type ServerStatus,
  type Timeouts,
} from './model-state.ts';
import { createWatch } from './watch.ts';

export interface OllamaOptions {
  /** As in `OLLAMA_HOST`: a URL, or a name or address with or without a port. */
  host: string;
  /** Pulled when the server does not have it. */
  embedModel: string;
  chatModel: string;
  log: Log;
  timeouts?: Partial<Timeouts>;
  pollMs?: Partial<PollTimes>;
}

/** A server of models that may come and go. */
export interface ModelServer {
  /** Begins to watch the server; until then no model is ready. */
  start(): void;
  /** Ends every call that is under way, with `cancelled`. */
  close(): Promise<void>;
  /** Looks at the server at once and tells what it is like. Never fails; needs no `start`. */
  check(): Promise<ServerStatus>;
  status(): ServerStatus;
  /** Called after each change of the status, at most once per percent of a pull. Returns what ends it. */
  onChange(listener: () => void): () => void;
  embed: Embedder;
  chat: Chat;
  /** The chat model and its longest context; nothing while it cannot be used. */
  chatReady(): ReadyModel | undefined;
}

/**
 * Ollama as a server that may be absent, busy or without its models: nothing here waits for it, every call
 * fails within its deadline with a code, and missing models are pulled in the background.
 * @throws LimnerError `invalid_config` when `host` is not an address.
 */
export function createOllama(options: OllamaOptions): ModelServer {
  const host = parseOllamaHost(options.host);
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const log = options.log.child({ part: 'ollama' });
  const poll = { ...POLL_TIMES, ...options.pollMs };
  const names = { embed: options.embedModel, chat: options.chatModel };
  const watch = createWatch({ host, names, log, timeouts, poll });
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
    embed: createEmbedder(parts),
    chat: createChat(parts),
    chatReady: () => {
      const model = watch.state.ready('chat');
      return model && { identity: model.identity, contextTokens: model.contextTokens };
    },
  };
}
