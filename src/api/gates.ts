import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LimnerError } from '../errors.ts';
import { checkAccess, type AccessScope } from './access.ts';
import { createGathered } from './gathered.ts';
import { OPEN_ROUTES, type Guard } from './guard.ts';
import type { Access } from './keys.ts';
import type { createLimits } from './limits.ts';
import { linger } from './linger.ts';
import type { Within } from './within.ts';

const METHODS = 'GET, POST, PATCH, DELETE';

/** What every request passes before its route: headers, load, key, rate, scope; and what stands where no route is. */
export function addGates(
  server: FastifyInstance,
  parts: {
    guard: Guard;
    scope: AccessScope;
    limits: ReturnType<typeof createLimits>;
    within: Within;
    origins: readonly string[];
    methodsOf: (path: string) => string[];
  },
): void {
  const { guard, scope, limits, within, origins, methodsOf } = parts;
  const gathered = createGathered();
  const accesses = new WeakMap<FastifyRequest, Access>();

  server.addHook('onClose', async () => limits.close());

  server.addHook('onRequest', async (request, reply) => {
    addHeaders(request, reply, origins);
    checkHost(request);
    const isWithin = within.follow(request, reply);
    if (!isWithin) limits.enter(request, reply);
    if (request.method === 'OPTIONS' && isPreflight(request, origins)) return reply.code(204).send();
    const access = guard.admit(request);
    if (!isWithin) limits.count(request.ip, access);
    if (!OPEN_ROUTES.has(request.routeOptions.url ?? '') && request.routeOptions.url !== undefined)
      checkAccess(access, request);
    gathered.enter(request, reply);
    accesses.set(request, access);
    return undefined;
  });

  server.addHook('preParsing', async (request, _reply, body) => gathered.follow(request, body));

  // The body is read in between, from events of the socket, where a context set earlier would be lost.
  server.addHook('preHandler', (request, _reply, done) => {
    const access = accesses.get(request);
    if (access) scope.run(access, done);
    else done(new LimnerError('unauthorized', 'Send a valid API key.'));
  });

  server.addHook('onSend', async (request, reply) => {
    linger(request, reply);
    if (!reply.hasHeader('content-security-policy'))
      void reply.header('content-security-policy', "default-src 'none'; frame-ancestors 'self'");
  });

  server.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = methodsOf(path);
    if (methods.length === 0) throw new LimnerError('not_found', noRoute(path, methodsOf));
    void reply.header('allow', methods.join(', '));
    throw new LimnerError('method_not_allowed', `This address takes ${methods.join(', ')}.`);
  });
}

/** What most who land here did: a base URL without `/v1`, or with two, or a part of OpenAI's API that is not here. */
function noRoute(path: string, methodsOf: (path: string) => string[]): string {
  if (methodsOf(`/v1${path}`).length > 0)
    return 'There is no such route. OpenAI’s API begins with /v1 here: the base URL of a client ends with it.';
  if (path.startsWith('/v1/v1/')) return 'There is no such route. The base URL of the client has /v1 twice.';
  if (path === '/v1/completions')
    return 'The old completions are not here; use /v1/chat/completions or /v1/responses.';
  if (path.startsWith('/v1/'))
    return 'This part of OpenAI’s API is not here; GET /openapi.json lists what is.';
  return 'There is no such route.';
}

function addHeaders({ headers }: FastifyRequest, reply: FastifyReply, origins: readonly string[]): void {
  void reply
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin')
    .header('x-frame-options', 'SAMEORIGIN');
  if (origins.length === 0) return;
  void reply.header('vary', 'Origin');
  if (headers.origin === undefined || !origins.includes(headers.origin)) return;
  void reply
    .header('access-control-allow-origin', headers.origin)
    .header('access-control-allow-methods', METHODS)
    // OpenAI's client for browsers sends a dozen headers of its own.
    .header(
      'access-control-allow-headers',
      headers['access-control-request-headers'] ?? 'authorization, content-type',
    )
    .header('access-control-expose-headers', 'retry-after')
    .header('access-control-max-age', '600');
}

/** Node keeps the first of several; what stands before us may have believed another (RFC 9112, 3.2). */
function checkHost({ raw }: FastifyRequest): void {
  const hosts = raw.rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === 'host');
  if (hosts.length > 1) throw new LimnerError('invalid_request', 'The request names more than one host.');
}

function isPreflight({ headers }: FastifyRequest, origins: readonly string[]): boolean {
  return (
    headers['access-control-request-method'] !== undefined &&
    headers.origin !== undefined &&
    origins.includes(headers.origin)
  );
}
