import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';

const KEY = 'the-admin-key';
const bench = await startBench({ LIMNER_API_KEYS: KEY, LIMNER_RATE_PER_MINUTE: '0' });
const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
const port = Number(new URL(address).port);

/** Sends bytes as they are, and gives what comes back until the service closes or says nothing more. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.setTimeout(1500, () => socket.destroy());
    socket.on('data', (part) => (answer += part.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

const statusesIn = (answer: string): string[] =>
  [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status = '']) => status);

const body = '{"query":"x"}';
const head = `POST /api/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: application/json\r\n`;
/** A second request that an intermediary would take for part of a body. */
const smuggled = `GET /api/keys HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\n\r\n`;

test.each([
  ['two lengths', `${head}Content-Length: 13\r\nContent-Length: 4\r\n\r\n${body}`],
  [
    'a length and chunks',
    `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  ['chunks by another name', `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`],
  ['chunks twice', `${head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${smuggled}`],
  ['a space before the colon', `${head}Content-Length : 13\r\n\r\n${body}`],
  ['a length that is negative', `${head}Content-Length: -13\r\n\r\n${body}`],
  ['a length that is no number', `${head}Content-Length: 1e1\r\n\r\n${body}`],
  [
    'a folded header',
    `${head}X-Folded: a\r\n b\r\nContent-Length: 13\r\n\r\n${body}`.replace(
      'X-Folded: a\r\n b',
      'X-Folded:\r\n\tContent-Length: 1',
    ),
  ],
  ['a control sign in a header', `${head}X-Name: a\u0000b\r\nContent-Length: 13\r\n\r\n${body}`],
  ['no host', `POST /api/search HTTP/1.1\r\nContent-Length: 13\r\n\r\n${body}`],
  ['two hosts', `${head}Host: evil.example\r\nContent-Length: 13\r\n\r\n${body}`],
  ['headers without end', `${head}${'X-Long: '.padEnd(20_000, 'a')}\r\n\r\n`],
  ['chunks that lie about their size', `${head}Transfer-Encoding: chunked\r\n\r\nZZ\r\n${body}\r\n0\r\n\r\n`],
])('%s: no second request is read out of the first, and no answer is one', async (_name, text) => {
  const answer = await raw(text);
  expect(statusesIn(answer).filter((status) => status.startsWith('2'))).toEqual([]);
  expect(statusesIn(answer).length).toBeLessThan(2);
  expect(answer).not.toContain('next_cursor');
});

test('a body that is longer than it says is not another request', async () => {
  const answer = await raw(`${head}Content-Length: 13\r\n\r\n${body}GARBAGE\r\n\r\n`);
  expect(statusesIn(answer).at(-1)).toBe('400');
  expect(statusesIn(answer).length).toBeLessThan(3);
});

test('bare line feeds end no request for us that they do not end for others', async () => {
  const answer = await raw(`${head}Content-Length: 13\n\n${body}`);
  expect(statusesIn(answer).filter((status) => status === '200')).toEqual([]);
});

const Sources = z.looseObject({ sources: z.array(z.looseObject({ url: z.string() })) });

test('links do not follow what a proxy header claims', async () => {
  await fetch(`${address}/api/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'The gull screams.' }),
  });
  const ask = () =>
    fetch(`${address}/api/ask`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        'x-forwarded-for': '203.0.113.9',
        forwarded: 'host=evil.example;proto=https',
        'x-original-url': '/api/keys',
        'x-rewrite-url': '/api/keys',
        'x-http-method-override': 'DELETE',
      },
      body: JSON.stringify({ question: 'Who screams?' }),
    });
  await expect.poll(async () => Sources.parse(await (await ask()).json()).sources.length).toBe(1);
  const { sources } = Sources.parse(await (await ask()).json());
  expect(sources[0]?.url.startsWith(`${address}/documents/`)).toBe(true);
});

test('who claims to be within the service is counted like everybody', async () => {
  const limited = await startBench({ LIMNER_API_KEYS: KEY, LIMNER_RATE_PER_MINUTE: '3' });
  const statuses: number[] = [];
  for (const claim of ['true', '', 'undefined', '00000000-0000-4000-8000-000000000000'])
    statuses.push(
      (await limited.get('/v1/models', { authorization: `Bearer ${KEY}`, 'x-limner-within': claim }))
        .statusCode,
    );
  expect(statuses).toEqual([200, 200, 200, 429]);
});
