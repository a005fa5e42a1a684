import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { OllamaHost } from './host.ts';
import type { PollTimes, Timeouts } from './model-state.ts';
import { pullModel } from './pull.ts';
import { ROLES, type Role, type ServerState } from './server-state.ts';

export interface PullerOptions {
  pull?: boolean;
  host: OllamaHost;
  log: Log;
  timeouts: Timeouts;
  poll: PollTimes;
  state: ServerState;
  closing: AbortSignal;
  /** Called after each pull, however it ended. */
  over: () => void;
}

/** Has missing models pulled, one at a time, and tries again later when a pull fails. */
export interface Puller {
  /** Begins the pull of the first model that is missing and whose time has come, unless one is under way. */
  pullNext(): void;
  active(): Role | undefined;
  /** Whether the last pull of the model failed and is to be tried again. */
  hasFailed(role: Role): boolean;
  /** Milliseconds until the next pull may begin; Infinity when none waits. */
  nextPullIn(): number;
  forgetFailures(): void;
  settled(): Promise<void>;
}

interface Tries {
  failures: number;
  /** Milliseconds since 1970. */
  notBefore: number;
}

export function createPuller(options: PullerOptions): Puller {
  const { log, state, closing } = options;
  let tries: Record<Role, Tries> = untried();
  let active: { role: Role; over: Promise<void> } | undefined;

  const hasFailed = (role: Role): boolean => tries[role].failures > 0 && state.model(role).state === 'failed';
  const waiting = (): Role[] =>
    (options.pull === false ? [] : ROLES).filter(
      (role) => state.model(role).state === 'missing' || hasFailed(role),
    );

  async function pull(role: Role): Promise<void> {
    const { name } = state.model(role);
    state.set(role, { state: 'pulling', progress: 0 });
    log.info({ model: name }, 'pulling the model');
    const { pullNext: next, pullTotal: total } = options.timeouts;
    const limits = { first: next, next, total };
    await pullModel(options.host, limits, name, closing, createReport(options, role));
    tries[role] = { failures: 0, notBefore: Date.now() + options.poll.pull[0] };
    log.info({ model: name }, 'the model is pulled');
  }

  function pullFailed(role: Role, error: unknown): void {
    if (closing.aborted) return;
    const { name, state: now } = state.model(role);
    const failures = tries[role].failures + 1;
    const [first, longest] = options.poll.pull;
    const wait = Math.min(first * 2 ** (failures - 1), longest);
    tries[role] = { failures, notBefore: Date.now() + wait };
    const about = error instanceof LimnerError ? { model: name } : { model: name, err: error };
    const message = `Pulling ${name} failed and is tried again. ${messageOf(error)}`;
    log.warn({ ...about, again_in_s: wait / 1000 }, message);
    if (now !== 'unreachable') state.set(role, { state: 'failed', message });
  }

  return {
    pullNext: () => {
      const role = waiting().find((role) => Date.now() >= tries[role].notBefore);
      if (active || role === undefined || closing.aborted) return;
      const over = pull(role)
        .catch((error: unknown) => pullFailed(role, error))
        .finally(() => {
          active = undefined;
          options.over();
        });
      active = { role, over };
    },
    active: () => active?.role,
    hasFailed,
    nextPullIn: () => {
      if (active) return Infinity;
      const times = waiting().map((role) => tries[role].notBefore - Date.now());
      return Math.max(0, Math.min(...times));
    },
    forgetFailures: () => {
      tries = untried();
    },
    settled: async () => active?.over,
  };
}

function untried(): Record<Role, Tries> {
  return { embed: { failures: 0, notBefore: 0 }, chat: { failures: 0, notBefore: 0 } };
}

/** Keeps the progress in the state by the percent, and logs it by the tenth. */
function createReport({ state, log }: PullerOptions, role: Role): (done: number) => void {
  let logged = 0;
  return (done) => {
    const { name, state: now } = state.model(role);
    if (now !== 'pulling') return;
    state.set(role, { state: 'pulling', progress: Math.floor(done * 100) / 100 });
    if (done < logged + 0.1) return;
    logged = Math.floor(done * 10) / 10;
    log.info({ model: name, percent: Math.round(logged * 100) }, 'pulling the model');
  };
}
