import type { Ollama } from 'ollama';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { callOnce } from './call.ts';
import { ConnectionError, TooSlowError } from './failures.ts';
import type { OllamaHost } from './host.ts';
import { askVersion, describeModel, findInstalled, listInstalled, type InstalledModel } from './look.ts';
import type { KnownModel, PollTimes, Timeouts } from './model-state.ts';
import { createOtherModels, type OtherModels } from './ollama-models.ts';
import { createPoller } from './poller.ts';
import { createPuller } from './puller.ts';
import { createServerState, ROLES, type Role, type ServerState } from './server-state.ts';

/** A busy machine may be slow to answer once; so many slow looks in a row mean that it is gone. */
const SLOW_LOOKS = 3;

export interface WatchOptions {
  host: OllamaHost;
  /** A role without a name is another server's. */
  names: Record<Role, string | undefined>;
  /** False leaves missing models missing. */
  pull?: boolean;
  log: Log;
  timeouts: Timeouts;
  poll: PollTimes;
}

/** Knows at any time whether the server and its models can be used, and gets missing models pulled. */
export interface Watch {
  state: ServerState;
  start(): void;
  close(): Promise<void>;
  /** Looks at the server now. */
  check(): Promise<void>;
  /** A chat model by its own name. @throws LimnerError `model_missing`, `model_unavailable`. */
  named(name: string): KnownModel;
  chatModels: OtherModels['chatModels'];
  /** @throws LimnerError `model_answer` when the server now has other weights under the model's name. */
  confirm(role: Role, model: KnownModel, signal: AbortSignal): Promise<void>;
  /** Tells of a call that failed, so that the state is right at once. */
  callFailed(error: unknown): void;
  /** Aborts when the watch is closed; every call to the server listens to it. */
  closing: AbortSignal;
}

export function createWatch(options: WatchOptions): Watch {
  const { host, names, log, timeouts, poll } = options;
  const closing = new AbortController();
  const state = createServerState('ollama', host.url, names);
  const others = createOtherModels(ask);
  const poller = createPoller(look);
  const puller = createPuller({ ...options, state, closing: closing.signal, over: () => poller.wake() });
  let absences = 0;
  let slowLooks = 0;

  function ask<T>(action: (ollama: Ollama) => Promise<T>): Promise<T> {
    return callOnce(host, { total: timeouts.status }, [closing.signal], action);
  }

  async function look(): Promise<number> {
    if (closing.signal.aborted) return poll.present;
    try {
      markPresent(await ask(askVersion));
      const installed = await ask(listInstalled);
      for (const role of ROLES) await settle(role, installed);
      slowLooks = 0;
      puller.pullNext();
      await others.update(installed);
    } catch (error) {
      lookFailed(error);
    }
    return nextWait();
  }

  function markPresent(version: string): void {
    const before = state.snapshot();
    absences = 0;
    if (!before.reachable) {
      puller.forgetFailures();
      log.info({ url: host.url, version }, 'Ollama is reachable');
    }
    state.present(version);
  }

  /** Brings one model's state in line with what the server has. */
  async function settle(role: Role, installed: readonly InstalledModel[]): Promise<void> {
    const name = names[role];
    if (name === undefined) return;
    const found = findInstalled(installed, name);
    if (!found) return settleMissing(role, name);
    if (state.ready(role)?.digest === found.digest) return;
    try {
      const known = await ask((ollama) => describeModel(ollama, found, role));
      state.setReady(role, known);
      const { identity, contextTokens } = known;
      log.info({ model: identity, context_tokens: contextTokens }, 'model is ready');
    } catch (error) {
      settleBroken(role, error);
    }
  }

  /** One model that the server has but cannot describe, such as a damaged one, does not concern the other. */
  function settleBroken(role: Role, error: unknown): void {
    if (!(error instanceof LimnerError) || error.code === 'model_unavailable') throw error;
    if (state.model(role).message !== error.message) log.warn({ model: names[role] }, error.message);
    state.set(role, { state: 'failed', message: error.message });
  }

  function settleMissing(role: Role, name: string): void {
    if (puller.active() === role || puller.hasFailed(role)) return;
    state.set(role, {
      state: 'missing',
      message: `Ollama does not have the model ${name} yet; it will be pulled.`,
    });
  }

  function lookFailed(error: unknown): void {
    if (closing.signal.aborted) return;
    if (!(error instanceof LimnerError)) log.error({ err: error }, 'looking at Ollama failed');
    if (error instanceof TooSlowError && state.snapshot().reachable && ++slowLooks < SLOW_LOOKS) return;
    markAbsent(messageOf(error));
  }

  function markAbsent(message: string): void {
    if (state.snapshot().reachable || absences === 0) log.warn({ url: host.url }, message);
    absences += 1;
    slowLooks = 0;
    others.forget();
    state.absent(message);
  }

  function nextWait(): number {
    const [first, longest] = poll.absent;
    if (absences > 0) return Math.min(first * 2 ** (absences - 1), longest);
    if (slowLooks > 0) return first;
    return Math.min(poll.present, puller.nextPullIn());
  }

  return {
    state,
    start: () => poller.start(),
    close: async () => {
      closing.abort(new LimnerError('cancelled', 'Limner is stopping.'));
      await Promise.all([poller.close(), puller.settled()]);
    },
    check: () => poller.look(),
    named: (name) => {
      if (state.snapshot().reachable) return others.require(name);
      throw new LimnerError('model_unavailable', `Ollama at ${host.url} cannot be reached.`);
    },
    chatModels: others.chatModels,
    confirm: async (role, model, signal) => {
      const limits = { total: timeouts.embed };
      const installed = await callOnce(host, limits, [signal, closing.signal], listInstalled);
      if (findInstalled(installed, model.name)?.digest === model.digest) return;
      poller.wake();
      throw new LimnerError('model_answer', `The model ${model.name} was replaced during the call.`);
    },
    callFailed: (error) => {
      // While the server is known to be away its absence is looked into at its own pace.
      if (!state.snapshot().reachable || !isAboutServer(error)) return;
      if (error instanceof ConnectionError) markAbsent(error.message);
      poller.wake();
    },
    closing: closing.signal,
  };
}

/** Whether a failed call says something about the server that the state may not know yet. */
function isAboutServer(error: unknown): boolean {
  if (error instanceof TooSlowError || error instanceof ConnectionError) return true;
  return error instanceof LimnerError && error.code === 'model_missing';
}
