import { isIPv6 } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';

const MINUTE_MS = 60_000;
/** Callers that are remembered at most; those who came first are forgotten first. */
const CALLERS = 10_000;

/** So many a minute for each caller, all at once or spread: a bucket that fills evenly. */
export function createBudget(perMinute: number) {
  const buckets = new Map<string, { left: number; at: number }>();

  function look(caller: string, limit: number) {
    const id = networkOf(caller);
    const now = performance.now();
    const known = buckets.get(id) ?? { left: limit, at: now };
    const left = Math.min(limit, known.left + ((now - known.at) / MINUTE_MS) * limit);
    return { id, now, left };
  }

  return {
    /** Throws `rate_limited` when nothing is left; takes nothing. */
    require(caller: string, limit = perMinute): void {
      const { left } = look(caller, limit);
      if (left < 1) refuse(left, limit);
    },
    take(caller: string, limit = perMinute): void {
      const { id, now, left } = look(caller, limit);
      if (left < 1) refuse(left, limit);
      buckets.delete(id);
      buckets.set(id, { left: left - 1, at: now });
      const [oldest] = buckets.keys();
      if (buckets.size > CALLERS && oldest !== undefined) buckets.delete(oldest);
    },
  };
}

function refuse(left: number, limit: number): never {
  const seconds = Math.max(1, Math.ceil(((1 - left) / limit) * 60));
  throw new LimnerError('rate_limited', `That is too often; try again in ${seconds} s.`);
}

/** Whoever has one IPv6 address has its whole /64. */
function networkOf(caller: string): string {
  if (!isIPv6(caller) || caller.startsWith('::')) return caller;
  return caller.split(':').slice(0, 4).join(':');
}

export interface LimitOptions {
  /** Requests a minute of one key, and of one address; 0 means no limit. */
  perMinute: number;
  /** Requests under way at most. */
  underWay: number;
  /** A client that neither sends nor reads a byte for so long while one is awaited is cut, ms. */
  stalledMs: number;
}

/** The event loop's mean delay from which on requests are refused, ms. */
const DELAY_MS = 1000;
const WATCH_MS = 1000;

interface UnderWay {
  request: FastifyRequest;
  reply: FastifyReply;
  bytes: number;
  since: number;
}

/** Refuses what comes too often or too much at once, before anything of it is read, and cuts who stalls. */
export function createLimits(options: LimitOptions) {
  const budget = createBudget(options.perMinute);
  const underWay = new Map<string, UnderWay>();
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let slow = false;
  const timer = setInterval(() => {
    slow = delay.mean / 1e6 > DELAY_MS;
    delay.reset();
    for (const one of underWay.values()) cutIfStalled(one, options.stalledMs);
  }, WATCH_MS);
  timer.unref();

  return {
    close(): void {
      clearInterval(timer);
      delay.disable();
    },

    /** Throws `overloaded`, unless the route is how one sees that the service lives. */
    enter(request: FastifyRequest, reply: FastifyReply): void {
      const { id, raw } = request;
      if (request.routeOptions.url !== '/healthz' && (slow || underWay.size >= options.underWay))
        throw new LimnerError('overloaded', 'Too much is under way; try again in a moment.');
      underWay.set(id, { request, reply, bytes: bytesOf(raw), since: performance.now() });
      reply.raw.once('close', () => underWay.delete(id));
    },

    /** Throws `rate_limited`. A key has its own rate, or the common one. */
    count(address: string, key: { id: string; rate?: number }): void {
      if (key.rate !== undefined) return budget.take(`key ${key.id}`, key.rate);
      if (options.perMinute === 0) return;
      budget.take(address);
      budget.take(`key ${key.id}`);
    },
  };
}

function bytesOf({ socket }: FastifyRequest['raw']): number {
  return (socket.bytesRead ?? 0) + (socket.bytesWritten ?? 0);
}

/** Waiting for a body that we read, or for a reader of what we wrote. What waits for us is no stall. */
function cutIfStalled(one: UnderWay, stalledMs: number): void {
  const { raw } = one.request;
  const reading = !raw.complete && raw.readableLength === 0;
  const writing = one.reply.raw.writableLength > 0;
  const bytes = bytesOf(raw);
  if (bytes - one.bytes > 1024 || !(reading || writing)) {
    one.bytes = bytes;
    one.since = performance.now();
  } else if (performance.now() - one.since > stalledMs) raw.socket.destroy();
}
