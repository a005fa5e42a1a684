import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request as ask, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { parseLooseJson } from '../../src/comfy/loose-json.ts';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { until } from '../until.ts';

const RECORDING = fileURLToPath(
  new URL('../../../shared/contracts/comfyui-transcript.jsonl', import.meta.url),
);

const Line = z.looseObject({
  scenario: z.string(),
  dir: z.string(),
  method: z.string().optional(),
  path: z.string().optional(),
  request: z.unknown().optional(),
  request_headers: z.record(z.string(), z.string()).optional(),
  status: z.number().optional(),
  headers: z.looseObject({ ct: z.string().optional() }).optional(),
  response: z.unknown().optional(),
  msg: z
    .looseObject({ type: z.string(), data: z.record(z.string(), z.unknown()) })
    .optional()
    .catch(undefined),
});
const Heard = z.object({ type: z.string(), data: z.record(z.string(), z.unknown()) });
type Line = z.infer<typeof Line>;

const lines: Line[] = existsSync(RECORDING)
  ? readFileSync(RECORDING, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => Line.parse(JSON.parse(line)))
  : [];
const of = (scenario: string): Line[] => lines.filter((line) => line.scenario === scenario);

/** A frame without what differs from run to run: its kind, its node and the names of its fields. */
function shapeOf(type: string, data: Record<string, unknown>): string {
  const node = data['node'] ?? data['node_id'] ?? '';
  return `${type} ${JSON.stringify(node)} ${Object.keys(data).toSorted().join(',')}`;
}

/** What was heard, the frames that are no JSON as Python reads them. */
function framesIn(recorded: Line[]): z.infer<typeof Heard>[] {
  return recorded.flatMap(({ dir, msg, text }) => {
    if (dir === 'ws-recv-unparsable') return Heard.parse(parseLooseJson(String(text)));
    return dir === 'ws-recv' && msg ? [msg] : [];
  });
}

/** Progress of a node may be told once or more often; only changes count. */
function framesOf(frames: { type: string; data: Record<string, unknown> }[]): string[] {
  return frames
    .filter(({ type }) => !['status', 'progress_state', 'feature_flags'].includes(type))
    .map(({ type, data }) => shapeOf(type, data));
}

/** Scenarios of one prompt, in the order of their recording: what one made is cached for the next. */
const FRAMES = [
  'D',
  'E',

  'A',
  'B',
  'C',
  'D2',
  'F',
  'G',
  'H',
  'K6',
  'S',
  'W',
  'Q1',
  'Q2',
  'Q11',
  'Q12',
  'R-gifs',
  'R-nan',
];
const REFUSALS = ['K1', 'K2', 'K3', 'K4', 'K5', 'K7', 'K8', 'K9', 'K10', 'K11', 'T', 'S'];

