import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { verifyDelivery } from '../../src/api/signature.ts';
import { until } from '../until.ts';
import { errorIn, startBench } from './setup.ts';

interface Received {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A receiver that answers with the statuses planned for it, then with 200. */
const received: Received[] = [];
const plan: number[] = [];
async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  received.push({ headers: request.headers, body: await buffer(request) });
  response.writeHead(plan.shift() ?? 200, { location: '/elsewhere' }).end();
}
const receiver = createServer((request, response) => void receive(request, response));
await once(receiver.listen(0, '127.0.0.1'), 'listening');
afterAll(() => receiver.close());
const address = receiver.address();
if (address === null || typeof address === 'string') throw new Error('The receiver has no port.');
const url = `http://127.0.0.1:${address.port}/hook`;

const bench = await startBench({}, { notify: { retryMs: [20, 20, 20], timeoutMs: 2000 } });

const Webhook = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  disabled: z.string().nullable(),
  created_at: z.string(),
  last: z.looseObject({ state: z.string(), status: z.number().nullable(), attempts: z.number() }).nullable(),
});
const Body = z.object({ type: z.string(), data: z.looseObject({ id: z.string(), state: z.string() }) });

async function subscribe(events: string[] = []): Promise<{ id: string; secret: string }> {
  const response = await bench.post('/api/webhooks', { url, events });
  expect(response.statusCode).toBe(201);
  return Webhook.extend({ secret: z.string() }).parse(response.json());
}

async function webhook(id: string): Promise<z.infer<typeof Webhook>> {
  const list = z.object({ data: z.array(Webhook) }).parse((await bench.get('/api/webhooks')).json());
  const found = list.data.find((one) => one.id === id);
  if (!found) throw new Error(`There is no webhook ${id}.`);
  return found;
}

const remove = (id: string) => bench.app.server.inject({ method: 'DELETE', url: `/api/webhooks/${id}` });
const ended = (id: string, state: string) =>
  until(
    async () => ((await webhook(id)).last?.state === state ? true : undefined),
    `the message to be ${state}`,
  );

beforeEach(async () => {
  const { data } = z.object({ data: z.array(Webhook) }).parse((await bench.get('/api/webhooks')).json());
  for (const { id } of data) await remove(id);
  received.length = 0;
  plan.length = 0;
});

describe('who subscribes is told', () => {
  test('of a document that is searchable, signed by Standard Webhooks', async () => {
    const { id, secret } = await subscribe();
    const document = await bench.send({ text: 'The lamp is lit.' });
    await ended(id, 'delivered');
    expect(received).toHaveLength(1);
    const [{ headers, body } = { headers: {}, body: Buffer.alloc(0) }] = received;
    const one = (name: string): string => String(headers[name]);
    const delivery = {
      id: one('webhook-id'),
      timestamp: one('webhook-timestamp'),
      signatures: one('webhook-signature'),
      body,
    };
    expect(verifyDelivery(delivery, [secret])).toEqual({ id: delivery.id });
    expect(() => verifyDelivery(delivery, ['whsec_b3RoZXI='])).toThrow(/not signed/);
    expect(Body.parse(JSON.parse(body.toString()))).toMatchObject({
      type: 'document.searchable',
      data: { id: document.id, state: 'searchable' },
    });
  });

  test('of what failed and what is gone, and only of what was asked for', async () => {
    await subscribe(['document.failed', 'document.gone']);
    const { id } = await bench.send({ text: 'Only for a while.' });
    await bench.app.server.inject({ method: 'DELETE', url: `/api/documents/${id}` });
    await until(() => received.length === 1 || undefined, 'the message');
    await bench.drop('broken.pdf', '%PDF-1.7 but nothing else');
    await bench.post('/webhooks/process', { filepath: 'broken.pdf' });
    await until(() => received.length === 2 || undefined, 'the second message');
    const types = received.map(({ body }) => Body.parse(JSON.parse(body.toString())).type);
    expect(types).toEqual(['document.gone', 'document.failed']);
  });

  test('again, with the same id and body, until it answers 2xx', async () => {
    plan.push(500, 302);
    const { id } = await subscribe();
    await bench.send({ text: 'Try and try again.' });
    await ended(id, 'delivered');
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body.toString())).size).toBe(1);
    expect((await webhook(id)).last).toMatchObject({ attempts: 3, status: 200 });
  });

  test('no more than four times, and the list says why it failed', async () => {
    plan.push(500, 500, 500, 500, 500);
    const { id } = await subscribe();
    await bench.send({ text: 'It never works.' });
    await ended(id, 'failed');
    expect(received).toHaveLength(4);
    const messages = (await bench.get(`/api/webhooks/${id}/messages`)).json<{ data: unknown[] }>();
    expect(messages.data).toEqual([
      expect.objectContaining({ state: 'failed', attempts: 4, error: 'the receiver answered 500' }),
    ]);
  });

  test('no more after 410', async () => {
    plan.push(410);
    const { id } = await subscribe();
    await bench.send({ text: 'The last one.' });
    await ended(id, 'failed');
    expect((await webhook(id)).disabled).toMatch(/410/);
    await bench.send({ text: 'One too many.' });
    expect(received).toHaveLength(1);
  });
});

describe('bad input', () => {
  test.each([{}, { url: 'ftp://x/' }, { url: 'x' }, { url, events: ['document.eaten'] }, { url, more: 1 }])(
    '%j is refused',
    async (body) => {
      expect(errorIn(await bench.post('/api/webhooks', body))).toMatchObject({ status: 400 });
    },
  );

  test('what is not there', async () => {
    expect(errorIn(await remove('wh_none'))).toMatchObject({ status: 404 });
    expect(errorIn(await bench.get('/api/webhooks/wh_none/messages'))).toMatchObject({ status: 404 });
  });
});
