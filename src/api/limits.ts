import { isIPv6 } from 'node:net';
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

/** Between two looks at what is under way, ms. */
const LOOK_MS = 200;
/** A turn of the event loop that takes longer is too long for those who wait, ms. */
const LONG_TURN_MS = 1000;
/** One long turn may be anything; so many with no quiet second between them are an overload. */
const LONG_TURNS = 2;
const QUIET_MS = 1000;

/** Tells from how late its looks are whether the event loop still gets round. */
function createOverload() {
  let last = performance.now();
  let longAt = -Infinity;
  let long = 0;
  return {
    look(): void {
      const now = performance.now();
      const isLong = now - last - LOOK_MS > LONG_TURN_MS;
      last = now;
      if (isLong) {
        long += 1;
        longAt = now;
      } else if (now - longAt > QUIET_MS) long = 0;
    },
    isNow: (): boolean => long >= LONG_TURNS,
  };
}

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
  const overload = createOverload();
  const timer = setInterval(() => {
    overload.look();
    for (const one of underWay.values()) cutIfStalled(one, options.stalledMs);
  }, LOOK_MS);
  timer.unref();

  return {
    close: () => clearInterval(timer),

    /** Throws `overloaded`, unless the route is how one sees that the service lives. */
    enter(request: FastifyRequest, reply: FastifyReply): void {
      const { id, raw } = request;
      if (request.routeOptions.url !== '/healthz' && (overload.isNow() || underWay.size >= options.underWay))
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
