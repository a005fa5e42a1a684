import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createApp, type App } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import { errorIn } from '../api/setup.ts';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { QUICK, writeWorkflows } from './bed.ts';

let app: App;
let fake: FakeComfy;
let folder: string;
const PICTURE = makePng(32, 32, 1, 'a prompt');
const HASH = 'a'.repeat(64);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-routes-'));
  await writeWorkflows(join(folder, 'workflows'));
  fake = await createFakeComfy();
  const settings = {
    OLLAMA_HOST: 'http://127.0.0.1:9',
    COMFYUI_URL: fake.url,
    LIMNER_WORKFLOWS: 'workflows',
  };
  const log = createLog({ level: 'silent', secrets: [] });
  app = await createApp(parseConfig(settings, folder), log, {
    comfy: { times: QUICK, look: { absentMs: 50, presentMs: 500 } },
  });
  await app.start({ watch: false });
  const ready = async (): Promise<boolean> => (await get('/api/workflows')).body.includes('"ready":true');
  while (!(await ready())) await new Promise(setImmediate);
});

afterAll(async () => {
  await app.close();
  await fake.stop();
  await rm(folder, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = {}) =>
  app.server.inject({ method: 'GET', url, headers });
const post = (url: string, payload: object) => app.server.inject({ method: 'POST', url, payload });

const Job = z.looseObject({
  id: z.string(),
  state: z.string(),
  outputs: z.array(z.looseObject({ id: z.string() })),
});

async function form(url: string, fields: Record<string, string | Buffer>) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields))
    data.set(name, typeof value === 'string' ? value : new Blob([new Uint8Array(value)]));
  const request = new Response(data);
  return app.server.inject({
    method: 'POST',
    url,
    headers: { 'content-type': request.headers.get('content-type') ?? '' },
    payload: Buffer.from(await request.arrayBuffer()),
  });
}

