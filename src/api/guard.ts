import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';
import { sha256, type Access, type Keys } from './keys.ts';
import { createBudget } from './limits.ts';
import type { Links } from './links.ts';
import { cookieOf, type Sessions } from './login.ts';

/** These say nothing about documents; who watches a service has no key, and the page asks for one itself. */
export const OPEN_ROUTES: ReadonlySet<string> = new Set([
  '/healthz',
  '/readyz',
  '/login',
  '/',
  '/web/*',
  '/web/vendor/:file',
]);

/** Routes that an address with a signature opens. */
const LINKED: ReadonlySet<string> = new Set(['/media/pending/:id', '/api/documents/:id/figures/:figure']);

/** Wrong keys a minute and address, before even right ones are refused. */
const WRONG_KEYS = 100;

export interface GuardOptions {
  apiKeys: readonly string[];
  /** Other machines can reach it: without a key nothing is served, also when the last one was revoked. */
  isExposed: boolean;
  /** Host names that a request may be addressed to when there are no keys. */
  hosts: readonly string[];
  /** Where our own page is reached; a proxy may call us by another name. */
  publicUrl?: string | undefined;
  /** Routes that check a signature of their own. */
  signed?: readonly string[];
  /** Origins of other sites whose pages may ask. */
  origins: readonly string[];
}

/** Everything is open: no keys are set, and only the machine itself is served. */
const OWNER: Access = { id: 'owner', scopes: ['admin'] };
/** Who has the address of one picture. */
const BEARER: Access = { id: 'link', scopes: ['read'] };
const NOBODY: Access = { id: 'nobody', scopes: ['write'] };

export type Guard = ReturnType<typeof createGuard>;

/**
 * Tells what a request may do, or throws: with keys set one is needed (Bearer, or as the password of Basic, which
 * browsers ask for, or the page's session). Without keys only loopback listens, and a page of another site must
 * not reach it: not by a name of its own that resolves here (Host), not by a form (Origin).
 */
export function createGuard(
  options: GuardOptions,
  { keys, sessions, links }: { keys: Keys; sessions: Sessions; links: Pick<Links, 'holds'> },
) {
  const { publicUrl, hosts, signed = [] } = options;
  const digests = options.apiKeys.map(sha256);
  const ours = publicUrl === undefined ? undefined : new URL(publicUrl).origin;
  const known = new Set(['localhost', '127.0.0.1', '[::1]', ...hosts]);
  const open = new Set([...OPEN_ROUTES, ...signed]);
  const guesses = createBudget(WRONG_KEYS);
  const locked = (): boolean => options.isExposed || digests.length > 0 || keys.any();

  /** The access of a key; `undefined` for a wrong one. */
  function check(key: string): Access | undefined {
    const sent = sha256(key);
    const isAdmin = digests.reduce((found, one) => timingSafeEqual(sent, one) || found, false);
    return isAdmin ? { id: sent.toString('hex', 0, 6), scopes: ['admin'] } : keys.find(key);
  }

  /** Counts wrong keys per address. Throws `unauthorized` or `rate_limited`. */
  function prove(key: string, address: string): Access {
    guesses.require(address);
    const access = check(key);
    if (access) return access;
    guesses.take(address);
    throw new LimnerError('unauthorized', 'Send a valid API key: `Authorization: Bearer <key>`.');
  }

  function checkOrigin(request: FastifyRequest): void {
    if (!locked() && !known.has(request.hostname.toLowerCase()) && !isLoopback(request.hostname))
      throw new LimnerError(
        'outside',
        'This host name is not served; set LIMNER_PUBLIC_URL or LIMNER_API_KEYS.',
      );
    const { origin } = request.headers;
    if (origin !== ours && !isSameOrigin(request) && !options.origins.includes(origin ?? ''))
      throw new LimnerError('outside', 'Requests from pages of other sites are refused.');
  }

  return {
    prove,
    locked,
    admit(request: FastifyRequest): Access {
      const url = request.routeOptions.url ?? '';
      if (url === '/login' || url === '/') checkOrigin(request);
      if (open.has(url)) return NOBODY;
      if (LINKED.has(url) && links.holds(request.url)) return BEARER;
      checkOrigin(request);
      if (!locked()) return OWNER;
      const { authorization } = request.headers;
      const session =
        authorization === undefined ? sessions.find(cookieOf(request.headers.cookie)) : undefined;
      return session ?? prove(keyOf(authorization ?? ''), request.ip);
    },
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

function keyOf(header: string): string {
  const [scheme = '', value = ''] = header.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  const pair = Buffer.from(value, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}
