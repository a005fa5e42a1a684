import { createHmac } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyDelivery } from '../../src/api/signature.ts';
import { until } from '../until.ts';
import { documentIn, errorIn, startBench } from './setup.ts';

/** The example of the Standard Webhooks libraries. */
const KNOWN = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signatures: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  body: Buffer.from('{"test": 2432232314}'),
};
const THEN = 1_614_265_330_000;

describe('a delivery', () => {
  test('of the published example is accepted', () => {
    expect(verifyDelivery(KNOWN, [KNOWN.secret], THEN)).toEqual({ id: KNOWN.id });
  });

  test('is accepted with either of two secrets, and with any of a few signatures', () => {
    expect(verifyDelivery(KNOWN, ['another', KNOWN.secret], THEN).id).toBe(KNOWN.id);
    const signatures = `v1a,xx v1,AAAA ${KNOWN.signatures}`;
    expect(verifyDelivery({ ...KNOWN, signatures }, [KNOWN.secret], THEN).id).toBe(KNOWN.id);
  });

  test.each([
    ['another body', { body: Buffer.from('{"test": 2432232315}') }],
    ['other white space', { body: Buffer.from('{"test":2432232314}') }],
    ['another id', { id: 'msg_2' }],
    ['an id with a dot', { id: 'msg.2' }],
    ['an endless id', { id: 'x'.repeat(129) }],
    ['no id', { id: undefined }],
    ['no signature', { signatures: undefined }],
    ['an empty signature', { signatures: 'v1,' }],
    ['another version', { signatures: KNOWN.signatures.replace('v1', 'v0') }],
    ['a timestamp with letters', { timestamp: '1614265330abc' }],
    ['a fraction of a second', { timestamp: '1614265330.5' }],
    ['a negative timestamp', { timestamp: '-1614265330' }],
    ['no timestamp', { timestamp: '' }],
    ['a signature behind ten others', { signatures: `${'v1,AAAA '.repeat(10)}${KNOWN.signatures}` }],
  ])('with %s is refused', (_what, change) => {
    expect(() => verifyDelivery({ ...KNOWN, ...change }, [KNOWN.secret], THEN)).toThrow('signed');
  });

  test.each([
    [-301_000, false],
    [-299_000, true],
    [299_000, true],
    [301_000, false],
  ])('that is %i ms away in time: accepted %s', (away, accepted) => {
    const verify = () => verifyDelivery(KNOWN, [KNOWN.secret], THEN + away);
    if (accepted) expect(verify()).toEqual({ id: KNOWN.id });
    else expect(verify).toThrow('too old');
  });
});

describe('the webhook with a secret', async () => {
  const secret = 'a shared secret';
  const visits: (string | undefined)[] = [];
  const page = createServer(({ url }, response) => {
    visits.push(url);
    response.setHeader('content-type', 'text/html').end('<title>Tides</title><p>High water at noon.</p>');
  });
  await once(page.listen(0, '127.0.0.1'), 'listening');
  const address = page.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const bench = await startBench({
    LIMNER_WEBHOOK_SECRETS: secret,
    LIMNER_API_KEYS: 'key',
    LIMNER_FETCH_ALLOW: '127.0.0.1',
  });

  function deliver(id: string, body: object, options: { secret?: string } = {}) {
    const payload = JSON.stringify(body);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', options.secret ?? secret)
      .update(`${id}.${timestamp}.${payload}`)
      .digest('base64');
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
    };
    return bench.app.server.inject({ method: 'POST', url: '/webhooks/process', headers, payload });
  }

  test('takes a signed delivery without a key, and its repeat without effect', async () => {
    const first = await deliver('one', { text: 'The first text.', external_id: 'note' });
    expect(first.statusCode).toBe(202);
    const { id } = documentIn(first);
    expect((await deliver('two', { text: 'The second text.', external_id: 'note' })).statusCode).toBe(202);
    const repeat = await deliver('one', { text: 'The first text.', external_id: 'note' });
    expect(documentIn(repeat).id).toBe(id);
    const response = await bench.app.server.inject({
      url: `/api/documents/${id}/file`,
      headers: { authorization: 'Bearer key' },
    });
    expect(response.body).toBe('The second text.');
  });

  test('refuses one that is signed otherwise, and says nothing about why', async () => {
    const response = await deliver('three', { text: 'x' }, { secret: 'guess' });
    expect(errorIn(response)).toMatchObject({ status: 401, code: 'unauthorized' });
  });

  test('fetches an address, with the title of the page', async () => {
    const response = await deliver('four', { url: `http://127.0.0.1:${port}/tides` });
    expect(response.statusCode).toBe(202);
  });

  test('fetches it once for a sender that repeats before the answer', async () => {
    visits.length = 0;
    const again = () => deliver('five', { url: `http://127.0.0.1:${port}/ebb` });
    const answers = await Promise.all([again(), again(), again()]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202, 202]);
    expect(new Set(answers.map((one) => documentIn(one).id)).size).toBe(1);
    expect(visits).toEqual(['/ebb']);
    page.close();
  });

  test('answers the repeat for a file that was found to be a moved one', async () => {
    const about = (id: string) =>
      bench.app.server.inject({ url: `/api/documents/${id}`, headers: { authorization: 'Bearer key' } });
    await bench.drop('old.txt', 'The lamp is lit at six.');
    const { id } = documentIn(await deliver('six', { filepath: 'old.txt' }));
    await until(async () => (await about(id)).body.includes('"searchable"'), 'the file to be searchable');
    await rename(join(bench.inbox, 'old.txt'), join(bench.inbox, 'new.txt'));
    const added = documentIn(await deliver('seven', { filepath: 'new.txt' }));
    await until(async () => (await about(id)).body.includes('"new.txt"'), 'the move');
    expect([added.id === id, (await about(added.id)).statusCode]).toEqual([false, 404]);
    expect(documentIn(await deliver('seven', { filepath: 'new.txt' })).id).toBe(id);
  });
});