describe('a picture', () => {
  test('is made, served with ranges, and never changes', async () => {
    const made = Job.parse(
      (await post('/api/images', { workflow: 'plain', inputs: { color: 3 }, wait: true })).json(),
    );
    expect(made.state).toBe('done');
    const url = `/media/${made.outputs[0]?.id}`;
    const whole = await get(url);
    expect(whole.headers).toMatchObject({
      'content-type': 'image/png',
      'accept-ranges': 'bytes',
      'x-content-type-options': 'nosniff',
      'cache-control': expect.stringContaining('immutable'),
    });
    const tail = await get(url, { range: 'bytes=-4' });
    expect([tail.statusCode, tail.rawPayload]).toEqual([206, whole.rawPayload.subarray(-4)]);
    expect((await get(url, { range: 'bytes=999999-' })).statusCode).toBe(416);
    expect((await get(url, { 'if-none-match': String(whole.headers.etag) })).statusCode).toBe(304);
    const etag = String(whole.headers.etag);
    expect((await get(url, { 'if-none-match': `"other", W/${etag}` })).statusCode).toBe(304);
    const ranges: [headers: Record<string, string>, status: number][] = [
      [{ 'if-range': etag }, 206],
      [{ 'if-range': '"other"' }, 200],
      [{ range: 'bytes=3-1' }, 200],
      [{ range: 'bytes=0-1,3-4' }, 200],
    ];
    for (const [headers, status] of ranges)
      expect((await get(url, { range: 'bytes=0-1', ...headers })).statusCode).toBe(status);
    const list = z.object({ data: z.array(Job), next_cursor: z.string().nullable() });
    expect(list.parse((await get('/api/images?state=done&limit=1')).json()).data).toHaveLength(1);
  });

  test('is made from one that is sent along, as a data URL or as OpenAI sends it', async () => {
    const image = `data:image/png;base64,${PICTURE.toString('base64')}`;
    const sent = await post('/api/workflows/execute', { workflow: 'from-picture', image, wait: true });
    expect(sent.json()).toMatchObject({ state: 'done' });
    const named = await post('/api/images', {
      workflow: 'from-picture',
      pictures: { image, mask: image },
      wait: true,
    });
    expect(named.json()).toMatchObject({ state: 'done', inputs: sent.json().inputs });
    expect((await get(`/api/images/${named.json().id}/preview`)).statusCode).toBe(204);
    const fields = { model: 'edit', prompt: 'greener', image: PICTURE, response_format: 'b64_json' };
    const { data } = z
      .object({ data: z.array(z.object({ b64_json: z.string() })) })
      .parse((await form('/v1/images/edits', fields)).json());
    expect(Buffer.from(data[0]?.b64_json ?? '', 'base64').toString('latin1', 1, 4)).toBe('PNG');
    const broken = await form('/v1/images/edits', {
      ...fields,
      image: Buffer.from('no picture at all, not at all, no'),
    });
    expect(errorIn(broken)).toMatchObject({ status: 400, param: 'image' });
  });

  test('that is done is forgotten with its file, unless another job made the same', async () => {
    const make = async () =>
      Job.parse((await post('/api/images', { workflow: 'plain', inputs: { color: 9 }, wait: true })).json());
    const [first, second] = [await make(), await make()];
    const url = `/media/${first.outputs[0]?.id}`;
    expect([second.id === first.id, second.outputs[0]?.id]).toEqual([false, first.outputs[0]?.id]);
    const forget = (id: string) => app.server.inject({ method: 'DELETE', url: `/api/images/${id}` });
    expect((await forget(first.id)).statusCode).toBe(204);
    expect((await get(`/api/images/${first.id}`)).statusCode).toBe(404);
    expect((await get(url)).statusCode).toBe(200);
    expect((await forget(second.id)).statusCode).toBe(204);
    expect((await get(url)).statusCode).toBe(404);
    expect((await forget(second.id)).statusCode).toBe(404);
  });

  test('is found by its workflow, the kind of its files and words', async () => {
    const make = async (color: number) =>
      Job.parse((await post('/api/images', { workflow: 'plain', inputs: { color }, wait: true })).json());
    const { id } = await make(16_000_123);
    const ids = async (query: string) => {
      const list = z.object({ data: z.array(Job) });
      return list.parse((await get(`/api/images?${query}`)).json()).data.map((one) => one.id);
    };
    expect(await ids('query=16000123&workflow=plain&kind=image')).toEqual([id]);
    expect(await ids('query=16000123&workflow=slow')).toEqual([]);
    expect(await ids('query=16000123&kind=video')).toEqual([]);
    expect(errorIn(await get('/api/images?kind=none'))).toMatchObject({ status: 400, param: 'kind' });
    expect(errorIn(await post('/api/images', { workflow: 'plain', from: 'none' }))).toMatchObject({
      status: 404,
    });
  });

  test('that ends is told to who subscribed, in the commit that ends it', async () => {
    const hook = { url: 'http://127.0.0.1:9/', events: ['image.finished', 'image.failed'] };
    const { id } = (await post('/api/webhooks', hook)).json();
    const messages = async () => (await get(`/api/webhooks/${id}/messages`)).json().data;
    await post('/api/images', { workflow: 'plain', inputs: { color: 77 }, wait: true });
    expect(await messages()).toMatchObject([{ event: 'image.finished' }]);
    await post('/api/images', { workflow: 'failing', wait: true });
    expect(await messages()).toMatchObject([{ event: 'image.failed' }, { event: 'image.finished' }]);
    await app.server.inject({ method: 'DELETE', url: `/api/webhooks/${id}` });
  });

  test('is listed page by page, also when the last one of a page is forgotten meanwhile', async () => {
    for (const color of [31, 32, 33])
      await post('/api/images', { workflow: 'plain', inputs: { color }, wait: true });
    const list = z.object({ data: z.array(Job), next_cursor: z.string().nullable() });
    const page = async (query: string) => list.parse((await get(`/api/images?${query}`)).json());
    const all = (await page('limit=1000')).data.map(({ id }) => id);
    const first = await page('limit=2');
    await app.server.inject({ method: 'DELETE', url: `/api/images/${first.data.at(-1)?.id}` });
    const rest = await page(`limit=1000&cursor=${first.next_cursor}`);
    expect([...first.data, ...rest.data].map(({ id }) => id)).toEqual(all);
    expect(rest.next_cursor).toBeNull();
    expect(errorIn(await get('/api/images?cursor=none'))).toMatchObject({ status: 400, param: 'cursor' });
  });

  test('can be cancelled, and its place in the queue is told', async () => {
    const { id } = Job.parse(
      (await post('/api/images', { workflow: 'slow', inputs: { seconds: 20 } })).json(),
    );
    expect((await get('/api/workflows/queue/status')).json()).toMatchObject({ workers: [{ url: fake.url }] });
    const answer = await app.server.inject({ method: 'DELETE', url: `/api/images/${id}` });
    expect(['cancelling', 'cancelled']).toContain(Job.parse(answer.json()).state);
  });
});

