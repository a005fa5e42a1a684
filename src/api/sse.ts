import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A comment that clients skip and proxies count as life, while a model loads. */
const KEEP_ALIVE = ': keep-alive\n\n';
const KEEP_ALIVE_MS = 10_000;

/** One event of a stream: an object as JSON, or a literal such as `[DONE]`. */
export function sseEvent(data: unknown, name?: string): string {
  const body = typeof data === 'string' ? data : JSON.stringify(data);
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${body}\n\n`;
}

/** Aborts when the client leaves before the answer is whole. */
export function signalOf(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  if (request.raw.destroyed && !request.raw.complete) gone.abort();
  return gone.signal;
}

/**
 * Waits for the first event, so that what fails before it can be answered with a status of its own; not for longer
 * than clients wait without a sign of life.
 */
export async function firstInTime<T>(
  events: AsyncIterable<T>,
  ms = KEEP_ALIVE_MS,
): Promise<AsyncIterable<T>> {
  const iterator = events[Symbol.asyncIterator]();
  const first = iterator.next();
  await orTimeout(first, ms);
  return resume(first, iterator);
}

async function* resume<T>(first: Promise<IteratorResult<T>>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    for (let next = await first; !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Sends events as they come, no faster than the client reads them. */
export function sendEvents(
  reply: FastifyReply,
  events: AsyncIterable<string>,
  keepAliveMs = KEEP_ALIVE_MS,
): FastifyReply {
  return reply
    .header('content-type', 'text/event-stream; charset=utf-8')
    .header('cache-control', 'no-cache')
    .header('x-accel-buffering', 'no')
    .send(Readable.from(withKeepAlive(events, keepAliveMs), { objectMode: false, highWaterMark: 16_384 }));
}

async function* withKeepAlive(events: AsyncIterable<string>, ms: number): AsyncGenerator<string> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (let next = iterator.next(); ;) {
      const result = await orTimeout(next, ms);
      if (result === undefined) yield KEEP_ALIVE;
      else if (result.done) return;
      else {
        yield result.value;
        next = iterator.next();
      }
    }
  } finally {
    await iterator.return?.();
  }
}

async function orTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
