import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';

/** These say nothing about documents, and those who watch a service have no key. */
const OPEN_ROUTES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export interface GuardOptions {
  apiKeys: readonly string[];
  /** Host names that a request may be addressed to when there are no keys. */
  hosts: readonly string[];
  /** Where our own page is reached; a proxy may call us by another name. */
  publicUrl?: string | undefined;
  /** Routes that check a signature of their own. */
  signed?: readonly string[];
}

/**
 * Lets a request pass or throws: with keys set one is needed (Bearer, or as the password of Basic, which
 * browsers ask for). Without keys only loopback listens, and a page of another site must not reach it: not by
 * a name of its own that resolves here (Host), not by a form (Origin).
 */
export function createGuard({
  apiKeys,
  hosts,
  publicUrl,
  signed = [],
}: GuardOptions): (request: FastifyRequest) => void {
  const digests = apiKeys.map(digest);
  const ours = publicUrl === undefined ? undefined : new URL(publicUrl).origin;
  const known = new Set(['localhost', '127.0.0.1', '[::1]', ...hosts]);
  const open = new Set([...OPEN_ROUTES, ...signed]);
  return (request) => {
    if (open.has(request.routeOptions.url ?? '')) return;
    if (digests.length === 0 && !known.has(request.hostname.toLowerCase()) && !isLoopback(request.hostname))
      throw new LimnerError(
        'outside',
        'This host name is not served; set LIMNER_PUBLIC_URL or LIMNER_API_KEYS.',
      );
    if (request.headers.origin !== ours && !isSameOrigin(request))
      throw new LimnerError('outside', 'Requests from pages of other sites are refused.');
    if (digests.length > 0 && !hasKey(request.headers.authorization, digests))
      throw new LimnerError('unauthorized', 'Send a valid API key: `Authorization: Bearer <key>`.');
  };
}

function isLoopback(hostname: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function isSameOrigin(request: FastifyRequest): boolean {
  const { origin } = request.headers;
  if (origin === undefined || request.method === 'GET' || request.method === 'HEAD') return true;
  return URL.canParse(origin) && new URL(origin).host === request.host;
}

function hasKey(header: string | undefined, digests: readonly Buffer[]): boolean {
  const sent = digest(keyOf(header ?? ''));
  return digests.reduce((found, known) => timingSafeEqual(sent, known) || found, false);
}

function keyOf(header: string): string {
  const [scheme = '', value = ''] = header.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
