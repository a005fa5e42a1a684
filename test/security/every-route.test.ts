import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { scopeFor } from '../../src/api/access.ts';
import { readDescription, type DescribedRoute } from '../api/described.ts';
import { startBench } from '../api/setup.ts';

const ADMIN = 'the-admin-key';
const bench = await startBench({ LIMNER_API_KEYS: ADMIN, LIMNER_RATE_PER_MINUTE: '0' });
const admin = { authorization: `Bearer ${ADMIN}` };
const { routes } = readDescription((await bench.get('/openapi.json', admin)).json());

/** What whoever watches the service, or is about to log in, needs. Every other route is closed. */
const OPEN: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/login', '/']);

async function statusOf({ method, url }: DescribedRoute, headers: Record<string, string>, query = '') {
  const path = url.replaceAll(/\{\w+\}/g, 'none') + query;
  return (await bench.app.server.inject({ method, url: path, headers })).statusCode;
}

const Made = z.object({ id: z.string(), key: z.string() });

async function makeKey(about: object): Promise<z.infer<typeof Made>> {
  const made = await bench.app.server.inject({
    method: 'POST',
    url: '/api/keys',
    headers: admin,
    payload: { name: 'x', ...about },
  });
  return Made.parse(made.json());
}

const revoked = await makeKey({ scopes: ['admin'] });
await bench.app.server.inject({ method: 'DELETE', url: `/api/keys/${revoked.id}`, headers: admin });
const expired = await makeKey({ scopes: ['admin'], expires_at: '2020-01-01T00:00:00Z' });
const reader = await makeKey({ scopes: ['read'] });
const writer = await makeKey({ scopes: ['read', 'write'] });
const basic = (password: string) => `Basic ${Buffer.from(`x:${password}`).toString('base64')}`;

test.each<[name: string, headers: Record<string, string>, query?: string]>([
  ['no key', {}],
  ['an empty key', { authorization: 'Bearer ' }],
  ['a wrong key', { authorization: 'Bearer wrong' }],
  ['the right key in a wrong scheme', { authorization: `Digest ${ADMIN}` }],
  ['the right key as a user', { authorization: `Basic ${Buffer.from(`${ADMIN}:`).toString('base64')}` }],
  ['the right key in the address', {}, `?key=${ADMIN}&api_key=${ADMIN}&access_token=${ADMIN}`],
  ['the right key in other headers', { 'x-api-key': ADMIN, 'api-key': ADMIN }],
  ['the right key as a cookie', { cookie: `limner_session=${ADMIN}` }],
  ['a revoked key', { authorization: `Bearer ${revoked.key}` }],
  ['an expired key', { authorization: basic(expired.key) }],
])('%s opens no route', async (_name, headers, query) => {
  // Wrong keys of one address are counted; each case comes from its own service's first hundred.
  for (const [at, route] of routes.entries()) {
    // Requests within the process take no turn of the event loop, which would look like an overload.
    await turn();
    const remoteAddress = `192.0.2.${at % 250}`;
    const { method, url } = route;
    const path = url.replaceAll(/\{\w+\}/g, 'none') + (query ?? '');
    const { statusCode } = await bench.app.server.inject({ method, url: path, headers, remoteAddress });
    if (OPEN.has(url)) expect(statusCode, `${method} ${url}`).not.toBe(401);
    else expect(statusCode, `${method} ${url}`).toBe(401);
  }
});

test('each scope opens what it names and nothing above', async () => {
  let refused = 0;
  for (const route of routes) {
    if (OPEN.has(route.url) || route.url === '/api/events') continue;
    const scope = scopeFor(route.method, route.url.replaceAll(/\{(\w+)\}/g, ':$1').replace(':path', '*'));
    await turn();
    const asReader = await statusOf(route, { authorization: `Bearer ${reader.key}` });
    const asWriter = await statusOf(route, { authorization: basic(writer.key) });
    expect([asReader === 403, asWriter === 403], `${route.method} ${route.url}`).toEqual([
      scope !== 'read',
      scope === 'admin',
    ]);
    refused += Number(asReader === 403);
  }
  expect(refused).toBeGreaterThan(20);
});
