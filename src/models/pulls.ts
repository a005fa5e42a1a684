import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OllamaHost } from './host.ts';
import { sameModel, type Timeouts } from './model-state.ts';
import { pullModel } from './pull.ts';

/** A model that somebody had Ollama download. */
export interface Pull {
  id: string;
  model: string;
  state: 'pulling' | 'done' | 'failed' | 'cancelled';
  /** 0 to 1. */
  progress: number;
  /** Why it failed, one plain sentence. */
  message: string | null;
  /** ISO 8601 UTC. */
  startedAt: string;
}

export interface PullsParts {
  /** Nothing where no role is Ollama's. */
  host: OllamaHost | undefined;
  timeouts: Pick<Timeouts, 'pullNext' | 'pullTotal'>;
  /** Looks at the server: a model that was missing may be there now. */
  check: () => Promise<unknown>;
  log: Log;
}

/** So many that have ended are remembered. */
const REMEMBERED = 20;

export type Pulls = ReturnType<typeof createPulls>;

/** Downloads that were asked for, besides those of the configured models. In memory: Ollama resumes one that is asked again. */
export function createPulls({ host, timeouts, check, log }: PullsParts) {
  const pulls = new Map<string, Pull>();
  const running = new Map<string, { controller: AbortController; ended: Promise<void> }>();
  const events = new EventEmitter<{ change: [Pull] }>();
  events.setMaxListeners(0);

  function set(pull: Pull, change: Partial<Pull>): void {
    Object.assign(pull, change);
    events.emit('change', { ...pull });
  }

  async function run(pull: Pull, from: OllamaHost, signal: AbortSignal): Promise<void> {
    const limits = { first: timeouts.pullNext, next: timeouts.pullNext, total: timeouts.pullTotal };
    try {
      await pullModel(from, limits, pull.model, signal, (done) => report(pull, done));
      // Who is told that it is done finds it there.
      await check();
      set(pull, { state: 'done', progress: 1 });
    } catch (error) {
      if (!(error instanceof LimnerError)) log.error({ err: error }, 'a pull failed in a way that is a bug');
      set(pull, { state: signal.aborted ? 'cancelled' : 'failed', message: messageOf(error) });
    } finally {
      running.delete(pull.id);
    }
  }

  /** By the percent. */
  function report(pull: Pull, done: number): void {
    const progress = Math.floor(done * 100) / 100;
    if (progress > pull.progress) set(pull, { progress });
  }

  function forgetOldest(): void {
    const ended = [...pulls.values()].filter(({ id }) => !running.has(id));
    for (const { id } of ended.slice(0, Math.max(0, ended.length - REMEMBERED))) pulls.delete(id);
  }

  return {
    events,
    /** Newest first. */
    list: (): readonly Pull[] => [...pulls.values()].toReversed(),

    /** Begins one; the same model again, while it is pulled, is the one that runs. @throws LimnerError `model_unavailable` */
    begin(model: string): Pull {
      if (!host)
        throw new LimnerError('model_unavailable', 'No Ollama is in use, and only Ollama downloads models.');
      const same = [...pulls.values()].find((one) => running.has(one.id) && sameModel(one.model, model));
      if (same) return { ...same };
      const startedAt = new Date().toISOString();
      const pull: Pull = { id: randomUUID(), model, state: 'pulling', progress: 0, message: null, startedAt };
      const controller = new AbortController();
      pulls.set(pull.id, pull);
      log.info({ model }, 'pulling a model that was asked for');
      running.set(pull.id, { controller, ended: run(pull, host, controller.signal) });
      forgetOldest();
      events.emit('change', { ...pull });
      return { ...pull };
    },

    /** Ends one. @throws LimnerError `not_found` when none of this id runs. */
    async cancel(id: string): Promise<void> {
      const entry = running.get(id);
      if (!entry) throw new LimnerError('not_found', `No pull ${id} is under way; it may have ended.`);
      entry.controller.abort(new LimnerError('cancelled', 'The pull was cancelled.'));
      await entry.ended;
    },

    async close(): Promise<void> {
      const all = [...running.values()];
      for (const { controller } of all) controller.abort(new LimnerError('cancelled', 'Limner is stopping.'));
      await Promise.all(all.map(({ ended }) => ended));
    },
  };
}