test('workflows and presets tell what is lacking, and not which node an input fills', async () => {
  const workflows = (await get('/api/workflows')).json();
  expect(JSON.stringify(workflows)).not.toContain('EmptyImage');
  const presets = (await get('/api/presets')).json();
  expect(presets.data.find(({ name }: { name: string }) => name === 'trained')).toMatchObject({
    models: [{ folder: 'checkpoints', name: 'none.safetensors', installed: [] }],
  });
  expect((await get('/api/models')).json()).toMatchObject({ data: [{ worker: fake.url, reachable: true }] });
});

test('a workflow that makes no picture is none for OpenAI clients', async () => {
  const answer = await post('/v1/images/generations', { model: 'said', prompt: 'a word' });
  expect(errorIn(answer)).toMatchObject({ status: 400, param: 'model' });
});

describe('a request that cannot be done names its fault', () => {
  test.each([
    ['/api/images', {}, 400, 'workflow'],
    ['/api/images', { workflow: 'none' }, 404, 'workflow'],
    ['/api/images', { workflow: '../plain' }, 404, 'workflow'],
    ['/api/images', { workflow: 'plain', inputs: { color: 'red' } }, 400, 'inputs.color'],
    ['/api/images', { workflow: 'plain', inputs: { __proto__x: 1 } }, 400, 'inputs.__proto__x'],
    ['/api/images', { workflow: 'from-picture', image: '../../etc/passwd' }, 400, 'image'],
    ['/api/images', { workflow: 'from-picture', image: 'aGVsbG8=' }, 400, 'image'],
    [
      '/api/images',
      { workflow: 'from-picture', inputs: { image: '../../../etc/hosts' } },
      400,
      'inputs.image',
    ],
    ['/api/images', { workflow: 'huge' }, 422, 'workflow'],
    ['/api/images', { workflow: 'unknown-node' }, 422, 'workflow'],
    ['/api/images', { workflow: 'missing-link' }, 422, 'workflow'],
    ['/api/images', { workflow: 'no-json' }, 422, 'workflow'],
    ['/api/images', { workflow: 'no-file' }, 422, 'workflow'],
    ['/api/images', { workflow: 'path-trick' }, 422, 'workflow'],
    ['/v1/images/generations', { prompt: 'x', n: 11 }, 400, 'n'],
    ['/v1/images/generations', { prompt: 'x', model: 'none' }, 404, 'model'],
    ['/v1/images/edits', { prompt: 'x' }, 400, 'image'],
  ])('POST %s %j', async (url, body, status, param) => {
    const sent = (): string[] => fake.requests.filter((one) => /^POST \/(prompt|upload)/.test(one));
    const before = sent();
    expect(errorIn(await post(url, body))).toMatchObject({ status, param });
    expect(sent()).toEqual(before);
  });

  test.each([
    `/media/${HASH}`,
    '/media/..%2F..%2Flimner.sqlite',
    '/api/images/none',
    '/api/images/none/preview',
  ])('GET %s', async (url) =>
    expect(errorIn(await get(url))).toMatchObject({ status: 404, code: 'not_found' }),
  );

  test('COMFYUI_URL that is no address stops the start', () => {
    expect(() => parseConfig({ COMFYUI_URL: 'gpu:8188' }, folder)).toThrow(/COMFYUI_URL/);
  });
});
