import { LimnerError } from '../errors.ts';
import { TooSlowError } from './failures.ts';

/** Said once, for without a reason every signal makes an error of its own with a stack, which costs more than the call. */
const ENDED = new LimnerError('cancelled', 'The call to the model server has ended.');

/** What a call may take, in milliseconds. */
export interface Limits {
  /** All of it. */
  total: number;
  /** Until the first piece of a streamed answer. */
  first?: number;
  /** Between two pieces of a streamed answer; an answer that is not streamed has no such limit. */
  next?: number;
}

/** The clocks of one call, since a server that drips bytes never trips a timeout between bytes. */
export interface Deadline {
  /** Aborts with one of our errors: too slow, or cancelled. */
  signal: AbortSignal;
  /** Called as each piece of a streamed answer comes. */
  pieceCame(): void;
  /** Must be called: stops the clocks and closes the connection if it is still open. */
  end(): void;
}

/** `server` is what people call it, with its address. */
export function startDeadline(server: string, limits: Limits, signals: readonly AbortSignal[]): Deadline {
  const controller = new AbortController();
  const release = followed(signals, (reason) => controller.abort(reason));
  const clocks = startClocks(limits, (allowed) => controller.abort(new TooSlowError(server, allowed)));
  return {
    signal: controller.signal,
    pieceCame: clocks.pieceCame,
    end: () => {
      clocks.stop();
      release();
      controller.abort(ENDED);
    },
  };
}

/** Aborts when any of the signals does, with an error that has a code. Returns what lets the signals go. */
function followed(signals: readonly AbortSignal[], abort: (reason: LimnerError) => void): () => void {
  const released = new AbortController();
  for (const signal of signals) {
    const follow = (): void => abort(cancelled(signal.reason));
    if (signal.aborted) follow();
    else signal.addEventListener('abort', follow, { once: true, signal: released.signal });
  }
  return () => released.abort(ENDED);
}

/** Why a signal ended something, as one of our errors. */
export function cancelled(reason: unknown): LimnerError {
  return reason instanceof LimnerError
    ? reason
    : new LimnerError('cancelled', 'The call to the model server was cancelled.', { cause: reason });
}

function startClocks(limits: Limits, expire: (allowed: number) => void) {
  const start = (allowed: number | undefined): NodeJS.Timeout | undefined =>
    allowed === undefined ? undefined : setTimeout(() => expire(allowed), allowed);
  const total = start(limits.total);
  let gap = start(limits.first);
  return {
    pieceCame: () => {
      clearTimeout(gap);
      gap = start(limits.next);
    },
    stop: () => {
      clearTimeout(total);
      clearTimeout(gap);
    },
  };
}
