import type { Log } from '../log.ts';
import { createEmbedTurns, type EmbedTurns } from './embed-turns.ts';
import { createEmbedder } from './embed.ts';
import type { Identify } from './fingerprints.ts';
import type { ModelServer } from './model-server.ts';
import { POLL_TIMES, TIMEOUTS, type PollTimes, type Timeouts } from './model-state.ts';
import { createOpenAiCalls } from './openai-call.ts';
import { createOpenAiChat } from './openai-chat.ts';
import { createAskVectors } from './openai-embed.ts';
import { parseOpenAiHost } from './openai-host.ts';
import { createOpenAiWatch } from './openai-watch.ts';

export interface OpenAiOptions {
  /** The base URL, as clients call it: `http://127.0.0.1:1234/v1`. */
  url: string;
  key?: string | undefined;
  /** Left out where another server has the role; empty for the only model that the server has. */
  embedModel?: string | undefined;
  chatModel?: string | undefined;
  identify: Identify;
  /** Shared by all that ask one server. */
  turns?: EmbedTurns;
  log: Log;
  timeouts?: Partial<Timeouts>;
  pollMs?: Partial<PollTimes>;
}

/**
 * Any server of OpenAI's API: LM Studio, vLLM, llama.cpp, a hosted one. It may be absent or busy as Ollama may.
 * @throws LimnerError `invalid_config` when `url` is not an address.
 */
export function createOpenAi(options: OpenAiOptions): ModelServer {
  const host = parseOpenAiHost(options.url, options.key);
  const { url } = host;
  const { turns = createEmbedTurns() } = options;
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const poll = { ...POLL_TIMES, ...options.pollMs };
  const log = options.log.child({ part: 'model server' });
  const names = { embed: options.embedModel, chat: options.chatModel };
  const calls = createOpenAiCalls(host);
  const askVectors = createAskVectors(calls, timeouts);
  const { identify } = options;
  const watch = createOpenAiWatch({ url, names, calls, askVectors, identify, log, timeouts, poll });
  const { state } = watch;
  const backend = {
    ready: () => state.ready('embed'),
    require: () => state.require('embed'),
    ask: (texts: readonly string[], model: { name: string }, signal: AbortSignal) =>
      askVectors(texts, model.name, [signal, watch.closing]),
    confirm: watch.confirm,
    callFailed: watch.callFailed,
  };
  return {
    start: watch.start,
    close: watch.close,
    check: async () => {
      await watch.check();
      return state.snapshot();
    },
    status: state.snapshot,
    onChange: state.onChange,
    embed: createEmbedder({ backend, turns, log }),
    chat: createOpenAiChat({ calls, watch, timeouts, url }),
    chatReady: () => {
      const model = state.ready('chat');
      return model && { identity: model.identity, contextTokens: model.contextTokens };
    },
    chatModels: watch.chatModels,
  };
}
