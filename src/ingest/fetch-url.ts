import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import ipaddr from 'ipaddr.js';
import { Agent, buildConnector, request, type Dispatcher } from 'undici';
import { LimnerError, messageOf } from '../errors.ts';

export interface FetchOptions {
  /** Host names and addresses that may be fetched although they are not public, as the owner has set them. */
  allow: ReadonlySet<string>;
  /** Everything together, redirects and body, ms. */
  totalMs: number;
  /** Gives every address of a name; the system's own unless set. */
  resolve?: Resolve;
}

export type Resolve = (
  host: string,
  done: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void;

const systemResolve: Resolve = (host, done) => systemLookup(host, { all: true }, done);

export interface Fetched {
  body: Readable;
  /** After redirects. */
  url: URL;
}

const MAX_REDIRECTS = 5;
const CONNECT_MS = 5_000;

/** Answers its instances' metadata on Azure although it is a public address. */
const AZURE_METADATA = '168.63.129.16';

export type FetchUrl = (url: string, signal: AbortSignal) => Promise<Fetched>;

/**
 * Fetches a page or file of the public network for a stranger. The address is checked where the connection is
 * made, so that neither a literal, nor a name that resolves inside, nor an answer that changes, nor a redirect
 * reaches this machine or its network. Throws `invalid_request`, `outside` or `fetch_failed`.
 */
export function createFetchUrl({ allow, totalMs, resolve = systemResolve }: FetchOptions): FetchUrl {
  const agent = new Agent({
    connect: guardedConnector(allow, resolve),
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
  });

  return async function fetchUrl(address, signal) {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(totalMs)]);
    let url = parseAddress(address);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const answer = await ask(agent, url, deadline);
      const next = redirectOf(answer, url);
      if (!next) return { body: bodyOf(answer, url), url };
      leave(answer.body);
      url = next;
    }
    throw new LimnerError('fetch_failed', `${address} redirects more than ${MAX_REDIRECTS} times.`);
  };
}

/** Parsed once, by the rules of browsers; the object is passed on, never the text. */
function parseAddress(address: string, base?: URL): URL {
  const url = URL.parse(address, base);
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw new LimnerError(
      'invalid_request',
      'The url must be a plain http or https address without credentials.',
      {
        param: 'url',
      },
    );
  return url;
}

async function ask(agent: Agent, url: URL, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  try {
    return await request(url, {
      dispatcher: agent,
      signal,
      headers: { 'accept-encoding': 'identity', 'user-agent': 'limner', accept: '*/*' },
    });
  } catch (error) {
    if (error instanceof LimnerError) throw error;
    if (error instanceof Error && error.cause instanceof LimnerError) throw error.cause;
    throw new LimnerError('fetch_failed', `${url.host} could not be fetched: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

function redirectOf({ statusCode, headers }: Dispatcher.ResponseData, from: URL): URL | undefined {
  const { location } = headers;
  if (statusCode < 300 || statusCode > 399 || typeof location !== 'string') return undefined;
  return parseAddress(location, from);
}

/** A compressed answer to a request for none could unfold to anything. */
function bodyOf({ statusCode, headers, body }: Dispatcher.ResponseData, url: URL): Readable {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (statusCode === 200 && encoding === 'identity') return body;
  leave(body);
  const reason = statusCode === 200 ? 'sends compressed content unasked' : `answers ${statusCode}`;
  throw new LimnerError('fetch_failed', `${url.host} ${reason}.`);
}

/** Nobody reads on; that it then breaks off is no news. */
function leave(body: Readable): void {
  body.on('error', () => undefined).destroy();
}

/** undici's own connector, with the address checked before for literals and after connecting for names. */
function guardedConnector(allow: ReadonlySet<string>, resolve: Resolve): buildConnector.connector {
  const connect = buildConnector({ timeout: CONNECT_MS, lookup: guardedLookup(allow, resolve) });
  return (options, done) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0 && isInside(host, allow)) return done(refused(host), null);
    return connect(options, (...[error, socket]) => {
      if (error) return done(error, null);
      const reached = socket.remoteAddress;
      if (allow.has(host) || (reached !== undefined && !isInside(reached, allow))) return done(null, socket);
      socket.destroy();
      return done(refused(host), null);
    });
  };
}

/** Refuses a name when any of its addresses is inside. */
function guardedLookup(allow: ReadonlySet<string>, resolve: Resolve): LookupFunction {
  return (host, options, done) => {
    resolve(host, (error, addresses) => {
      if (error) return done(error, '', 0);
      if (!allow.has(host) && addresses.some(({ address }) => isInside(address, allow)))
        return done(refused(host), '', 0);
      const first = addresses[0];
      if (options.all) return done(null, addresses);
      return done(null, first?.address ?? '', first?.family ?? 0);
    });
  };
}

/** Whether an address is not one of the public network. */
export function isInside(address: string, allow: ReadonlySet<string> = new Set()): boolean {
  if (allow.has(address)) return false;
  const parsed = ipaddr.process(address);
  return parsed.range() !== 'unicast' || address === AZURE_METADATA;
}

function refused(host: string): LimnerError {
  return new LimnerError(
    'outside',
    `${host} is not on the public network, so it is not fetched; LIMNER_FETCH_ALLOW can name it.`,
    { param: 'url' },
  );
}
