import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { CLIENT_TIMES, createClient } from '../../src/comfy/client.ts';
import { collectOutputs } from '../../src/comfy/collect.ts';
import { Graph } from '../../src/comfy/graph.ts';
import { createMediaStore } from '../../src/comfy/media.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { until } from '../until.ts';
import { bed, fakeComfy, QUICK } from './bed.ts';

/** The faults that a ComfyUI server was seen to have, one by one; docs/comfyui.md lists where each is run. */
const soon = (): AbortSignal => AbortSignal.timeout(15_000);

describe('a job comes to its end although', () => {
  test.each([1009, 1008, 1011])('the server closes the socket with %i', async (code) => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 0.6 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    const [before] = fake.sockets.ids();
    fake.sockets.close(code);
    await until(() => fake.upgrades.length > 1, 'another socket');
    await until(() => fake.sockets.ids().length > 0, 'its id');
    expect(fake.sockets.ids().includes(before ?? '')).toBe(code !== 1008);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
  });

  test.each<[what: string, frame: string | Buffer]>([
    ['a frame of 3 MB', JSON.stringify({ type: 'executed', data: { output: { text: ['x'.repeat(3e6)] } } })],
    ['a text in binary', binary(3, 1, '5a text of node 5')],
    ['a preview whose length lies', binary(4, 4e9, '{"prompt_id":')],
    ['a binary frame of a new kind', binary(77, 1, 'x')],
    ['an empty binary frame', Buffer.alloc(0)],
    ['a message of a custom node', JSON.stringify({ type: 'crystools.monitor', data: { cpu: 1 } })],
    ['a message with NaN', '{"type":"progress","data":{"value":NaN,"max":Infinity,"prompt_id":"x"}}'],
    ['no JSON', '<html>'],
    ['JSON of another shape', '[1, {"type": 7}]'],
  ])('%s comes on the socket', async (_what, frame) => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 0.4 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    fake.sockets.send(frame);
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
    expect(fake.upgrades).toHaveLength(1);
  });

  test('a frame comes that is larger than is taken: the socket is opened anew', async () => {
    const fake = await fakeComfy();
    const { images } = await bed([fake]);
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 0.6 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    fake.sockets.send(Buffer.alloc(33 * 1024 * 1024));
    await until(() => fake.upgrades.length > 1, 'another socket');
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('the socket is half open: no pong, no frames, no close', async () => {
    const fake = await fakeComfy();
    const times = { ...QUICK, pingMs: 60, pongMs: 60 };
    const { images } = await bed([fake], { times });
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 1 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    const before = fake.upgrades.length;
    fake.sockets.stall();
    await until(() => fake.upgrades.length > before, 'another socket');
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('the server wants a credential of whoever takes over an id', async () => {
    const fake = await fakeComfy({ wantsCredentials: true });
    const { images, lines } = await bed([fake], { times: { ...QUICK, pingMs: 60, pongMs: 60 } });
    const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 1 } });
    await until(() => images.get(id).progress > 0, 'the first tick');
    const [before] = fake.sockets.ids();
    const count = fake.upgrades.length;
    fake.sockets.stall();
    await until(() => fake.upgrades.length > count, 'another socket');
    await until(() => fake.sockets.ids().includes(before ?? ''), 'the same id');
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 1 });
    expect(lines.join('')).not.toContain('credential_key');
  });

  test.each([
    ['GET /api/jobs/*', 3],
    ['GET /history/*', 2],
    ['POST /prompt', 1],
    ['GET /view', 1],
    ['POST /history', 9],
  ])('%s answers a plain 500, %i times', async (route, times) => {
    const fake = await fakeComfy({ fails: { [route]: times }, hasNoJobs: route === 'GET /history/*' });
    const { run } = await bed([fake]);
    expect(await run('plain')).toMatchObject({ state: 'done', error: null });
  });

  test('the file of a cached run is gone: it is made once more under another name', async () => {
    const fake = await fakeComfy({ losesFiles: 1 });
    const { run } = await bed([fake]);
    expect(await run('plain')).toMatchObject({ state: 'done', attempts: 2 });
  });

  test('a doubled id is answered 409, as newer servers may', async () => {
    const fake = await fakeComfy({ refusesDuplicates: true, failPosts: { times: 1, runs: true } });
    const { run } = await bed([fake]);
    expect(await run('slow')).toMatchObject({ state: 'done', attempts: 1 });
    const client = createClient(
      { url: fake.url, headers: {} },
      CLIENT_TIMES,
      createLog({ level: 'silent', secrets: [] }),
    );
    const { prompt = {}, prompt_id: id = '' } = fake.prompts[0] ?? {};
    await expect(client.submit(id, Graph.parse(prompt), soon())).resolves.toBeUndefined();
    client.close();
  });

  test('the graph is cached wholly, or in part', async () => {
    const fake = await fakeComfy();
    const { run } = await bed([fake]);
    for (const width of [64, 64, 72])
      expect(await run('plain', { color: 5, width })).toMatchObject({ state: 'done' });
  });
});

