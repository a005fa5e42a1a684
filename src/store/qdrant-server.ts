import { setTimeout as after } from 'node:timers/promises';
import type { QdrantClient } from '@qdrant/js-client-rest';
import { z } from 'zod';
import { LimnerError, messageOf } from '../errors.ts';

export interface QdrantOptions {
  /** Base address; port 6333 where it names none, as Qdrant's own clients have it. */
  url: string;
  key: string | undefined;
  /** The alias that everything is asked by. */
  collection: string;
  /** Shards of a new collection, and copies of each; undefined leaves it to the server. */
  shards: number | undefined;
  replicas: number | undefined;
}

/** How long one request may take, and how often and how patiently one that was told to wait is made again. */
export interface Patience {
  timeoutMs: number;
  tries: number;
  firstWaitMs: number;
}

const PATIENCE: Patience = { timeoutMs: 30_000, tries: 6, firstWaitMs: 500 };
const LONGEST_WAIT_MS = 60_000;

/** What the client throws: our own shapes of its errors, since it does not export the one with a status. */
const Answered = z.object({ status: z.number(), data: z.unknown() });
const Exhausted = z.object({ retry_after: z.number() });
/** A connection that ended before the answer came. */
const Dropped = z.object({ cause: z.object({ code: z.enum(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']) }) });
const Complaint = z.object({ status: z.object({ error: z.string() }) });

/** Asks the server for something; what it means that it fails is decided here. */
export interface QdrantServer {
  /** Throws `store_unavailable`; with `missing`, `undefined` is the answer where something is not there (404). */
  ask<T>(work: (client: QdrantClient) => Promise<T>): Promise<T>;
  find<T>(work: (client: QdrantClient) => Promise<T>): Promise<T | undefined>;
  /** The address without credentials, for people. */
  address: string;
}

export function createQdrantServer(options: QdrantOptions, patience: Patience = PATIENCE): QdrantServer {
  const url = new URL(options.url);
  const address = `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`;
  let client: Promise<QdrantClient> | undefined;

  /** Loaded when it is needed: most have no Qdrant, and it takes 10 MB of a service that rests. */
  async function connect(): Promise<QdrantClient> {
    const { QdrantClient: Client } = await import('@qdrant/js-client-rest');
    return new Client({
      host: url.hostname,
      port: portOf(options.url),
      https: url.protocol === 'https:',
      prefix: url.pathname.replace(/\/$/, ''),
      timeout: patience.timeoutMs,
      // What it says of an unlike version goes to the console; the version is looked at elsewhere.
      checkCompatibility: false,
      ...(options.key !== undefined && { headers: { 'api-key': options.key } }),
    });
  }

  async function patiently<T>(work: (client: QdrantClient) => Promise<T>): Promise<T> {
    for (let tried = 1, dropped = 0; ; tried++) {
      try {
        return await work(await (client ??= connect()));
      } catch (error) {
        // The client keeps what rests for ten seconds and Qdrant for five; nothing that is asked here is harmed by asking twice.
        if (Dropped.safeParse(error).success && dropped++ === 0) continue;
        const waitMs = waitFor(error, tried, patience);
        if (waitMs === undefined) throw error;
        await after(waitMs);
      }
    }
  }

  const ask: QdrantServer['ask'] = async (work) => {
    try {
      return await patiently(work);
    } catch (error) {
      throw named(error, address, options.key);
    }
  };

  return {
    address,
    ask,
    async find(work) {
      return ask(async (asked) => {
        try {
          return await work(asked);
        } catch (error) {
          if (Answered.safeParse(error).data?.status === 404) return undefined;
          throw error;
        }
      });
    },
  };
}

/** `URL` drops a port that is the scheme's own, and the client takes a missing one for Qdrant's. */
function portOf(address: string): number {
  const written = /^https?:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(address)?.[1];
  return written === undefined ? 6333 : Number(written);
}

/** Milliseconds to wait before the next try; undefined when another would not help. */
function waitFor(error: unknown, tried: number, { tries, firstWaitMs }: Patience): number | undefined {
  if (tried >= tries) return undefined;
  const asked = Exhausted.safeParse(error).data?.retry_after;
  if (asked === undefined && Answered.safeParse(error).data?.status !== 429) return undefined;
  // The client reads the first digit of what the server asks for, so a refusal that is repeated waits longer.
  return Math.min(LONGEST_WAIT_MS, Math.max((asked ?? 0) * 1000, firstWaitMs * 2 ** (tried - 1)));
}

function named(error: unknown, address: string, key: string | undefined): unknown {
  if (error instanceof LimnerError || isBug(error)) return error;
  const answered = Answered.safeParse(error).data;
  // It may repeat the key that it was shown.
  const said = complaint(error, answered).replaceAll(key ?? /$^/g, '[secret]');
  return new LimnerError('store_unavailable', `Qdrant at ${address} ${said}`, {
    cause: error,
  });
}

/** What no server brings about: `fetch` says by a cause why it failed, and a TypeError without one is our own. */
function isBug(error: unknown): boolean {
  if (error instanceof TypeError) return error.cause === undefined;
  return error instanceof RangeError || error instanceof ReferenceError || error instanceof z.ZodError;
}

function complaint(error: unknown, answered: z.infer<typeof Answered> | undefined): string {
  if (Exhausted.safeParse(error).success || answered?.status === 429)
    return 'has too much to do (429); it is asked again later.';
  if (answered === undefined) return `does not answer: ${reason(error)}.`;
  const said = Complaint.safeParse(answered.data).data?.status.error ?? JSON.stringify(answered.data ?? '');
  if (answered.status === 401 || answered.status === 403)
    return `refuses the key; set QDRANT_API_KEY to one that may read and write (it said: ${said}).`;
  return `answered ${answered.status}: ${said}`;
}

/** `fetch` keeps the real reason one level down. */
function reason(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}