describe.skipIf(lines.length === 0)('the fake beside the recording of a real server', () => {
  let fake: FakeComfy;
  let socket: WebSocket;
  const heard: { type: string; data: Record<string, unknown> }[] = [];
  const clientId = randomUUID();

  beforeAll(async () => {
    fake = await createFakeComfy();
    socket = new WebSocket(`${fake.url.replace('http', 'ws')}/ws?clientId=${clientId}`);
    socket.on('message', (data, isBinary) => {
      if (!isBinary && Buffer.isBuffer(data)) heard.push(Heard.parse(parseLooseJson(data.toString())));
    });
    await once(socket, 'open');
  });

  afterAll(async () => {
    socket.terminate();
    await fake.stop();
  });

  const post = (body: object) =>
    fetch(`${fake.url}/prompt`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, client_id: clientId, prompt_id: randomUUID() }),
    });

  test.each(FRAMES)('scenario %s: the same frames in the same order', async (scenario) => {
    const recorded = of(scenario);
    const request = z
      .looseObject({})
      .parse(recorded.find(({ method, path }) => method === 'POST' && path === '/prompt')?.request);
    heard.length = 0;
    const response = await post(request);
    expect(response.status).toBe(200);
    expect(Object.keys(z.looseObject({}).parse(await response.json())).toSorted()).toEqual([
      'node_errors',
      'number',
      'prompt_id',
    ]);
    await until(
      () => heard.some(({ type, data }) => type === 'executing' && data['node'] === null),
      'the end',
    );
    const expected = framesOf(framesIn(recorded));
    expect(framesOf(heard)).toEqual(expected);
    expect(heard.filter(({ type }) => type === 'status')).toHaveLength(
      recorded.filter(({ msg }) => msg?.type === 'status' && msg.data['sid'] === undefined).length,
    );
  });

  test.each([
    ['/history/x', 'Y4'],
    ['/api/jobs/x', 'J'],
    ['/jobs', 'V'],
    ['/prompt', 'V'],
    ['/object_info/NoSuch', 'V'],
    ['/models/nope', 'V'],
  ])('GET %s is answered as in %s', async (path, scenario) => {
    const sample = of(scenario).find(
      (line) => line.method === 'GET' && line.path?.replace(/[0-9a-f-]{36}/, 'x') === path,
    );
    const response = await fetch(fake.url + path);
    expect(response.status).toBe(sample?.status);
    expect(response.headers.get('content-type')).toBe(sample?.headers?.ct ?? null);
    const text = await response.text();
    const body: unknown = text.startsWith('{') ? JSON.parse(text) : text;
    expect(body).toEqual(sample?.response);
  });

  test.each(REFUSALS)('scenario %s: refused with the same status, type and faults', async (scenario) => {
    const refusals = of(scenario).filter(({ path, status }) => path === '/prompt' && status !== 200);
    expect(refusals.length).toBeGreaterThan(0);
    for (const { request, status, headers, response: recorded } of refusals) {
      const body = typeof request === 'string' ? request : JSON.stringify(request);
      const response = await fetch(`${fake.url}/prompt`, { method: 'POST', body });
      expect([response.status, response.headers.get('content-type')]).toEqual([status, headers?.ct ?? null]);
      const text = await response.text();
      expect(faultsIn(text.startsWith('{') ? JSON.parse(text) : text)).toEqual(faultsIn(recorded));
    }
  });

  test.each(['P1', 'P2', 'P4', 'V', 'Y4', 'Y6'])(
    'scenario %s: the same statuses and types',
    async (scenario) => {
      const exchanges = of(scenario).filter((line) => line.dir === 'http' && !isElsewhere(line.path ?? ''));
      expect(exchanges.length).toBeGreaterThan(0);
      for (const { method = 'GET', path = '', request, request_headers, status, headers } of exchanges) {
        const sent = bodyOf(path, request);
        const response = await raw(
          fake.url + path,
          { method, headers: { ...request_headers, ...sent.headers } },
          sent.body,
        );
        const found = [path, response.statusCode, response.headers['content-type'] ?? undefined];
        expect(found).toEqual([path, status, headers?.ct]);
      }
    },
  );

  test('P3: what is larger than the server takes is answered 413', async () => {
    const recorded = of('P3').find(({ path }) => path === '/upload/image');
    const { maxUploadBytes } = fake.settings;
    fake.settings.maxUploadBytes = 10;
    const response = await fetch(`${fake.url}/upload/image`, { method: 'POST', body: 'x'.repeat(11) });
    fake.settings.maxUploadBytes = maxUploadBytes;
    expect([response.status, response.headers.get('content-type')]).toEqual([
      recorded?.status,
      recorded?.headers?.ct,
    ]);
  });

  test('scenario I: an interrupt at a tick ends the run with the same frames', async () => {
    const recorded = of('I');
    const request = recorded.find(({ path }) => path === '/prompt')?.request;
    heard.length = 0;
    await post(z.looseObject({}).parse(request));
    await until(() => heard.some(({ type }) => type === 'progress'), 'the first tick');
    await fetch(`${fake.url}/interrupt`, { method: 'POST' });
    await until(() => heard.some(({ type }) => type === 'execution_interrupted'), 'the end');
    await until(() => heard.some(({ data }) => data['node'] === null), 'its last frame');
    const ticksAside = (frames: string[]): string[] => frames.filter((one) => !one.startsWith('progress'));
    expect(ticksAside(framesOf(heard))).toEqual(ticksAside(framesOf(framesIn(recorded))));
  });

  test('scenario N: everybody hears the progress of a run without a client, and nothing else of it', async () => {
    const recorded = of('N');
    const { client_id: _client, ...request } = z.looseObject({ client_id: z.unknown() }).parse({
      client_id: undefined,
      ...z.looseObject({}).parse(recorded.find(({ path }) => path === '/prompt')?.request),
    });
    heard.length = 0;
    await fetch(`${fake.url}/prompt`, { method: 'POST', body: JSON.stringify(request) });
    await until(() => heard.filter(({ type }) => type === 'status').length === 3, 'the end');
    const kinds = (frames: { type: string }[]): string[] =>
      [...new Set(frames.map(({ type }) => type))].toSorted();
    expect(kinds(heard)).toEqual(kinds(framesIn(recorded)));
  });

  test('M4: of two sockets of one id only the newest hears', async () => {
    const id = randomUUID();
    const heardBy = [0, 0];
    for (const at of [0, 1]) {
      const one = new WebSocket(`${fake.url.replace('http', 'ws')}/ws?clientId=${id}`);
      one.on('message', (data) => {
        if (Buffer.isBuffer(data) && data.includes('execut')) heardBy[at] = (heardBy[at] ?? 0) + 1;
      });
      await once(one, 'open');
    }
    const { request } = of('M4').find(({ path }) => path === '/prompt') ?? {};
    await fetch(`${fake.url}/prompt`, {
      method: 'POST',
      body: JSON.stringify({ ...z.looseObject({}).parse(request), client_id: id }),
    });
    await until(() => (heardBy[1] ?? 0) > 3, 'frames');
    expect(heardBy[0]).toBe(0);
  });

  test('M6: a frame of more than 4 MiB is answered with 1009', async () => {
    const one = new WebSocket(`${fake.url.replace('http', 'ws')}/ws`);
    await once(one, 'open');
    one.send('x'.repeat(5 * 1024 * 1024));
    const [code] = await once(one, 'close');
    expect(code).toBe(of('M6').find(({ dir }) => dir === 'ws-close')?.['code']);
  });

  test('a job record and a history entry have the recorded fields', async () => {
    const recorded = of('A');
    const job = recorded.find(({ path }) => path?.startsWith('/api/jobs/'))?.response;
    const history = recorded.find(({ path }) => path?.startsWith('/history/'))?.response;
    const id = fake.prompts[0]?.prompt_id ?? '';
    const ours: unknown = await (await fetch(`${fake.url}/api/jobs/${id}`)).json();
    const entry = z
      .record(z.string(), z.looseObject({}))
      .parse(await (await fetch(`${fake.url}/history/${id}`)).json());
    const known = new Set(Object.keys(z.looseObject({}).parse(job)));
    expect(Object.keys(z.looseObject({}).parse(ours)).filter((key) => !known.has(key))).toEqual([]);
    expect(Object.keys(entry[id] ?? {}).toSorted()).toEqual(
      Object.keys(Object.values(z.record(z.string(), z.looseObject({})).parse(history))[0] ?? {}).toSorted(),
    );
  });
});

