import { setTimeout as after } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { startDeadline, type Limits } from './deadline.ts';
import {
  brief,
  ConnectionError,
  errorSaid,
  failureOf,
  jsonOrNothing,
  TooLongError,
  UNAVAILABLE,
  withoutKey,
} from './failures.ts';
import type { OpenAiHost } from './openai-host.ts';
import { ask, type ModelRequest, type Watcher } from './request.ts';

/** What people read in messages. */
export const SERVER = 'The model server';

/** A server that is asked to be left alone for longer than this is not waited for: the call fails at once. */
const PATIENCE_MS = 30_000;
/** How often one call is made again when the server says that there are too many. */
const MOST_TRIES = 4;
const FIRST_PAUSE_MS = 1_000;

/** The server is there, and does not know the route. */
export class NoRouteError extends ConnectionError {}

/** Requests to one server. Every failure is one of our errors, `TooLongError` included. */
export interface OpenAiCalls {
  /** A `GET` without a body, else a `POST`. */
  once<T>(request: OpenAiRequest<T>): Promise<T>;
  /** The data of each event up to `[DONE]`. Leaving the loop closes the connection. */
  stream<T>(request: OpenAiRequest<T>): AsyncGenerator<T, void>;
}

export interface OpenAiRequest<T> {
  path: string;
  body?: object;
  /** What the answer, or each event, is read with. */
  schema: z.ZodType<T>;
  limits: Limits;
  signals: readonly AbortSignal[];
}

export function createOpenAiCalls(host: OpenAiHost): OpenAiCalls {
  /** Milliseconds since 1970, from the last `Retry-After`: it holds for every call, not only for the one refused. */
  let notBefore = 0;

  /** With a watcher the answer is a stream. */
  async function send(
    path: string,
    body: object | undefined,
    signal: AbortSignal,
    watcher?: Watcher,
  ): Promise<Response> {
    for (let tries = 1; ; tries++) {
      await leaveAlone(notBefore - Date.now(), signal);
      const response = await ask(host.url + path, requestOf(host, body, signal), watcher);
      if (response.ok) return response;
      const pause = pauseOf(response, tries);
      if (pause !== undefined) notBefore = Date.now() + pause;
      const words = await response.text();
      if (pause === undefined || tries === MOST_TRIES || pause > PATIENCE_MS)
        throw refusal(response.status, words, host);
    }
  }

  async function once<T>({ path, body, schema, limits, signals }: OpenAiRequest<T>): Promise<T> {
    const deadline = startDeadline(`${SERVER} at ${host.url}`, limits, signals);
    try {
      return schema.parse(await (await send(path, body, deadline.signal)).json());
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : failure(error);
    } finally {
      deadline.end();
    }
  }

  async function* stream<T>(request: OpenAiRequest<T>): AsyncGenerator<T, void> {
    const { path, body, schema, limits, signals } = request;
    const { signal, pieceCame, end } = startDeadline(`${SERVER} at ${host.url}`, limits, signals);
    try {
      const response = await send(path, body, signal, { onBytes: pieceCame });
      for await (const data of eventsOf(response)) {
        const event: unknown = JSON.parse(data);
        const words = wordsIn(event);
        if (words !== undefined) throw errorSaid(withoutKey(words, host.authorization), SERVER);
        yield schema.parse(event);
      }
    } catch (error) {
      throw signal.aborted ? signal.reason : failure(error);
    } finally {
      end();
    }
  }

  const failure = (error: unknown): unknown => failureOf(error, SERVER, host.url);

  return { once, stream };
}

function requestOf(host: OpenAiHost, body: object | undefined, signal: AbortSignal): ModelRequest {
  return {
    headers: {
      ...(host.authorization !== undefined && { authorization: host.authorization }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal,
  };
}

async function leaveAlone(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  if (ms > PATIENCE_MS)
    throw new LimnerError(
      'model_unavailable',
      `${SERVER} asked not to be called for another ${Math.ceil(ms / 1000)} s.`,
    );
  await after(ms, undefined, { signal });
}

/** How long to wait after an answer that says "too many": its `Retry-After`, or longer from try to try. */
function pauseOf({ status, headers }: Response, tries: number): number | undefined {
  const wanted = headers.get('retry-after');
  if (status !== 429 && (status !== 503 || wanted === null)) return undefined;
  const seconds = Number(wanted ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const until = Date.parse(wanted ?? '') - Date.now();
  return Number.isFinite(until) ? Math.max(0, until) : FIRST_PAUSE_MS * 2 ** (tries - 1);
}

async function* eventsOf({ headers, body }: Response): AsyncGenerator<string> {
  if (!headers.get('content-type')?.includes('text/event-stream') || !body)
    throw new LimnerError('model_answer', `${SERVER} did not answer with a stream of events.`);
  const events = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  for await (const { data } of events) {
    if (data === '[DONE]') return;
    yield data;
  }
}

const ErrorShape = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform(({ error }) => error.message),
  z.object({ error: z.string() }).transform(({ error }) => error),
  z.object({ object: z.literal('error'), message: z.string() }).transform(({ message }) => message),
  z.object({ detail: z.string() }).transform(({ detail }) => detail),
]);

/** The server's own words, in any of the shapes that servers of this API use. */
function wordsIn(body: unknown): string | undefined {
  const parsed = ErrorShape.safeParse(body);
  return parsed.success ? parsed.data : undefined;
}

/** The error for an answer with an error status. */
export function refusal(status: number, body: string, host: OpenAiHost): Error {
  const words = wordsIn(jsonOrNothing(body));
  const said = brief(withoutKey(words ?? `HTTP ${status}`, host.authorization));
  const at = `${SERVER} at ${host.url}`;
  if (status === 404 && words !== undefined && /model/i.test(words))
    return new LimnerError('model_missing', `${at} says: ${said}.`);
  if (status === 404) return new NoRouteError(`${at} has no such route: ${said}.`, undefined);
  if (status === 401 || status === 403)
    return new LimnerError('model_unavailable', `${at} refuses the key: ${said}.`);
  if (status === 413) return new TooLongError(said);
  if (UNAVAILABLE.has(status))
    return new LimnerError('model_unavailable', `${at} is not available: ${said}.`);
  return errorSaid(said, SERVER);
}
