import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bindGraph, settleInputs } from '../../src/comfy/bind.ts';
import { graphAgainst } from '../../src/comfy/check.ts';
import { createImages, type Images, type ImagesOptions } from '../../src/comfy/images.ts';
import { readWorkflows, type Workflow } from '../../src/comfy/manifest.ts';
import { ObjectInfo, Refused } from '../../src/comfy/wire.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { listen, stopListening } from '../fakes/listen.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';

/**
 * Address of a real server, such as `http://127.0.0.1:8188`; no model is needed. With `COMFYUI_START`, a command that
 * starts it there and stays in the foreground, it is also killed in the middle of a run.
 */
const URL_OF = process.env['COMFYUI_URL'];
const START = process.env['COMFYUI_START'];
const SHIPPED = fileURLToPath(new URL('../../workflows', import.meta.url));
const RUN_MS = 120_000;
const soon = (): AbortSignal => AbortSignal.timeout(RUN_MS);

const MANIFEST = `
workflows:
  - name: plain
    file: plain.json
    inputs:
      color: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
  - name: long
    file: long.json
    inputs:
      color: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
  - name: scaled
    file: scaled.json
    inputs:
      image: {kind: image, required: true, to: [{class: LoadImage, input: image}]}
      width: {kind: integer, min: 8, max: 512, to: [{class: ImageScale, input: width}]}
`;
const SAVE = { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'x' } };
const scale = (from: string, size: number) => ({
  class_type: 'ImageScale',
  inputs: { image: [from, 0], upscale_method: 'lanczos', width: size, height: size, crop: 'disabled' },
});
const EMPTY = { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 0 } };
/** Some seconds of work in 30 pieces, between which it can be stopped. */
const STEPS = Array.from({ length: 30 }, (_, at) => [
  String(at + 2),
  scale(String(at + 1), at % 2 ? 512 : 2048),
]);
const GRAPHS = {
  'plain.json': { 1: EMPTY, 9: SAVE },
  'long.json': {
    1: EMPTY,
    ...Object.fromEntries(STEPS),
    99: { class_type: 'SaveImage', inputs: { images: ['31', 0], filename_prefix: 'x' } },
  },
  'scaled.json': {
    1: { class_type: 'LoadImage', inputs: { image: 'example.png' } },
    2: scale('1', 32),
    9: { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'x' } },
  },
};

