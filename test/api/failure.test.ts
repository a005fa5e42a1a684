import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fastify } from 'fastify';
import { describe, expect, test } from 'vitest';
import { createErrorHandler } from '../../src/api/failure.ts';
import { createLog } from '../../src/log.ts';
import { errorIn, startBench } from './setup.ts';

const bench = await startBench();
const { server } = bench.app;

const JSON_TYPE = { 'content-type': 'application/json' };

function postRaw(url: string, payload: string | Buffer, headers: Record<string, string> = JSON_TYPE) {
  return server.inject({ method: 'POST', url, payload, headers });
}

describe('a body that cannot be read', () => {
  test.each([
    ['malformed', '{"query": '],
    ['not JSON', 'query=a'],
    ['empty', ''],
    ['a number that is none', '{"query": NaN}'],
    ['a prototype', '{"query": "a", "__proto__": {"limit": 1}}'],
    ['a constructor', '{"query": "a", "constructor": {"prototype": {"limit": 1}}}'],
    ['400 kB of brackets', '['.repeat(400_000)],
    ['null', 'null'],
    ['a list', '[]'],
    ['a byte order mark alone', '\ufeff'],
  ])('%s', async (_what, payload) => {
    expect(errorIn(await postRaw('/api/search', payload))).toMatchObject({
      status: 400,
      code: 'invalid_request',
    });
  });

  test('of another type', async () => {
    const response = await postRaw('/api/search', '<query/>', { 'content-type': 'application/xml' });
    expect(errorIn(response)).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('that is too large', async () => {
    const response = await postRaw('/api/search', JSON.stringify({ query: 'x'.repeat(5 * 1024 * 1024) }));
    expect(errorIn(response)).toMatchObject({ status: 413, code: 'too_large' });
  });
});

describe('a field that is wrong is named', () => {
  test.each([
    ['/api/search', { query: 1 }, 'query'],
    ['/api/search', {}, 'query'],
    ['/api/search', { query: 'a', limit: '10' }, 'limit'],
    ['/api/search', { query: 'a', limit: 0 }, 'limit'],
    ['/api/search', { query: 'a', limit: 1e300 }, 'limit'],
    ['/api/search', { query: 'a', unknown: 1 }, 'unknown'],
    ['/api/search', { query: 'x'.repeat(100_001) }, 'query'],
    ['/api/ask', { question: '' }, 'question'],
    ['/api/ask', { question: 'a', stream: 'yes' }, 'stream'],
    ['/api/documents', { text: 1 }, 'text'],
    ['/api/documents', { text: 'a', path: '/etc' }, 'path'],
    ['/webhooks/process', {}, 'filepath'],
    ['/v1/chat/completions', { model: 'limner' }, 'messages'],
    ['/v1/chat/completions', { model: 'limner', messages: [] }, 'messages'],
    ['/v1/chat/completions', { model: 'limner', messages: [{ role: 'system', content: 'a' }] }, 'messages'],
    ['/v1/chat/completions', { model: 'limner', messages: [{ role: 'user', content: ' ' }] }, 'messages'],
    ['/v1/chat/completions', { model: 'limner', messages: [{ role: 'cat' }] }, 'messages.0.role'],
    ['/v1/chat/completions', { model: 1, messages: [{ role: 'user', content: 'a' }] }, 'model'],
    ['/v1/chat/completions', { model: 'limner', n: 2, messages: [{ role: 'user', content: 'a' }] }, 'n'],
  ])('%s %j', async (url, body, param) => {
    expect(errorIn(await bench.post(url, body))).toEqual({ status: 400, code: 'invalid_request', param });
  });
});

describe('what is not there', () => {
  test.each(['/nowhere', '/api', '/api/documents/none', '/api/documents/none/file', '/documents/none'])(
    '%s',
    async (url) => {
      expect(errorIn(await bench.get(url))).toMatchObject({ status: 404, code: 'not_found' });
    },
  );

  test('a route by another method', async () => {
    const response = await server.inject({ method: 'PUT', url: '/api/search' });
    expect(errorIn(response)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });

  test('a model', async () => {
    const messages = [{ role: 'user', content: 'a' }];
    const wanted = { status: 404, code: 'model_not_found', param: 'model' };
    for (const model of ['gpt-4o', 'limner/nowhere', 'limner/', 'LIMNER'])
      expect(errorIn(await bench.post('/v1/chat/completions', { model, messages })), model).toEqual(wanted);
    expect(errorIn(await bench.get('/v1/models/gpt-4o'))).toEqual(wanted);
  });
});

describe('an address that is malformed', () => {
  test.each(['/api/documents/%zz', '/documents/%c0%ae%c0%ae', '/%', `/documents/${'x'.repeat(3000)}`])(
    '%s',
    async (url) => {
      expect(errorIn(await bench.get(url))).toMatchObject({ status: 400, code: 'invalid_request' });
    },
  );

  test.each(['/documents/..%2f..%2fetc%2fpasswd', '/api/documents/%00/file'])(
    'or leads nowhere: %s',
    async (url) => {
      expect(errorIn(await bench.get(url)).status).toBe(404);
    },
  );
});

describe('what is no HTTP', () => {
  test.each([
    [
      'two lengths',
      'POST /api/search HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    ],
    ['a space before the colon', 'GET /healthz HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n'],
    ['no HTTP at all', 'hello\r\n\r\n'],
  ])('%s', async (_what, bytes) => {
    const address = new URL(await server.listen({ port: 0, host: '127.0.0.1' }).catch(() => addressOf()));
    const socket = connect(Number(address.port), '127.0.0.1');
    socket.end(bytes);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  });
});

function addressOf(): string {
  const address = server.server.address();
  if (typeof address !== 'object' || !address) throw new Error('The server does not listen.');
  return `http://127.0.0.1:${address.port}`;
}

test('a bug is told in one fixed sentence, and logged with its stack', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'warn', secrets: [], write: (line) => void lines.push(line) });
  const broken = fastify().setErrorHandler(createErrorHandler(log));
  broken.get('/', () => {
    throw new Error('ENOENT: /home/ada/secret');
  });
  const response = await broken.inject('/');
  expect(errorIn(response)).toEqual({ status: 500, code: 'internal', param: null });
  expect(response.body).not.toContain('secret');
  expect(lines.join('')).toContain('failure.test.ts');
  await broken.close();
});

test('every answer says what it is, and is not to be guessed', async () => {
  for (const url of ['/healthz', '/nowhere', '/api/documents']) {
    const { headers } = await bench.get(url);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toBe('no-referrer');
  }
});
