import type { Log } from '../log.ts';
import { createEmbedTurns, type EmbedTurns } from './embed-turns.ts';
import type { Identify } from './fingerprints.ts';
import { parseOllamaHost } from './host.ts';
import type { ModelServer } from './model-server.ts';
import { TIMEOUTS, type PollTimes, type ServerStatus, type Timeouts } from './model-state.ts';
import { createOllama } from './ollama.ts';
import { createOpenAi } from './openai.ts';
import { createPulls, type Pulls } from './pulls.ts';

/** A server of OpenAI's API. */
export interface OpenAiAddress {
  url: string;
  key?: string | undefined;
}

export interface ModelsOptions {
  ollama: { host: string; embedModel: string; chatModel: string };
  /** Has the role instead of Ollama. */
  chatServer?: OpenAiAddress | undefined;
  embedServer?: OpenAiAddress | undefined;
  timeouts?: Partial<Timeouts>;
  pollMs?: Partial<PollTimes>;
}

/** The servers of both roles as one; its status is the chat server's, with the embedding model of the other. */
export interface Models extends ModelServer {
  /** Each server by the name that status pages show. */
  servers(): Record<string, ServerStatus>;
  /** Downloads that were asked for. */
  pulls: Pulls;
  /** Of the server that embeds. */
  turns: EmbedTurns;
}

/** Ollama for every role that no other server has; without such a role it is not asked at all. */
export function createModels(
  { ollama, chatServer, embedServer, ...times }: ModelsOptions,
  { identify, log }: { identify: Identify; log: Log },
): Models {
  const turns = createEmbedTurns();
  const parts = { log, identify, turns, ...times };
  const servers: Record<string, ModelServer> = {
    ...((!chatServer || !embedServer) && {
      ollama: createOllama({
        ...parts,
        host: ollama.host,
        ...(!embedServer && { embedModel: ollama.embedModel }),
        ...(!chatServer && { chatModel: ollama.chatModel }),
      }),
    }),
    ...(chatServer && {
      chat_server: createOpenAi({ ...parts, ...chatServer, chatModel: ollama.chatModel }),
    }),
    ...(embedServer && {
      embed_server: createOpenAi({ ...parts, ...embedServer, embedModel: ollama.embedModel }),
    }),
  };
  const writes = servers['chat_server'] ?? servers['ollama'];
  const embeds = servers['embed_server'] ?? servers['ollama'];
  if (!writes || !embeds) throw new Error('A role has no server.');
  const pulls = createPulls({
    host: servers['ollama'] && parseOllamaHost(ollama.host),
    timeouts: { ...TIMEOUTS, ...times.timeouts },
    check: async () => servers['ollama']?.check(),
    log: log.child({ part: 'ollama' }),
  });
  return { ...combine(servers, { writes, embeds, pulls }), turns };
}

/** Another embedding model on the server that has the role, for as long as its vectors answer; it is never pulled. */
export function createFormerEmbedder(
  name: string,
  { ollama, embedServer, ...times }: ModelsOptions,
  { identify, turns, log }: { identify: Identify; turns: EmbedTurns; log: Log },
): ModelServer {
  const parts = { log, turns, ...times, embedModel: name };
  if (embedServer) return createOpenAi({ ...parts, ...embedServer, identify });
  return createOllama({ ...parts, host: ollama.host, pull: false });
}

function combine(
  servers: Record<string, ModelServer>,
  { writes, embeds, pulls }: { writes: ModelServer; embeds: ModelServer; pulls: Pulls },
): Omit<Models, 'turns'> {
  const all = Object.values(servers);
  const status = (): ServerStatus => ({ ...writes.status(), embed: embeds.status().embed });
  return {
    start: () => {
      for (const server of all) server.start();
    },
    close: async () => void (await Promise.all([pulls, ...all].map((one) => one.close()))),
    check: async () => {
      await Promise.all(all.map((server) => server.check()));
      return status();
    },
    status,
    servers: () => Object.fromEntries(Object.entries(servers).map(([name, one]) => [name, one.status()])),
    onChange: (listener) => {
      const stops = all.map((server) => server.onChange(listener));
      return () => {
        for (const stop of stops) stop();
      };
    },
    embed: embeds.embed,
    chat: writes.chat,
    chatReady: writes.chatReady,
    chatModels: writes.chatModels,
    pulls,
  };
}
