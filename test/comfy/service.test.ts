import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { startService, type Service } from '../service.ts';
import { until } from '../until.ts';

const Job = z.looseObject({
  id: z.string(),
  state: z.string(),
  generated: z.literal(true),
  inputs: z.record(z.string(), z.unknown()),
  passages: z.array(z.looseObject({ title: z.string(), url: z.string(), text: z.string() })),
  outputs: z.array(z.looseObject({ id: z.string(), url: z.string(), kind: z.string() })),
  error: z.looseObject({ code: z.string() }).nullable(),
  attempts: z.number(),
});

/** A painter that needs no model: the prompt is taken by a text that the picture does not show. */
const MANIFEST = `
workflows:
  - name: text-to-image
    file: paint.json
    inputs:
      prompt: {kind: text, required: true, to: [{title: Prompt, input: source}]}
      width: {kind: integer, min: 16, max: 64, default: 64, to: [{class: EmptyImage, input: width}]}
      height: {kind: integer, min: 16, max: 64, default: 64, to: [{class: EmptyImage, input: height}]}
    outputs: [{id: '9'}]
`;
const GRAPH = {
  1: { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 255 } },
  3: { class_type: 'PreviewAny', inputs: { source: '' }, _meta: { title: 'Prompt' } },
  5: { class_type: 'ProbeSlow', inputs: { image: ['1', 0], steps: 8, seconds: 0.8 } },
  9: { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: 'x' } },
};

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function begin(fake: FakeComfy | undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'limner-pictures-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'manifest.yml'), MANIFEST);
  await writeFile(join(folder, 'paint.json'), JSON.stringify(GRAPH));
  const env = { LIMNER_WORKFLOWS: folder, COMFYUI_URL: fake?.url ?? '' };
  const start = async (): Promise<Service> => {
    const service = await startService(folder, env);
    cleanups.push(() => service.kill());
    return service;
  };
  return { folder, start };
}

async function fakeWorker(): Promise<FakeComfy> {
  const fake = await createFakeComfy();
  cleanups.push(() => fake.stop());
  return fake;
}

const jobOf = async (service: Service, id: string) =>
  Job.parse(await (await service.get(`/api/images/${id}`)).json());

const ended = (service: Service, id: string) =>
  until(async () => {
    const job = await jobOf(service, id);
    return ['waiting', 'running'].includes(job.state) ? undefined : job;
  }, 'the picture to be done');

async function drop(service: Service): Promise<void> {
  await writeFile(
    join(service.inbox, 'lamp.md'),
    '# The lamp\n\nThe lighthouse lamp is green and turns every nine seconds.\n',
  );
  await service.quiet(1);
}

