import { Ollama } from 'ollama';
import { z } from 'zod';
import { startDeadline, type Limits } from './deadline.ts';
import { failureOf, refusal, withoutKey } from './failures.ts';
import type { OllamaHost } from './host.ts';
import { checkLines } from './lines.ts';
import { ask } from './request.ts';

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
 * its own clocks.
 */
export function openCall(host: OllamaHost, limits: Limits, signals: readonly AbortSignal[]): Call {
  const { signal, pieceCame, end } = startDeadline(`Ollama at ${host.url}`, limits, signals);
  const onLine = limits.next === undefined ? undefined : pieceCame;
  const ollama = new Ollama({
    host: host.url,
    headers: host.authorization ? { authorization: host.authorization } : {},
    fetch: (url, init = {}) => request(url, init, signal, host, onLine),
  });
  return {
    ollama,
    failure: (error) => (signal.aborted ? signal.reason : failureOf(error, 'Ollama', host.url)),
    end,
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

/** What the package hands to `fetch`. */
const Url = z.string();
const Sent = z.object({ headers: z.record(z.string(), z.string()), body: z.string().optional() });

/** With `onLine` the answer is a stream of lines, whatever its content type says. */
async function request(
  url: RequestInfo | URL,
  init: RequestInit,
  signal: AbortSignal,
  { authorization }: OllamaHost,
  onLine?: () => void,
): Promise<Response> {
  const { headers, body } = Sent.parse(init);
  const asked = { headers, signal, ...(body !== undefined && { body }) };
  const watcher = onLine && checkLines(onLine, authorization);
  const response = await ask(Url.parse(url), asked, watcher);
  if (!response.ok) throw refusal(response.status, withoutKey(await response.text(), authorization));
  return response;
}
