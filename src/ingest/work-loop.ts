import { setTimeout as after } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';

export interface WorkLoopOptions {
  /** Steps under way at once; 1 unless told. */
  width?: number;
  /** How long to wait after a failure, ms; doubles with each one in a row, up to the longest. */
  firstRetryMs: number;
  longestRetryMs: number;
}

export interface WorkLoopParts {
  /** What is done, as the log calls it. */
  name: string;
  /**
   * Does one piece of the work; false when there is none until the loop is woken. What it throws is tried again after a
   * while, whatever it is: nothing that goes wrong here may end the service.
   */
  step: (signal: AbortSignal) => Promise<boolean>;
  log: Log;
}

/** Work behind the documents' own that goes on until there is none, and again whenever there may be some. */
export function createWorkLoop(options: WorkLoopOptions, { name, step, log }: WorkLoopParts) {
  const stop = new AbortController();
  let bell = Promise.withResolvers<void>();
  let running: Promise<void>[] = [];
  let failures = 0;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const rung = bell.promise;
      try {
        if (!(await step(stop.signal))) await rung;
        else failures = 0;
      } catch (error) {
        await rest(error);
      }
    }
  }

  async function rest(error: unknown): Promise<void> {
    if (stop.signal.aborted) return;
    const ms = Math.min(options.firstRetryMs * 2 ** failures++, options.longestRetryMs);
    if (error instanceof LimnerError)
      log.warn({ code: error.code, reason: error.message, ms }, `${name} waits`);
    else log.error({ err: error, ms }, `${name} failed in a way that is a bug`);
    await after(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  /** Something may be there to do. */
  function wake(): void {
    bell.resolve();
    bell = Promise.withResolvers();
  }

  return {
    start: (): void => void (running = Array.from({ length: options.width ?? 1 }, run)),
    wake,
    /** Since the last step that was done. */
    failures: () => failures,
    async close(): Promise<void> {
      stop.abort();
      wake();
      await Promise.all(running);
    },
  };
}
