import { Ollama } from 'ollama';
import { LimnerError } from '../errors.ts';
import { failureOf, refusal, TooSlowError } from './failures.ts';
import type { OllamaHost } from './host.ts';
import { checkedLines } from './lines.ts';

/** What a call may take, in milliseconds. */
export interface Limits {
  /** All of it. */
  total: number;
  /** Until the first line of a streamed answer. */
  first?: number;
  /** Between two lines of a streamed answer; an answer that is not streamed has no such limit. */
  next?: number;
}

/** One exchange with the server. */
export interface Call {
  ollama: Ollama;
  /** What went wrong, as one of our errors; a bug comes back as it is. */
  failure(error: unknown): unknown;
  /** Must be called: stops the clocks and closes the connection if it is still open. */
  end(): void;
}

/**
 * Opens one call: its own `Ollama`, since the package can only abort all streams of an instance at once, and
 * its own clocks, since a server that drips bytes never trips a timeout between bytes.
 */
export function openCall(host: OllamaHost, limits: Limits, signals: readonly AbortSignal[]): Call {
  const controller = new AbortController();
  const { signal } = controller;
  const release = followed(signals, (reason) => controller.abort(reason));
  const clocks = startClocks(limits, (allowed) => controller.abort(new TooSlowError(host.url, allowed)));
  const onLine = limits.next === undefined ? undefined : clocks.lineCame;
  const ollama = new Ollama({
    host: host.url,
    headers: host.authorization ? { authorization: host.authorization } : {},
    fetch: (url, init) => request(url, { ...init, signal, redirect: 'error' }, onLine),
  });
  return {
    ollama,
    failure: (error) => (signal.aborted ? signal.reason : failureOf(error, host.url)),
    end: () => {
      clocks.stop();
      release();
      controller.abort();
    },
  };
}

/** Opens a call, does one thing with it, and ends it; every failure is one of our errors. */
export async function callOnce<T>(
  host: OllamaHost,
  limits: Limits,
  signals: readonly AbortSignal[],
  action: (ollama: Ollama) => Promise<T>,
): Promise<T> {
  const call = openCall(host, limits, signals);
  try {
    return await action(call.ollama);
  } catch (error) {
    throw call.failure(error);
  } finally {
    call.end();
  }
}

/** Aborts when any of the signals does, with an error that has a code. Returns what lets the signals go. */
function followed(signals: readonly AbortSignal[], abort: (reason: LimnerError) => void): () => void {
  const released = new AbortController();
  for (const signal of signals) {
    const follow = (): void => abort(cancelled(signal.reason));
    if (signal.aborted) follow();
    else signal.addEventListener('abort', follow, { once: true, signal: released.signal });
  }
  return () => released.abort();
}

function cancelled(reason: unknown): LimnerError {
  return reason instanceof LimnerError
    ? reason
    : new LimnerError('cancelled', 'The call to Ollama was cancelled.', { cause: reason });
}

function startClocks(limits: Limits, expire: (allowed: number) => void) {
  const start = (allowed: number | undefined): NodeJS.Timeout | undefined =>
    allowed === undefined ? undefined : setTimeout(() => expire(allowed), allowed);
  const total = start(limits.total);
  let gap = start(limits.first);
  return {
    lineCame: () => {
      clearTimeout(gap);
      gap = start(limits.next);
    },
    stop: () => {
      clearTimeout(total);
      clearTimeout(gap);
    },
  };
}

/** With `onLine` the answer is a stream of lines, whatever its content type says. */
async function request(url: RequestInfo | URL, init: RequestInit, onLine?: () => void): Promise<Response> {
  const response = await fetch(url, init);
  if (!response.ok) throw refusal(response.status, await response.text());
  if (!onLine || !response.body) return response;
  return new Response(checkedLines(response.body, onLine), { headers: response.headers });
}
