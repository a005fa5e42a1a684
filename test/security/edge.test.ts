import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startBench } from '../api/setup.ts';

const ADMIN = 'the-admin-key';
const admin = { authorization: `Bearer ${ADMIN}` };

test('key guessing: after a hundred wrong keys an address waits, whatever it claims to be', async () => {
  const bench = await startBench({ LIMNER_API_KEYS: ADMIN });
  const statuses = new Set<number>();
  for (let at = 0; at < 120; at++) {
    const headers = { authorization: `Bearer wrong-${at}`, 'x-forwarded-for': `203.0.113.${at}` };
    statuses.add((await bench.get('/v1/models', headers)).statusCode);
  }
  expect([...statuses]).toEqual([401, 429]);
});

test('no page of another site may read, unless its origin is set', async () => {
  const origin = 'https://chat.example';
  const closed = await startBench({ LIMNER_API_KEYS: ADMIN });
  expect((await closed.get('/healthz', { origin })).headers).not.toHaveProperty(
    'access-control-allow-origin',
  );
  const open = await startBench({ LIMNER_API_KEYS: ADMIN, LIMNER_CORS_ORIGINS: origin });
  const preflight = await open.app.server.inject({
    method: 'OPTIONS',
    url: '/api/search',
    headers: { origin, 'access-control-request-method': 'POST' },
  });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers['access-control-allow-origin']).toBe(origin);
  const other = await open.get('/healthz', { origin: 'https://evil.example' });
  expect(other.headers).not.toHaveProperty('access-control-allow-origin');
});

test('every answer carries the headers that keep a browser strict', async () => {
  const bench = await startBench();
  for (const url of ['/', '/login', '/api/status', '/nowhere', '/healthz']) {
    const { headers } = await bench.get(url);
    expect(headers['x-content-type-options'], url).toBe('nosniff');
    expect(headers['content-security-policy'], url).toMatch(/default-src 'none'/);
  }
});

test('overload is refused with the time to come again, and the service still shows that it lives', async () => {
  const bench = await startBench({ LIMNER_API_KEYS: ADMIN, LIMNER_MAX_REQUESTS: '1' });
  const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
  const leave = new AbortController();
  const stream = await fetch(`${address}/api/events`, { headers: admin, signal: leave.signal });
  expect(stream.status).toBe(200);
  const refused = await fetch(`${address}/api/status`, { headers: admin });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
  leave.abort();
  await expect.poll(async () => (await fetch(`${address}/api/status`, { headers: admin })).status).toBe(200);
});

test('slow bodies: who stops in the middle of a body is cut', async () => {
  const bench = await startBench({ LIMNER_STALLED_SECONDS: '1' });
  const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    'POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
  );
  const drip = setInterval(() => socket.write(' '), 300);
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(drip);
  expect(socket.bytesWritten).toBeLessThan(300);
}, 15_000);
