import { fastify } from 'fastify';
import { afterAll, describe, expect, test } from 'vitest';
import { firstInTime, sendEvents } from '../../src/api/sse.ts';

/** Says one word when `go` is called, or fails. */
function slowModel() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  async function* say(): AsyncGenerator<string> {
    yield await promise;
  }
  return { events: say(), go: () => resolve('data: word\n\n'), fail: () => reject(new Error('no model')) };
}

describe('a stream', () => {
  let model = slowModel();
  const server = fastify();
  server.get('/', (_request, reply) => sendEvents(reply, model.events, 10));
  afterAll(() => server.close());

  test('is kept alive by comments until its first word', async () => {
    const url = await server.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(url);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toMatch(/^: keep-alive\n\n/);
    model.go();
    let rest = '';
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) rest += part.value;
    expect(rest).toMatch(/^(: keep-alive\n\n)*data: word\n\n$/);
  });

  test('that fails before its first word fails before it begins', async () => {
    model = slowModel();
    model.fail();
    await expect(firstInTime(model.events)).rejects.toThrow('no model');
  });

  test('begins without its first word when that takes too long, and fails later', async () => {
    model = slowModel();
    const begun = await firstInTime(model.events, 10);
    model.fail();
    await expect(Array.fromAsync(begun)).rejects.toThrow('no model');
  });
});
