import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createFetchUrl, isInside } from '../../src/ingest/fetch-url.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A server on loopback, and what it was asked for. */
async function serve(listener: RequestListener): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    listener(request, response);
  });
  servers.push(server);
  await once(server.listen(0, '0.0.0.0'), 'listening');
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, asked };
}

/** Resolves a name to these addresses, another list each time it is asked; the last one stays. */
const resolving = (...answers: string[][]) =>
  createFetchUrl({
    allow: new Set(),
    totalMs: 3000,
    resolve: (_host, done) => {
      const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  });

const SIGNAL = new AbortController().signal;
const guarded = createFetchUrl({ allow: new Set(), totalMs: 5000 });
const allowing = createFetchUrl({ allow: new Set(['127.0.0.1']), totalMs: 2000 });

describe('what is not public', () => {
  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0'],
    ...['192.0.0.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '168.63.129.16', '::', '::1'],
    ...[
      'fc00::1',
      'fe80::1',
      'fd00:ec2::254',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      'ff02::1',
    ],
  ])('is %s', (address) => expect(isInside(address)).toBe(true));

  it.each(['93.184.216.34', '1.1.1.1', '2606:2800:220:1:248:1893:25c8:1946'])('is not %s', (address) =>
    expect(isInside(address)).toBe(false),
  );

  it.each([
    ...['http://127.0.0.1:PORT/', 'http://localhost:PORT/', 'http://2130706433:PORT/', 'http://0x7f.1:PORT/'],
    ...[
      'http://017700000001:PORT/',
      'http://127.1:PORT/',
      'http://[::ffff:127.0.0.1]:PORT/',
      'http://0:PORT/',
    ],
  ])('is never reached by %s', async (address) => {
    const { port, asked } = await serve((_request, response) => response.end('secret'));
    await expect(guarded(address.replace('PORT', String(port)), SIGNAL)).rejects.toMatchObject({
      code: 'outside',
    });
    expect(asked).toEqual([]);
  });

  it('is not reached by a redirect from where one may go', async () => {
    const inner = await serve((_request, response) => response.end('secret'));
    const { port } = await serve((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.2:${inner.port}/` }).end();
    });
    await expect(allowing(`http://127.0.0.1:${port}/`, SIGNAL)).rejects.toMatchObject({ code: 'outside' });
    expect(inner.asked).toEqual([]);
  });
});

describe('what is no plain address', () => {
  it.each([
    'file:///etc/passwd',
    'gopher://x/',
    'data:text/plain,x',
    'ftp://x/',
    'nonsense',
    'http://a:b@c/',
  ])('is refused: %s', (address) =>
    expect(guarded(address, SIGNAL)).rejects.toMatchObject({ code: 'invalid_request' }),
  );
});

describe('what may be fetched', () => {
  it('comes with the address it was found at', async () => {
    const { port, asked } = await serve((request, response) => {
      if (request.url === '/a') response.writeHead(301, { location: '/b/page.html' }).end();
      else response.end('<p>hello</p>');
    });
    const { body, url } = await allowing(`http://127.0.0.1:${port}/a`, SIGNAL);
    expect([await text(body), url.pathname, asked]).toEqual([
      '<p>hello</p>',
      '/b/page.html',
      ['/a', '/b/page.html'],
    ]);
  });

  it('is given up when it redirects for ever', async () => {
    const { port, asked } = await serve((_request, response) =>
      response.writeHead(302, { location: '/' }).end(),
    );
    await expect(allowing(`http://127.0.0.1:${port}/`, SIGNAL)).rejects.toMatchObject({
      code: 'fetch_failed',
    });
    expect(asked.length).toBe(6);
  });

  it('is refused when it is compressed unasked', async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1000)));
    });
    await expect(allowing(`http://127.0.0.1:${port}/`, SIGNAL)).rejects.toMatchObject({
      code: 'fetch_failed',
    });
  });

  it.each([404, 500])('is refused when it answers %i', async (status) => {
    const { port } = await serve((_request, response) => response.writeHead(status).end('no'));
    await expect(allowing(`http://127.0.0.1:${port}/`, SIGNAL)).rejects.toThrow(`answers ${status}`);
  });

  it('ends at its deadline, also when it drips', async () => {
    const { port } = await serve((_request, response) => {
      const timer = setInterval(() => response.write('x'), 50);
      response.on('close', () => clearInterval(timer));
    });
    const brief = createFetchUrl({ allow: new Set(['127.0.0.1']), totalMs: 300 });
    const { body } = await brief(`http://127.0.0.1:${port}/`, SIGNAL);
    await expect(text(body)).rejects.toThrow(/abort|timeout/i);
  });
});

describe('a name whose answers are not to be trusted', () => {
  it.each([
    ['resolves inside', [['127.0.0.1']]],
    ['resolves outside and inside at once', [['93.184.216.34', '127.0.0.1']]],
    ['resolves inside by IPv6', [['::1']]],
    ['resolves to a mapped address', [['::ffff:127.0.0.1']]],
  ])('that %s is refused, and nothing is asked', async (_what, answers) => {
    const { port, asked } = await serve((_request, response) => response.end('secret'));
    await expect(resolving(...answers)(`http://rebind.test:${port}/`, SIGNAL)).rejects.toMatchObject({
      code: 'outside',
    });
    expect(asked).toEqual([]);
  });

  it('that was allowed before and now leads inside is refused: no answer is remembered', async () => {
    const { port, asked } = await serve((_request, response) => response.end('page'));
    const answers = ['127.0.0.1', '127.0.0.2'];
    const rebinding = createFetchUrl({
      allow: new Set(['127.0.0.1']),
      totalMs: 3000,
      resolve: (_host, done) => done(null, [{ address: answers.shift() ?? '', family: 4 }]),
    });
    const { body } = await rebinding(`http://rebind.test:${port}/`, SIGNAL);
    expect(await text(body)).toBe('page');
    const again = rebinding(`http://rebind.test:${port}/`, SIGNAL);
    await expect(again).rejects.toMatchObject({ code: 'outside' });
    expect(asked).toHaveLength(1);
  });
});