describe('an illustrated answer', () => {
  test('comes first; its picture follows, is served, listed and labelled with its passages', async () => {
    const service = await (await begin(await fakeWorker())).start();
    await drop(service);
    const response = await service.post('/api/ask', {
      question: 'What colour is the lighthouse lamp?',
      stream: true,
      illustrate: true,
    });
    const text = await response.text();
    const names = [...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    expect(names.filter((name) => name !== 'text')).toEqual([
      'sources',
      'answer',
      'illustration',
      'illustration',
    ]);
    const last = text.slice(text.lastIndexOf('data: ') + 6).trim();
    const job = Job.parse(JSON.parse(last));
    expect(job).toMatchObject({ state: 'done', generated: true });
    expect(job.passages[0]).toMatchObject({ title: 'The lamp', text: expect.stringContaining('green') });
    expect(job.inputs['prompt']).toContain('green');

    const picture = await service.get(job.outputs[0]?.url ?? '');
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(picture.headers.get('x-content-type-options')).toBe('nosniff');
    const whole = Buffer.from(await picture.arrayBuffer());
    const part = await fetch(service.url + (job.outputs[0]?.url ?? ''), { headers: { range: 'bytes=1-3' } });
    expect([part.status, await part.text()]).toEqual([206, 'PNG']);
    expect(whole.subarray(1, 4).toString()).toBe('PNG');
    const list = z
      .object({ data: z.array(Job) })
      .parse(await (await service.get('/api/workflows/history')).json());
    expect(list.data.map(({ id }) => id)).toEqual([job.id]);
    expect(await service.documents()).toHaveLength(1);
  });

  test('in one piece does not wait for the picture, unless it is asked to', async () => {
    const service = await (await begin(await fakeWorker())).start();
    await drop(service);
    const ask = async (illustrate: unknown) => {
      const body = { question: 'What colour is the lighthouse lamp?', illustrate };
      return z
        .looseObject({ answer: z.string(), illustration: Job })
        .parse(await (await service.post('/api/ask', body)).json());
    };
    const first = await ask(true);
    expect(['waiting', 'running']).toContain(first.illustration.state);
    expect((await ask('wait')).illustration.state).toBe('done');
  });

  test('gets a picture unasked where the policy of its folder wants one, and none where it does not', async () => {
    const service = await (await begin(await fakeWorker())).start();
    await drop(service);
    const body = { question: 'What colour is the lighthouse lamp?' };
    const ask = async (more: object = {}) =>
      z
        .looseObject({ illustration: Job.optional() })
        .parse(await (await service.post('/api/ask', { ...body, ...more })).json()).illustration;
    expect(await ask()).toBeUndefined();
    await writeFile(join(service.inbox, '.limner.yaml'), 'illustrate: true\n');
    await until(ask, 'a picture that nobody asked for');
    expect(await ask({ illustrate: false })).toBeUndefined();
    expect(await (await service.post('/api/ask', { ...body, stream: true })).text()).toContain(
      'event: illustration',
    );
  });

  test('shows the figure of the cited page rather than making a picture', async () => {
    const fake = await fakeWorker();
    const service = await (await begin(fake)).start();
    await copyFile(new URL('../fixtures/figures.pdf', import.meta.url), join(service.inbox, 'figures.pdf'));
    await service.quiet(1);
    const answer = await (
      await service.post('/api/ask', {
        question: 'Who repaints the red band of the tower?',
        illustrate: 'wait',
      })
    ).json();
    const { illustration } = z
      .object({
        illustration: z.object({ generated: z.literal(false), figure: z.looseObject({ url: z.string() }) }),
      })
      .parse(answer);
    const picture = await service.get(illustration.figure.url);
    expect([picture.status, picture.headers.get('content-type')]).toEqual([
      200,
      expect.stringMatching(/^image\//),
    ]);
    expect(await (await service.get('/api/images')).json()).toMatchObject({ data: [] });
  });

  test('without a ComfyUI says why, and the answer is there', async () => {
    const service = await (await begin(undefined)).start();
    await drop(service);
    const body = { question: 'What colour is the lighthouse lamp?', illustrate: true };
    const answer = await (await service.post('/api/ask', body)).json();
    expect(answer).toMatchObject({
      answer: expect.stringContaining('green'),
      illustration: { error: { code: 'image_unavailable' } },
    });
    const openai = await service.post('/v1/images/generations', { prompt: 'x' });
    expect([openai.status, await openai.json()]).toMatchObject([
      503,
      { error: { code: 'image_unavailable' } },
    ]);
  });
});

test('ComfyUI is killed in the middle and started again: the picture still comes', async () => {
  const fake = await fakeWorker();
  const service = await (await begin(fake)).start();
  const sent = await service.post('/api/images', { workflow: 'text-to-image', inputs: { prompt: 'a' } });
  const { id } = Job.parse(await sent.json());
  await until(() => fake.prompts.length > 0, 'the job to reach it');
  await fake.stop();
  await fake.start();
  expect(await ended(service, id)).toMatchObject({ state: 'done', error: null });
});

test('Limner is killed in the middle and started again: the picture still comes, made once', async () => {
  const fake = await fakeWorker();
  const { start } = await begin(fake);
  const service = await start();
  const sent = await service.post('/api/images', { workflow: 'text-to-image', inputs: { prompt: 'a' } });
  const { id } = Job.parse(await sent.json());
  await until(() => fake.prompts.length > 0, 'the job to reach it');
  await service.kill();
  const again = await start();
  expect(await ended(again, id)).toMatchObject({ state: 'done', attempts: 1 });
  expect(fake.prompts).toHaveLength(1);
});

test('OpenAI: the workflow is the model, and n pictures are n jobs', async () => {
  const fake = await fakeWorker();
  const service = await (await begin(fake)).start();
  await until(async () => {
    const { data } = z
      .object({ data: z.array(z.looseObject({ ready: z.boolean() })) })
      .parse(await (await service.get('/api/workflows')).json());
    return data.every(({ ready }) => ready);
  }, 'the worker to be seen');
  const response = await service.post('/v1/images/generations', {
    model: 'text-to-image',
    prompt: 'a lamp',
    n: 2,
    size: '32x32',
    response_format: 'b64_json',
  });
  const { data } = z
    .object({ data: z.array(z.object({ b64_json: z.string() })) })
    .parse(await response.json());
  expect(data.map(({ b64_json }) => Buffer.from(b64_json, 'base64').readUInt32BE(16))).toEqual([32, 32]);
});

test('a job tells its changes on the stream of events', async () => {
  const service = await (await begin(await fakeWorker())).start();
  const gone = new AbortController();
  const events = await fetch(`${service.url}/api/events`, { signal: gone.signal });
  await service.post('/api/images', { workflow: 'text-to-image', inputs: { prompt: 'a' } });
  let text = '';
  const decoder = new TextDecoder();
  for await (const part of events.body ?? []) {
    text += decoder.decode(part, { stream: true });
    if (text.includes('"state":"done"')) break;
  }
  gone.abort();
  expect(text).toMatch(/event: image\ndata: {"id":"[^"]+","object":"image.job".*"state":"running"/);
});
