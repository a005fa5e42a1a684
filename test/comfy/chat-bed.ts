import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { createFakeOllama, embedModel, chatModel } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { QUICK } from './bed.ts';

/** A painter that needs no model: the words are taken by a text that the picture does not show. */
const MANIFEST = `
workflows:
  - name: text-to-image
    file: paint.json
    inputs:
      prompt: {kind: text, required: true, to: [{title: Prompt, input: source}]}
      seed: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
    outputs: [{id: '9'}]
  - name: image-to-image
    file: vary.json
    inputs:
      prompt: {kind: text, required: true, to: [{title: Prompt, input: source}]}
      image: {kind: image, required: true, to: [{title: Picture, input: image}]}
    outputs: [{id: '9'}]
`;
const prompt = { class_type: 'PreviewAny', inputs: { source: '' }, _meta: { title: 'Prompt' } };
const save = (from: string) => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: 'x' },
});
const PAINT = {
  1: { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 255 } },
  3: prompt,
  5: { class_type: 'ProbeSlow', inputs: { image: ['1', 0], steps: 5, seconds: 0.4 } },
  9: save('5'),
};
const VARY = {
  1: { class_type: 'LoadImage', inputs: { image: 'example.png' }, _meta: { title: 'Picture' } },
  3: prompt,
  9: save('1'),
};

const workflows = await mkdtemp(join(tmpdir(), 'limner-chat-pictures-'));
await writeFile(join(workflows, 'manifest.yml'), MANIFEST);
await writeFile(join(workflows, 'paint.json'), JSON.stringify(PAINT));
await writeFile(join(workflows, 'vary.json'), JSON.stringify(VARY));
export const painter = await createFakeComfy();
export const ollama = await createFakeOllama({
  installed: [
    embedModel(),
    chatModel(),
    chatModel({ name: 'hands:1b', capabilities: ['completion', 'tools'] }),
  ],
});
const ADMIN = 'an-admin-key-that-is-long';
export const bench = await startBench(
  {
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
    COMFYUI_URL: painter.url,
    LIMNER_WORKFLOWS: workflows,
    LIMNER_API_KEYS: ADMIN,
    LIMNER_PUBLIC_URL: 'http://limner.example',
  },
  { comfy: { times: QUICK, look: { absentMs: 50, presentMs: 200 }, retryMs: 20 } },
);
afterAll(async () => {
  await ollama.stop();
  await painter.stop();
  await rm(workflows, { recursive: true, force: true });
});

export const call = (method: 'GET' | 'POST', url: string, payload?: object, key: string = ADMIN) =>
  bench.app.server.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}`, host: 'limner.example' },
    ...(payload && { payload }),
  });
export const open = (url: string, headers: Record<string, string> = {}) =>
  bench.app.server.inject({ method: 'GET', url, headers: { host: 'limner.example', ...headers } });

const State = z.looseObject({ state: z.string() });
const Made = z.looseObject({ id: z.string() });
export async function send(text: string, title: string): Promise<void> {
  const { id } = Made.parse((await call('POST', '/api/documents', { text, title })).json());
  await until(
    async () => State.parse((await call('GET', `/api/documents/${id}`)).json()).state === 'searchable',
    'the document to be searchable',
  );
}
await send('The lighthouse lamp is green and turns every nine seconds.', 'The lamp');
await until(() => bench.app.models.chatReady(), 'the chat model');
await until(
  async () => (await call('GET', '/v1/models')).body.includes('limner+image'),
  'the painter to be seen',
);

export const QUESTION = [{ role: 'user', content: 'What colour is the lighthouse lamp?' }];
export const PICTURE =
  /!\[Generated picture\]\((http:\/\/limner\.example)(\/media\/pending\/[\w-]+\?s=[\w-]+)\)/;
export const Job = z.looseObject({
  id: z.string(),
  state: z.string(),
  generated: z.literal(true),
  workflow: z.string(),
  seed: z.number().nullable(),
  inputs: z.looseObject({ prompt: z.string() }),
  passages: z.array(z.looseObject({ title: z.string() })),
});
const Completion = z.looseObject({
  choices: z.tuple([z.looseObject({ message: z.looseObject({ content: z.string() }) })]),
  illustration: z
    .union([
      Job,
      z.object({ error: z.object({ code: z.string() }) }),
      z.object({ generated: z.literal(false), figure: z.looseObject({ url: z.string() }) }),
    ])
    .optional(),
});

export async function ask(body: object, key?: string) {
  const sent = { model: 'limner', messages: QUESTION, ...body };
  const response = await call('POST', '/v1/chat/completions', sent, key);
  expect(response.statusCode, response.body).toBe(200);
  const { choices, illustration } = Completion.parse(response.json());
  const job = Job.safeParse(illustration).data;
  return { text: choices[0].message.content, illustration: job };
}

export function linkIn(text: string): string {
  const [, , path = ''] = PICTURE.exec(text) ?? [];
  expect(text).toMatch(PICTURE);
  return path;
}

/** Waits until the link is a picture. */
export const picture = (link: string) =>
  until(async () => {
    const response = await open(link);
    return response.headers['content-type'] === 'image/png' ? response : undefined;
  }, 'the link to become a picture');

beforeEach(() => {
  ollama.settings.reply = () => 'It is green [1].';
  ollama.settings.calls = undefined;
});
