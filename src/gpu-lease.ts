import { setTimeout as after } from 'node:timers/promises';
import type { Config } from './config.ts';
import type { Painter } from './comfy/painter.ts';
import type { Lease } from './comfy/pool.ts';
import { LimnerError } from './errors.ts';
import { createTurns } from './gpu-turns.ts';
import type { Log } from './log.ts';
import type { Identify } from './models/fingerprints.ts';
import type { ModelServer } from './models/model-server.ts';
import { createModels, type Models, type ModelsOptions } from './models/models.ts';
import { createOllamaMemory, type OllamaMemory } from './models/ollama-memory.ts';

export interface GpuLeaseOptions {
  shared: 'auto' | 'yes' | 'no';
  /** Roles that Ollama has. */
  roles: { chat: boolean; embed: boolean };
  patienceMs?: number;
  /** A picture that takes longer is not waited for any more: it may hang. */
  pictureMs?: number;
  /** How long the memory of the card may take to become free, at most. */
  clearMs?: number;
}

const PATIENCE_MS = 60_000;
/** More than most pictures take, and less than clients of chat wait (Open WebUI: 300 s). */
const PICTURE_MS = 180_000;
const CLEAR_MS = 10_000;
const LOOK_MS = 50;
const ASK_MS = 5000;
/** What a painter without models holds. */
const EMPTY_BYTES = 512 * 1024 * 1024;
/** So much of Ollama's models has to be seen on the painter's card to call it the same. */
const SEEN_SHARE = 0.7;

export type GpuLease = ReturnType<typeof createGpuLease>;

/** The models of the settings, whose calls wait for their turn; roles that other servers have wait for nobody. */
export function createLeasedModels(
  { comfy, ollama, chatServer, embedServer }: Config,
  options: ModelsOptions,
  { identify, log }: { identify: Identify; log: Log },
): { models: Models; lease: GpuLease } {
  const roles = { chat: !chatServer, embed: !embedServer };
  const memory = createOllamaMemory(ollama.host, ASK_MS);
  const lease = createGpuLease({ shared: comfy.sharedGpu, roles }, { ollama: memory, log });
  return { models: lease.models(createModels(options, { identify, log })), lease };
}

/**
 * Keeps Ollama and the painters apart where they have one card between them: who gets the card makes the other let its
 * models go first. What cannot be asked or does not let go in time is logged, and the work begins all the same.
 */
export function createGpuLease(
  { shared, roles, patienceMs = PATIENCE_MS, pictureMs = PICTURE_MS, clearMs = CLEAR_MS }: GpuLeaseOptions,
  { ollama, log }: { ollama: OllamaMemory; log: Log },
) {
  const turns = createTurns({
    patienceMs,
    pictureMs,
    onLate: () => log.warn({ ms: pictureMs }, 'a picture takes long; the models wait no longer for it'),
  });
  const seen = new Set<Painter>();
  const loaded = new Set<Painter>();
  let side: 'models' | 'pictures' | undefined;
  let clearing: Promise<void> = Promise.resolve();

  /** The first of a side clears the card, the others of that side wait for it. */
  function enter(wanted: 'models' | 'pictures'): Promise<void> {
    if (side === wanted) return clearing;
    side = wanted;
    clearing = guarded(wanted === 'pictures' ? unloadModels : unloadPainters);
    return clearing;
  }

  async function guarded(action: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await action(AbortSignal.timeout(clearMs));
    } catch (error) {
      const isOurs = error instanceof LimnerError || (error instanceof Error && error.name === 'AbortError');
      if (isOurs) log.warn({ reason: error.message }, 'the card was not cleared in time');
      else log.error({ err: error }, 'clearing the card failed in a way that is a bug');
    }
  }

  async function unloadModels(signal: AbortSignal): Promise<void> {
    for (const { name } of await ollama.loaded(signal)) await ollama.unload(name, signal);
    while ((await ollama.loaded(signal)).length > 0) await after(LOOK_MS, undefined, { signal });
  }

  async function unloadPainters(signal: AbortSignal): Promise<void> {
    for (const painter of loaded) {
      await painter.free(signal);
      while (((await painter.memory(signal))?.own ?? 0) > EMPTY_BYTES)
        await after(LOOK_MS, undefined, { signal });
      loaded.delete(painter);
    }
  }

  /** Whether a painter's card is the one that holds Ollama's models; once seen it stays so. */
  async function isShared(painter: Painter): Promise<boolean> {
    if (shared !== 'auto' || seen.has(painter)) return shared !== 'no';
    if (hostOf(painter.url) !== hostOf(ollama.url)) return false;
    const signal = AbortSignal.timeout(clearMs);
    const [models, card] = await Promise.all([ollama.loaded(signal), painter.memory(signal)]);
    const bytes = models.reduce((sum, { vramBytes }) => sum + vramBytes, 0);
    if (!card || bytes < EMPTY_BYTES || card.total - card.free - card.own < bytes * SEEN_SHARE) return false;
    log.info({ worker: painter.url }, 'Ollama has the same card as this painter: they take turns');
    seen.add(painter);
    return true;
  }

  async function withModels<T>(signal: AbortSignal, action: () => Promise<T>): Promise<T> {
    const release = await turns.models(signal);
    try {
      await enter('models');
      return await action();
    } finally {
      release();
    }
  }

  const pictures: Lease = async (painter, signal, action) => {
    if (!(await isShared(painter).catch(asNotShared))) return action();
    const release = await turns.picture(signal);
    try {
      await enter('pictures');
      loaded.add(painter);
      return await action();
    } finally {
      release();
    }
  };

  return {
    pictures,
    /** The same server, whose calls wait for their turn on the card. */
    models<Server extends Pick<ModelServer, 'chat' | 'embed'>>(server: Server): Server {
      const { embed, chat } = server;
      return {
        ...server,
        ...(roles.embed && {
          embed: {
            ...embed,
            documents: (texts, signal) => withModels(signal, () => embed.documents(texts, signal)),
            query: (text, signal) => withModels(signal, () => embed.query(text, signal)),
            plain: (texts, signal) => withModels(signal, () => embed.plain(texts, signal)),
          } satisfies ModelServer['embed'],
        }),
        ...(roles.chat &&
          ({
            async *chat(messages, options, signal) {
              const release = await turns.models(signal);
              // Who stops reading without ending the answer aborts at last.
              signal.addEventListener('abort', release, { once: true });
              try {
                await enter('models');
                yield* chat(messages, options, signal);
              } finally {
                signal.removeEventListener('abort', release);
                release();
              }
            },
          } satisfies Partial<ModelServer>)),
      };
    },
  };
}

function asNotShared(error: unknown): false {
  if (!(error instanceof LimnerError)) throw error;
  return false;
}

/** All names of this machine are one. */
function hostOf(url: string): string {
  const host = URL.parse(url)?.hostname ?? url;
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host) ? 'localhost' : host;
}