test('a disk that is full is called so, and not a worker that broke off', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-full-'));
  const database = openDatabase(join(folder, 'test.sqlite'));
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const media = { ...createMediaStore(join(folder, 'media'), database), append: () => Promise.reject(full) };
  const client = { download: () => Promise.resolve(new Response('bytes')) };
  const outputs = { 9: { images: [{ filename: 'a.png' }] } };
  const collected = collectOutputs(client, outputs, media, { only: [], signal: soon() });
  await expect(collected).rejects.toMatchObject({ code: 'disk_full', retryable: true });
  await database.close();
  await rm(folder, { recursive: true });
});

test('an interrupt that is lost is sent again', async () => {
  const fake = await fakeComfy({ losesInterrupts: 2 });
  const { images } = await bed([fake]);
  const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 5 } });
  await until(() => images.get(id).progress > 0, 'the first tick');
  await images.cancel(id);
  expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled', outputs: [] });
  expect(fake.requests.filter((one) => one.endsWith('/cancel')).length).toBeGreaterThan(2);
});

test('a worker that is out of reach when its run is cancelled is rid of the run before it gets another', async () => {
  const fake = await fakeComfy();
  const line = await createLine(fake.url);
  const { images, run } = await bed([fake], { workers: [line.url], depth: 1 });
  const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 4 } });
  await until(() => images.get(id).progress > 0, 'the first tick');
  line.cut();
  await images.cancel(id);
  expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled' });
  expect(fake.requests.filter((one) => one.endsWith('/cancel'))).toEqual([]);
  line.mend();
  expect(await run('plain', { color: 4 })).toMatchObject({ state: 'done' });
  const asked = fake.requests.flatMap((one) => /^POST .*(cancel|prompt)$/.exec(one)?.[1] ?? []);
  const turns = asked.filter((one, at) => one !== asked[at - 1]);
  expect(turns).toEqual(['prompt', 'cancel', 'prompt']);
});

/** A binary frame: its kind, the word after it, and the rest. */
function binary(kind: number, word: number, rest: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(kind, 0);
  head.writeUInt32BE(word, 4);
  return Buffer.concat([head, Buffer.from(rest)]);
}

/** A network between us and a worker. */
async function createLine(url: string) {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    const onward = connect(Number(new URL(url).port), '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      open.add(one);
      one.on('error', () => undefined).on('close', () => (open.delete(one), other.destroy()));
      one.pipe(other);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cut(): void {
      isCut = true;
      for (const one of open) one.destroy();
    },
    mend: () => void (isCut = false),
  };
}

test('a run that somebody else interrupts says so, and is not begun again', async () => {
  const fake = await fakeComfy();
  const { images } = await bed([fake]);
  const { id } = await images.submit({ workflow: 'slow', inputs: { seconds: 5 } });
  await until(() => images.get(id).progress > 0, 'the first tick');
  await fetch(`${fake.url}/interrupt`, { method: 'POST' });
  expect(await images.wait(id, soon())).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
  expect(fake.prompts).toHaveLength(1);
});

test('a download that is cut goes on where it was cut, and the file is whole', async () => {
  const fake = await fakeComfy({ cutDownloads: 40 });
  const { images, run } = await bed([fake], { keepPrompts: true });
  const { outputs } = await run('plain', { color: 11 });
  const [kept] = outputs;
  const bytes = await readFile(images.file(kept?.id ?? '').path);
  const [made] = fake.made();
  expect(fake.ranges).toEqual([undefined, 'bytes=40-']);
  expect([kept?.id, bytes.equals(made ?? Buffer.alloc(0))]).toEqual([
    createHash('sha256')
      .update(made ?? '')
      .digest('hex'),
    true,
  ]);
});

describe('credentials go with every request and with the socket:', () => {
  test.each([
    ['a Bearer token', 'token@', 'authorization', 'Bearer token'],
    [
      'user and password',
      'me:secret@',
      'authorization',
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    ],
    ['a key in a header', 'X-API-Key=secret@', 'x-api-key', 'secret'],
  ])('%s', async (_name, prefix, header, value) => {
    const fake = await fakeComfy({ authorization: value, authorizationHeader: header });
    const { run, lines } = await bed([fake], { workers: [fake.url.replace('//', `//${prefix}`)] });
    expect(await run('plain')).toMatchObject({ state: 'done', worker: fake.url });
    expect(fake.upgrades[0]).toMatchObject({ [header]: value });
    expect(fake.sockets.count()).toBe(1);
    expect(lines.join('')).not.toMatch(/token|secret/);
  });

  test('without them the worker is not used, and says why', async () => {
    const fake = await fakeComfy({ authorization: 'Bearer token' });
    const { images } = await bed([fake]);
    expect(images.states()).toMatchObject([
      { reachable: false, message: expect.stringContaining('credentials') },
    ]);
  });
});