const Faults = z.looseObject({
  error: z.looseObject({ type: z.string() }),
  node_errors: z
    .record(z.string(), z.looseObject({ errors: z.array(z.looseObject({ type: z.string() })) }))
    .catch({}),
});

/** The kinds of faults by node; words differ between versions. */
function faultsIn(body: unknown): unknown {
  const parsed = Faults.safeParse(body);
  if (!parsed.success) return body;
  const { error, node_errors } = parsed.data;
  const nodes = Object.entries(node_errors).map(([id, { errors }]) => [
    id,
    errors.map(({ type }) => type).toSorted(),
  ]);
  return [error.type, Object.fromEntries(nodes)];
}

/** Routes that Limner never asks, and pictures made anew by `/view`: the fake has neither. */
function isElsewhere(path: string): boolean {
  return /^\/(embeddings|experiment|view_metadata|userdata|workflow_templates|global_subgraphs|internal|node_replacements|users|settings|api\/assets)|[?&](preview|channel)=|^\/api\/jobs\?/.test(
    path,
  );
}

/** `raw`, since `fetch` takes no `origin` of the caller's. */
function raw(
  url: string,
  options: { method: string; headers: Record<string, string> },
  body: Buffer | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = ask(url.replaceAll(' ', '%20'), options, (response) => {
      response.resume();
      resolve(response);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** The recording describes files in words: `in.png (761 bytes, content A)`. */
function bodyOf(
  path: string,
  request: unknown,
): { headers: Record<string, string>; body: Buffer | undefined } {
  const form = z.object({ multipart: z.record(z.string(), z.string()) }).safeParse(request);
  if (!form.success)
    return { headers: {}, body: request === undefined ? undefined : Buffer.from(JSON.stringify(request)) };
  const boundary = 'recorded';
  const parts = Object.entries(form.data.multipart).map(([name, value]) => {
    const [, file = '', words = ''] = /^(.*?)(?: \((.*)\))?$/.exec(value) ?? [];
    if (name !== 'image')
      return `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const content = words.includes('B')
      ? 'b'.repeat(762)
      : 'a'.repeat(path.includes('image') && words.includes('MB') ? 1 : 761);
    return `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="${file}"\r\n\r\n${content}\r\n`;
  });
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.from(`${parts.join('')}--${boundary}--\r\n`),
  };
}
