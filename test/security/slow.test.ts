import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { startBench } from '../api/setup.ts';
import { listen, stopListening } from '../fakes/listen.ts';
import { until } from '../until.ts';

const MIB = 1024 * 1024;
const WORDS = 'word '.repeat(800);

/** A model that never comes to an end, as fast as its reader takes it. */
const said = { bytes: 0, open: 0, held: 0 };
const model = createServer((request, response) => {
  if (request.url?.endsWith('/models'))
    return void response.end(JSON.stringify({ data: [{ id: 'endless' }] }));
  request.resume();
  return void endless(response);
});
async function endless(response: ServerResponse): Promise<void> {
  said.open += 1;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const gone = once(response, 'close');
  const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: WORDS } }] })}\n\n`;
  while (!response.destroyed) {
    said.bytes += event.length;
    if (!response.write(event)) {
      said.held += 1;
      await Promise.race([once(response, 'drain'), gone]);
      said.held -= 1;
    }
    await new Promise(setImmediate);
  }
  said.open -= 1;
}
const port = await listen(model, 0);
afterAll(() => stopListening(model));

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

function open(address: string): Socket {
  const socket = connect(Number(new URL(address).port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

async function bench(settings: Record<string, string> = {}) {
  const made = await startBench({
    LIMNER_CHAT_URL: `http://127.0.0.1:${port}/v1`,
    LIMNER_CHAT_MODEL: 'endless',
    ...settings,
  });
  return { ...made, address: await made.app.server.listen({ host: '127.0.0.1', port: 0 }) };
}

function chat(socket: Socket): void {
  const body = JSON.stringify({
    model: 'endless',
    stream: true,
    messages: [{ role: 'user', content: 'Go on for ever.' }],
  });
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

describe('who does not read', () => {
  test('holds the model back instead of filling the memory, and is cut; the model is let go', async () => {
    const { app, address } = await bench({ LIMNER_STALLED_SECONDS: '4' });
    await until(() => app.models.chatReady(), 'the model');
    const before = process.memoryUsage().rss;
    const readers = Array.from({ length: 5 }, () => open(address));
    for (const socket of readers) {
      socket.pause();
      chat(socket);
    }
    await until(() => said.open === 5, 'every answer to begin');
    // What is buffered on the way fills up, and then nothing more is asked of the model.
    await until(async () => {
      const { bytes } = said;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return said.held === 5 && said.bytes === bytes;
    }, 'the model to be held back');
    expect(said.bytes).toBeGreaterThan(5 * MIB);
    // Two pairs of sockets hold up to some MiB each; the rest is ours.
    expect(said.bytes / 5).toBeLessThan(20 * MIB);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * MIB);
    await until(() => said.open === 0, 'the model to be let go');
    expect((await fetch(`${address}/healthz`)).status).toBe(200);
  });

  test('but leaves stops the model at once', async () => {
    const { app, address } = await bench();
    await until(() => app.models.chatReady(), 'the model');
    const socket = open(address);
    socket.pause();
    chat(socket);
    await until(() => said.open === 1, 'the answer to begin');
    socket.destroy();
    await until(() => said.open === 0, 'the model to be let go');
    expect(said.open).toBe(0);
  });
});

test('who sends no request, or its head drop by drop, is cut', async () => {
  const { address } = await bench();
  // They take the 408 that they are sent: who leaves it unread never learns of the end.
  const [silent, dripping] = [open(address).resume(), open(address).resume()];
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => void socket.once('close', () => resolve()));
  const cut = Promise.all([silent, dripping].map(closed));
  dripping.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
  const drip = setInterval(() => {
    if (dripping.writable) dripping.write('X-More: 1\r\n', () => undefined);
  }, 500);
  await cut;
  clearInterval(drip);
  expect([silent.destroyed, dripping.destroyed]).toEqual([true, true]);
});

describe('many large bodies at once', () => {
  const head = (length: string): string =>
    `POST /api/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;

  async function answerOf(socket: Socket): Promise<string> {
    const [part] = await once(socket, 'data');
    return String(part);
  }

  async function sendAll(socket: Socket, part: string, times: number): Promise<void> {
    const closed = once(socket, 'close');
    for (let at = 0; at < times && !socket.destroyed; at++)
      if (!socket.write(part)) await Promise.race([once(socket, 'drain'), closed]);
  }

  test('are refused before a byte of them is read, with the time to come again', async () => {
    const { address } = await bench();
    const length = `Content-Length: ${60 * MIB}`;
    // Four fit into 256 MiB; the fifth does not.
    const held = Array.from({ length: 4 }, () => open(address));
    for (const socket of held) socket.write(`${head(length)}{`);
    const fifth = open(address);
    fifth.write(head(length));
    expect(await answerOf(fifth)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: \d+\r\n[\s\S]*overloaded/);
    expect((await fetch(`${address}/api/status`)).status).toBe(200);
    held[0]?.destroy();
    await until(async () => {
      const again = open(address);
      again.write(`${head(length)}{`);
      const answered = await Promise.race([
        answerOf(again),
        new Promise<string>((resolve) => setTimeout(() => resolve('taken'), 300)),
      ]);
      again.destroy();
      return answered === 'taken';
    }, 'room for another');
  });

  test('are refused as they grow where they do not say how long they are', async () => {
    const { address } = await bench();
    const sizes = Array.from({ length: 4 }, () => `Content-Length: ${62 * MIB}`);
    for (const length of sizes) open(address).write(`${head(length)}{`);
    const socket = open(address);
    socket.write(head('Transfer-Encoding: chunked'));
    const part = ' '.repeat(64 * 1024);
    await sendAll(socket, `${part.length.toString(16)}\r\n${part}\r\n`, 300);
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 503 /);
  });

  test('get their answer also where all of it is sent before a byte is read', async () => {
    const { address } = await bench();
    const socket = open(address);
    socket.write(head(`Content-Length: ${80 * MIB}`));
    await sendAll(socket, ' '.repeat(MIB), 80);
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 413 [\s\S]*too_large/);
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('are cut when they go on for long', async () => {
    const { address } = await bench();
    const socket = open(address);
    socket.write(head(`Content-Length: ${80 * MIB}`));
    expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 413 /);
    const begun = performance.now();
    const drip = setInterval(() => socket.write('  '), 100);
    await once(socket.resume(), 'close');
    clearInterval(drip);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });
});

test('an event loop that does not get round refuses what comes until it does; one long turn is none', async () => {
  const { address } = await bench();
  const statusNow = async () => (await fetch(`${address}/api/status`)).status;
  const never = new Int32Array(new SharedArrayBuffer(4));
  const block = async (): Promise<void> => {
    Atomics.wait(never, 0, 0, 1500);
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await block();
  expect(await statusNow()).toBe(200);
  for (let turn = 0; turn < 3; turn++) await block();
  const refused = await fetch(`${address}/api/status`);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await fetch(`${address}/healthz`)).status).toBe(200);
  await until(async () => (await statusNow()) === 200, 'the service to be free again');
});
