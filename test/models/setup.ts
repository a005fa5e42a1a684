import { onTestFinished } from 'vitest';
import { createLog } from '../../src/log.ts';
import type { PollTimes, ServerStatus, Timeouts } from '../../src/models/model-state.ts';
import type { ModelServer } from '../../src/models/model-server.ts';
import { createOllama } from '../../src/models/ollama.ts';
import { createFakeOllama, type FakeOllama, type FakeOptions } from '../fakes/ollama.ts';

export interface Pair {
  fake: FakeOllama;
  server: ModelServer;
  /** Every line logged so far, parsed. */
  lines: { level: number; msg: string }[];
  signal: AbortSignal;
}

export interface PairOptions extends FakeOptions {
  host?: (fake: FakeOllama) => string;
  embedModel?: string;
  chatModel?: string;
  timeouts?: Partial<Timeouts>;
  pollMs?: Partial<PollTimes>;
}

/** So short that waiting for the next look is no wait, and so long that tests which need no look see none. */
export const QUICK: PollTimes = { absent: [10, 20], present: 10, pull: [10, 20] };
export const RARE: PollTimes = { absent: [60_000, 60_000], present: 60_000, pull: [60_000, 60_000] };

/** A fake Ollama and a connection to it that has not been started. Both end with the test. */
export async function createPair(options: PairOptions = {}): Promise<Pair> {
  const fake = await createFakeOllama(options);
  const lines: Pair['lines'] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  const server = createOllama({
    host: options.host?.(fake) ?? fake.url,
    embedModel: options.embedModel ?? 'nomic-embed-text',
    chatModel: options.chatModel ?? 'qwen3:4b',
    log: createLog({ level: 'debug', secrets: [], write }),
    timeouts: { status: 2_000, embed: 5_000, chatFirst: 5_000, chatNext: 5_000, ...options.timeouts },
    pollMs: { ...RARE, ...options.pollMs },
  });
  onTestFinished(async () => {
    await server.close();
    await fake.stop();
  });
  return { fake, server, lines, signal: new AbortController().signal };
}

/** The same, looked at once, so that its models are ready. */
export async function createReadyPair(options: PairOptions = {}): Promise<Pair> {
  const pair = await createPair(options);
  pair.server.start();
  await pair.server.check();
  return pair;
}

/** Resolves with the first status that fits. */
export function reached(server: ModelServer, fits: (status: ServerStatus) => boolean): Promise<ServerStatus> {
  return new Promise((resolve) => {
    const stop = server.onChange(look);
    function look(): void {
      if (!fits(server.status())) return;
      stop();
      resolve(server.status());
    }
    look();
  });
}

export const bothReady = ({ embed, chat }: ServerStatus): boolean =>
  embed.state === 'ready' && chat.state === 'ready';

export function dot(one: Float32Array, other: Float32Array): number {
  return one.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
}
