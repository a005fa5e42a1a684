import { describe, expect, test } from 'vitest';
import { errorIn, startBench } from './setup.ts';

const KEYS = ['first-key-of-ours', 'second:key'];
const open = await startBench();
const locked = await startBench({ LIMNER_API_KEYS: KEYS.join(',') });
const named = await startBench({ LIMNER_PUBLIC_URL: 'https://docs.example/limner/' });

const refused = { status: 403, code: 'outside', param: null };
const unauthorized = { status: 401, code: 'unauthorized', param: null };

function basic(password: string, user = 'anyone'): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

describe('with keys', () => {
  const ask = (authorization: string) => locked.get('/api/status', { authorization });

  test.each([
    'Bearer first-key-of-ours',
    'bearer second:key',
    basic('first-key-of-ours'),
    basic('second:key'),
    basic('first-key-of-ours', ''),
  ])('one of them opens: %s', async (authorization) => {
    expect((await ask(authorization)).statusCode).toBe(200);
  });

  test.each([
    'Bearer wrong',
    'Bearer',
    'Bearer ',
    '',
    'Bearer first-key-of-our',
    'Bearer first-key-of-ours,second:key',
    'first-key-of-ours',
    basic('wrong'),
    basic(''),
    'Basic %%%',
    'Digest first-key-of-ours',
  ])('nothing else does: "%s"', async (authorization) => {
    const response = await ask(authorization);
    expect(errorIn(response)).toEqual(unauthorized);
    expect(response.headers['www-authenticate']).toMatch(/^Basic /);
  });

  test.each([
    '/api/documents',
    '/v1/models',
    '/documents/x',
    '/metrics',
    '/nowhere',
    '/api/documents/x/file',
    '/%61pi/status',
  ])('%s needs one', async (url) => {
    expect(errorIn(await locked.get(url))).toEqual(unauthorized);
  });

  test('the routes of those who watch need none', async () => {
    expect((await locked.get('/healthz')).statusCode).toBe(200);
    expect((await locked.get('/readyz')).statusCode).toBe(200);
  });

  test('the body of a stranger is not read', async () => {
    const response = await locked.app.server.inject({
      method: 'POST',
      url: '/api/documents',
      headers: { 'content-type': 'application/json' },
      payload: '{"text": ',
    });
    expect(errorIn(response)).toEqual(unauthorized);
  });

  test('any host is served, but no page of another site', async () => {
    const authorization = `Bearer ${KEYS[0]}`;
    expect((await locked.get('/api/status', { authorization, host: 'anything.example' })).statusCode).toBe(
      200,
    );
    const response = await locked.app.server.inject({
      method: 'POST',
      url: '/api/search',
      headers: { authorization, origin: 'https://evil.example' },
      payload: { query: 'a' },
    });
    expect(errorIn(response)).toEqual(refused);
  });
});

describe('without keys', () => {
  test.each(['localhost', 'localhost:8400', 'LOCALHOST', '127.0.0.1:8400', '127.1.2.3', '[::1]:8400'])(
    'the machine itself is served: %s',
    async (host) => {
      expect((await open.get('/api/status', { host })).statusCode).toBe(200);
    },
  );

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::2]',
    '127.0.0.1@evil.example',
  ])('a foreign name is not: %s', async (host) => {
    expect(errorIn(await open.get('/api/status', { host }))).toEqual(refused);
    expect((await open.get('/healthz', { host })).statusCode).toBe(200);
  });

  test('the public name is served', async () => {
    expect((await named.get('/api/status', { host: 'docs.example' })).statusCode).toBe(200);
    expect(errorIn(await named.get('/api/status', { host: 'other.example' }))).toEqual(refused);
  });

  test.each([
    ['http://localhost:8400', 200],
    ['http://localhost:9999', 403],
    ['https://evil.example', 403],
    ['null', 403],
    ['not a url', 403],
  ])('a page of %s gets %i', async (origin, status) => {
    const response = await open.app.server.inject({
      method: 'POST',
      url: '/api/search',
      headers: { host: 'localhost:8400', origin },
      payload: { query: 'a' },
    });
    expect(response.statusCode).toBe(status);
  });

  test('a form of another site changes nothing, whatever its type', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const response = await open.app.server.inject({
        method: 'POST',
        url: '/api/documents',
        headers: { host: 'localhost', origin: 'https://evil.example', 'content-type': type },
        payload: '--x--',
      });
      expect(errorIn(response)).toEqual(refused);
    }
  });
});

test('a page that is reached by the public address may post, also behind a proxy that renames the host', async () => {
  const response = await named.app.server.inject({
    method: 'POST',
    url: '/api/search',
    headers: { host: '127.0.0.1:8400', origin: 'https://docs.example' },
    payload: { query: 'a' },
  });
  expect(response.statusCode).toBe(200);
});