describe.skipIf(!URL_OF)('a real ComfyUI', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const server = startedBy(START);
  let folder: string;

  beforeAll(async () => {
    await server.start();
    folder = await mkdtemp(join(tmpdir(), 'limner-live-'));
    await writeFile(join(folder, 'manifest.yml'), MANIFEST);
    for (const [name, graph] of Object.entries(GRAPHS))
      await writeFile(join(folder, name), JSON.stringify(graph));
  }, RUN_MS);
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });
  afterAll(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });

  async function open(options: Partial<ImagesOptions> = {}): Promise<Images> {
    const place = await mkdtemp(join(folder, 'd-'));
    const database = openDatabase(join(place, 'test.sqlite'));
    const log = createLog({ level: 'warn', secrets: [] });
    const images = await createImages(
      { workers: [URL_OF ?? ''], workflows: folder, media: join(place, 'media'), ...options },
      { database, log },
    );
    cleanups.push(async () => {
      await images.close();
      await database.close();
    });
    await images.look();
    await images.start();
    return images;
  }

  const begun = (images: Images, id: string) =>
    until(() => images.get(id).progress > 0.1, 'progress', RUN_MS);

  test('makes a picture without any model', { timeout: RUN_MS }, async () => {
    const images = await open();
    const { id } = await images.submit({ workflow: 'plain', inputs: {} });
    expect(await images.wait(id, soon())).toMatchObject({
      state: 'done',
      outputs: [{ kind: 'image', mime: 'image/png' }],
    });
  });

  test('scales a picture that is sent along', { timeout: RUN_MS }, async () => {
    const images = await open();
    const pictures = { image: makePng(64, 64, 0x00ff00, '') };
    const { id } = await images.submit({ workflow: 'scaled', inputs: { width: 48 }, pictures });
    expect(await images.wait(id, soon())).toMatchObject({ state: 'done', error: null });
  });

  test('tells its progress', { timeout: RUN_MS }, async () => {
    const images = await open();
    const seen = new Set<number>();
    images.events.on('change', ({ progress }) => seen.add(progress));
    const { id } = await images.submit({ workflow: 'long', inputs: {} });
    await images.wait(id, soon());
    expect(seen.size).toBeGreaterThan(10);
    expect([...seen].toSorted((one, other) => one - other)).toEqual([...seen]);
  });

  test('stops a run that is cancelled, and one that still waits', { timeout: RUN_MS }, async () => {
    const images = await open();
    const one = await images.submit({ workflow: 'long', inputs: {} });
    const other = await images.submit({ workflow: 'long', inputs: {} });
    await begun(images, one.id);
    const since = performance.now();
    await images.cancel(one.id);
    await images.cancel(other.id);
    for (const { id } of [one, other])
      expect(await images.wait(id, soon())).toMatchObject({ state: 'cancelled', outputs: [] });
    expect(performance.now() - since).toBeLessThan(10_000);
    const queue: unknown = await (await fetch(`${URL_OF}/queue`)).json();
    expect(queue).toEqual({ queue_running: [], queue_pending: [] });
  });

  test('whose answer to a submit is lost runs it once', { timeout: RUN_MS }, async () => {
    const proxy = await cutFirstSubmit(URL_OF ?? '');
    cleanups.push(proxy.stop);
    const images = await open({ workers: [proxy.url] });
    const { id } = await images.submit({ workflow: 'long', inputs: {} });
    const job = await images.wait(id, soon());
    expect([job.state, job.attempts, proxy.posts()]).toEqual(['done', 1, 1]);
  });

  test('is the same job for a request that is sent twice', { timeout: RUN_MS }, async () => {
    const images = await open();
    const order = { workflow: 'plain', inputs: {}, request: 'once' };
    const jobs = await Promise.all([images.submit(order), images.submit(order)]);
    expect(jobs[0]?.id).toBe(jobs[1]?.id);
    expect(await images.wait(jobs[0]?.id ?? '', soon())).toMatchObject({ state: 'done', attempts: 1 });
  });

  test('finds every node and value of the shipped workflows right', { timeout: RUN_MS }, async () => {
    const classes = ObjectInfo.parse(await (await fetch(`${URL_OF}/object_info`)).json());
    for (const workflow of await readWorkflows(SHIPPED))
      expect([workflow.name, graphAgainst(workflow.graph, classes, workflow)]).toEqual([workflow.name, []]);
  });

  /** Only where it surely lacks the models: what it accepts, it runs. */
  test('accepts the shipped workflows but for models it lacks', { timeout: RUN_MS }, async ({ skip }) => {
    const stored: unknown = await (await fetch(`${URL_OF}/models/checkpoints`)).json();
    skip(!Array.isArray(stored) || stored.length > 0, 'it has models');
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(makePng(64, 64, 1, ''))]), 'limner-check.png');
    await fetch(`${URL_OF}/upload/image`, { method: 'POST', body: form });
    let refusals = 0;
    for (const workflow of await readWorkflows(SHIPPED)) {
      const graph = bindGraph(workflow, settleInputs(workflow, required(workflow)), {
        prefix: 'limner/check',
        pictures: { image: 'limner-check.png', mask: 'limner-check.png' },
        loraNames: [],
      });
      const reply = await fetch(`${URL_OF}/prompt`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: graph }),
      });
      // Where a list of models is empty, some nodes take any name and fail when they run.
      if (reply.status === 200) continue;
      const { node_errors } = Refused.parse(await reply.json());
      const models = workflow.requires.models.map(({ name }) => name);
      for (const { type, details } of Object.values(node_errors).flatMap(({ errors }) => errors)) {
        refusals++;
        const isModel = models.some((name) => details.includes(name));
        expect([workflow.name, type, isModel]).toEqual([workflow.name, 'value_not_in_list', true]);
      }
    }
    expect(refusals).toBeGreaterThan(0);
  });

  test.skipIf(!START)(
    'makes the picture although it is killed in the middle',
    { timeout: 2 * RUN_MS },
    async () => {
      const images = await open();
      const { id } = await images.submit({ workflow: 'long', inputs: {} });
      await begun(images, id);
      await server.kill();
      await server.start();
      expect(await images.wait(id, soon())).toMatchObject({ state: 'done', attempts: 2 });
    },
  );
});

/** The server that a command starts; nothing where there is none. */
function startedBy(command: string | undefined) {
  let child: ChildProcess | undefined;
  return {
    async start(): Promise<void> {
      if (command === undefined) return;
      child = spawn(command, { shell: true, detached: true, stdio: 'ignore' });
      const answers = () => {
        if (child?.exitCode !== null) throw new Error(`COMFYUI_START ended by itself: ${command}`);
        return fetch(`${URL_OF}/prompt`).then(
          ({ ok }) => ok,
          () => false,
        );
      };
      await until(answers, 'the server', RUN_MS);
    },
    /** With all that the shell started. */
    async kill(): Promise<void> {
      if (!child?.pid || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await ended;
      child = undefined;
    },
  };
}

function required({ inputs }: Workflow): Record<string, string> {
  const names = Object.entries(inputs).filter(([, spec]) => spec.required);
  return Object.fromEntries(names.map(([name]) => [name, 'x']));
}

/** Hands everything on to `target`, and breaks off instead of answering the first prompt that is posted. */
async function cutFirstSubmit(target: string) {
  let posts = 0;
  const server = createServer((request, response) => {
    const { method, url = '/', headers } = request;
    const isSubmit = method === 'POST' && url === '/api/prompt';
    if (isSubmit) posts++;
    const isCut = isSubmit && posts === 1;
    const onward = forward(new URL(url, target), { method, headers }, (answer) => {
      if (isCut) {
        response.destroy();
        return;
      }
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    posts: () => posts,
    stop: () => stopListening(server),
  };
}
