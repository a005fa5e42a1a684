import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
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
  status: z.number().optional(),
  headers: z.looseObject({ ct: z.string().optional() }).optional(),
  response: z.unknown().optional(),
  msg: z
    .looseObject({ type: z.string(), data: z.record(z.string(), z.unknown()) })
    .optional()
    .catch(undefined),
});
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

/** Progress of a node may be told once or more often; only changes count. */
function framesOf(frames: { type: string; data: Record<string, unknown> }[]): string[] {
  return frames
    .filter(({ type }) => type !== 'status' && type !== 'progress_state')
    .map(({ type, data }) => shapeOf(type, data));
}

describe.skipIf(lines.length === 0)('the fake beside the recording of a real server', () => {
  let fake: FakeComfy;
  let socket: WebSocket;
  const heard: { type: string; data: Record<string, unknown> }[] = [];
  const clientId = randomUUID();

  beforeAll(async () => {
    fake = await createFakeComfy();
    socket = new WebSocket(`${fake.url.replace('http', 'ws')}/ws?clientId=${clientId}`);
    socket.on('message', (data, isBinary) => {
      if (!isBinary && Buffer.isBuffer(data)) heard.push(JSON.parse(data.toString()));
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

  test.each(['A', 'B', 'F', 'G'])('scenario %s: the same frames in the same order', async (scenario) => {
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
    const expected = framesOf(recorded.flatMap(({ dir, msg }) => (dir === 'ws-recv' && msg ? [msg] : [])));
    expect(framesOf(heard)).toEqual(expected);
    expect(heard.filter(({ type }) => type === 'status')).toHaveLength(3);
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

  test.each(['K1', 'K3', 'K4'])('scenario %s: refused with the same status and type', async (scenario) => {
    const sample = of(scenario).find(({ path }) => path === '/prompt');
    const body = z.looseObject({}).parse(sample?.request);
    const response = await fetch(`${fake.url}/prompt`, { method: 'POST', body: JSON.stringify(body) });
    const Failed = z.looseObject({ error: z.looseObject({ type: z.string() }) });
    expect(response.status).toBe(sample?.status);
    expect(Failed.parse(await response.json()).error.type).toBe(Failed.parse(sample?.response).error.type);
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
