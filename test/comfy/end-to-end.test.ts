import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { chatModel, createFakeOllama, type FakeOllama } from '../fakes/ollama.ts';
import { startService, type Service } from '../service.ts';
import { until } from '../until.ts';

const MANIFEST = `
workflows:
  - name: text-to-image
    file: paint.json
    inputs:
      prompt: {kind: text, required: true, to: [{title: Prompt, input: source}]}
      seed: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
    outputs: [{id: '9'}]
`;
const GRAPH = {
  1: { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 255 } },
  3: { class_type: 'PreviewAny', inputs: { source: '' }, _meta: { title: 'Prompt' } },
  5: { class_type: 'ProbeSlow', inputs: { image: ['1', 0], steps: 8, seconds: 1.5 } },
  9: { class_type: 'SaveImage', inputs: { images: ['5', 0], filename_prefix: 'x' } },
};

let folder: string;
let painter: FakeComfy;
let ollama: FakeOllama;
const services: Service[] = [];
/** What is told of a picture that is there. */
const LABELLED = { state: 'done', generated: true, passages: [{ title: 'The lamp' }] };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limner-end-'));
  await writeFile(join(folder, 'manifest.yml'), MANIFEST);
  await writeFile(join(folder, 'paint.json'), JSON.stringify(GRAPH));
  painter = await createFakeComfy();
  ollama = await createFakeOllama({ installed: [chatModel()], reply: () => 'It is green [1].' });
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.kill();
  await painter.stop();
  await ollama.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(port = '0'): Promise<Service> {
  const service = await startService(folder, {
    LIMNER_PORT: port,
    LIMNER_WORKFLOWS: folder,
    COMFYUI_URL: painter.url,
    OLLAMA_HOST: ollama.url,
    LIMNER_CHAT_MODEL: 'qwen3:4b',
  });
  services.push(service);
  return service;
}

/** A document is dropped and asked about in a chat; resolves to the link of the picture, which is being made. */
async function ask(service: Service, stream: boolean): Promise<string> {
  await writeFile(join(service.inbox, 'lamp.md'), '# The lamp\n\nThe lighthouse lamp is green.\n');
  await service.quiet(1);
  await until(
    async () => (await (await service.get('/v1/models')).text()).includes('limner+image'),
    'the painter to be seen',
  );
  await until(
    async () => (await (await service.get('/v1/models')).text()).includes('qwen3'),
    'the model to be seen',
  );
  const response = await service.post('/v1/chat/completions', {
    model: 'limner+image',
    stream,
    messages: [{ role: 'user', content: 'What colour is the lighthouse lamp?' }],
  });
  const text = await response.text();
  expect(text.indexOf('green')).toBeLessThan(text.indexOf('Generated picture'));
  const link = /\]\((http:[^)]*\/media\/pending\/[^)]*)\)/.exec(text)?.[1] ?? '';
  expect((await fetch(link)).headers.get('content-type')).toContain('image/svg+xml');
  await until(() => painter.prompts.length > 0, 'the job to reach the painter');
  return link;
}

const Job = z.looseObject({
  state: z.string(),
  generated: z.literal(true),
  workflow: z.string(),
  seed: z.number(),
  passages: z.array(z.looseObject({ title: z.string(), url: z.string() })),
  outputs: z.array(z.looseObject({ url: z.string() })),
});

/** The link becomes a picture, which is served, listed and labelled. */
async function becomesPicture(service: Service, link: string) {
  const picture = await until(async () => {
    const response = await fetch(link);
    return response.headers.get('content-type') === 'image/png' ? response : undefined;
  }, 'the link to become a picture');
  expect(Buffer.from(await picture.arrayBuffer()).toString('latin1', 1, 4)).toBe('PNG');
  const { data } = z.object({ data: z.array(Job) }).parse(await (await service.get('/api/images')).json());
  expect(data).toHaveLength(1);
  expect((await service.get(data[0]?.outputs[0]?.url ?? '')).status).toBe(200);
  expect((await service.documents()).map(({ uri }) => uri)).toEqual(['lamp.md']);
  return data[0];
}

test.each([true, false])(
  'a document, a question, the answer first and then its picture (stream: %s)',
  async (stream) => {
    const service = await start();
    expect(await becomesPicture(service, await ask(service, stream))).toMatchObject(LABELLED);
  },
);

test('ComfyUI is killed while it paints, and started again: the link becomes the picture', async () => {
  const service = await start();
  const link = await ask(service, true);
  await painter.stop();
  expect((await fetch(link)).headers.get('content-type')).toContain('image/svg+xml');
  await painter.start();
  expect(await becomesPicture(service, link)).toMatchObject(LABELLED);
});

test('Limner is killed while it is painted, and started again: the link becomes the picture, made once', async () => {
  const service = await start();
  const link = await ask(service, true);
  await service.kill();
  const again = await start(new URL(service.url).port);
  expect(await becomesPicture(again, link)).toMatchObject(LABELLED);
  expect(painter.prompts).toHaveLength(1);
});
