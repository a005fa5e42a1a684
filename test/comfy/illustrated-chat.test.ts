import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
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
const painter = await createFakeComfy();
const ollama = await createFakeOllama({ installed: [embedModel(), chatModel()] });
const ADMIN = 'an-admin-key-that-is-long';
const bench = await startBench(
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

const call = (method: 'GET' | 'POST', url: string, payload?: object, key: string = ADMIN) =>
  bench.app.server.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}`, host: 'limner.example' },
    ...(payload && { payload }),
  });
const open = (url: string, headers: Record<string, string> = {}) =>
  bench.app.server.inject({ method: 'GET', url, headers: { host: 'limner.example', ...headers } });

const State = z.looseObject({ state: z.string() });
const Made = z.looseObject({ id: z.string() });
async function send(text: string, title: string): Promise<void> {
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

const QUESTION = [{ role: 'user', content: 'What colour is the lighthouse lamp?' }];
const PICTURE = /!\[Generated picture\]\((http:\/\/limner\.example)(\/media\/pending\/[\w-]+\?s=[\w-]+)\)/;
const Job = z.looseObject({
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
  illustration: z.union([Job, z.object({ error: z.object({ code: z.string() }) })]).optional(),
});

async function ask(body: object, key?: string) {
  const sent = { model: 'limner', messages: QUESTION, ...body };
  const response = await call('POST', '/v1/chat/completions', sent, key);
  expect(response.statusCode, response.body).toBe(200);
  const { choices, illustration } = Completion.parse(response.json());
  const job = Job.safeParse(illustration).data;
  return { text: choices[0].message.content, illustration: job };
}

function linkIn(text: string): string {
  const [, , path = ''] = PICTURE.exec(text) ?? [];
  expect(text).toMatch(PICTURE);
  return path;
}

/** Waits until the link is a picture. */
const picture = (link: string) =>
  until(async () => {
    const response = await open(link);
    return response.headers['content-type'] === 'image/png' ? response : undefined;
  }, 'the link to become a picture');

beforeEach(() => {
  ollama.settings.reply = () => 'It is green [1].';
});

describe('a name with +image', () => {
  test('gives a link that is a placeholder first, and then the picture, without a key', async () => {
    const { text, illustration } = await ask({ model: 'limner/default+image' });
    expect(text).toMatch(/^It is green \[1\]\.\n\n!\[/);
    expect(text).toMatch(
      /\*Generated from \[The lamp\]\(http:\/\/limner\.example\/documents\/\S+\) \(text-to-image, seed \d+\); it is no evidence\.\*$/,
    );
    expect(illustration).toMatchObject({ workflow: 'text-to-image', passages: [{ title: 'The lamp' }] });
    expect(illustration?.seed).toBeTypeOf('number');
    const link = linkIn(text);
    const first = await open(link);
    expect(first.statusCode).toBe(200);
    expect(first.headers).toMatchObject({
      'content-type': 'image/svg+xml; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/default-src 'none';.* sandbox/),
    });
    expect(first.body).toContain('Being drawn');
    const made = await picture(link);
    expect(made.rawPayload.subarray(1, 4).toString()).toBe('PNG');
    expect(made.headers['etag']).toMatch(/^"[0-9a-f]{64}"$/);
    expect((await open(link, { range: 'bytes=1-3' })).body).toBe('PNG');
  });

  test('what a page asks for to show it is held until it is there', async () => {
    const link = linkIn((await ask({ model: 'limner+image' })).text);
    const shown = await open(link, { 'sec-fetch-dest': 'image' });
    expect(shown.headers['content-type']).toBe('image/png');
  });

  test('is there only while a painter is, and the answer even then', async () => {
    const names = async () => (await call('GET', '/v1/models')).body;
    expect(await names()).toContain('limner/default+image');
    await painter.stop();
    await until(async () => !(await names()).includes('+image'), 'the painter to be missed');
    expect((await ask({ model: 'limner+image' })).text).toMatch(/^It is green \[1\]/);
    await painter.start();
    await until(async () => (await names()).includes('+image'), 'the painter to be back');
  });

  test('of a collection that is not there is no model', async () => {
    const response = await call('POST', '/v1/chat/completions', {
      model: 'limner/none+image',
      messages: QUESTION,
    });
    expect([response.statusCode, response.body]).toEqual([404, expect.stringContaining('model_not_found')]);
  });
});

describe('the option illustrate', () => {
  test('streams the text first, then the link, then the end; the same as in one piece', async () => {
    const response = await call('POST', '/v1/chat/completions', {
      model: 'limner',
      messages: QUESTION,
      stream: true,
      limner: { illustrate: true },
    });
    const Chunk = z.looseObject({
      choices: z.tuple([z.looseObject({ delta: z.looseObject({ content: z.string().optional() }) })]),
      illustration: Job.optional(),
    });
    const events = response.body.split('\n\n').filter((one) => one.startsWith('data: {'));
    const chunks = events.map((one) => Chunk.parse(JSON.parse(one.slice(6))));
    const said = chunks.map(({ choices }) => choices[0].delta.content ?? '');
    const at = said.findIndex((text) => PICTURE.test(text));
    expect(said.slice(0, at).join('')).toBe('It is green [1].');
    expect(said.slice(at + 1).join('')).toBe('');
    expect(chunks.at(-1)?.illustration?.passages).toHaveLength(1);
  });

  test.each(['wait', { wait: true }])('%j gives the picture in the same answer', async (illustrate) => {
    const { text, illustration } = await ask({ limner: { illustrate } });
    expect(illustration?.state).toBe('done');
    expect((await open(linkIn(text))).headers['content-type']).toBe('image/png');
  });

  test('says why there is none, and leaves JSON alone', async () => {
    ollama.settings.reply = () => 'The passages do not say.';
    expect((await ask({ limner: { illustrate: true } })).text).toContain(
      '*No picture: The answer cites nothing',
    );
    const json = { response_format: { type: 'json_object' }, limner: { illustrate: true } };
    expect(JSON.parse((await ask(json)).text)).toBe('OK');
  });

  test('works for responses as well', async () => {
    const response = await call('POST', '/v1/responses', {
      model: 'limner+image',
      input: 'What colour is the lighthouse lamp?',
    });
    const Response = z.looseObject({
      output: z.array(z.looseObject({ content: z.array(z.looseObject({ text: z.string() })).optional() })),
      illustration: Job,
    });
    const { output, illustration } = Response.parse(response.json());
    expect(output.at(-1)?.content?.[0]?.text).toMatch(PICTURE);
    expect(illustration.passages).toHaveLength(1);
  });

  test('a chore of the chat program gets no picture', async () => {
    const chore = [{ role: 'user', content: '### Task:\nGenerate a concise title.' }];
    expect((await ask({ model: 'limner+image', messages: chore })).illustration).toBeUndefined();
  });
});

describe('/imagine', () => {
  const say = (content: unknown) => ({ messages: [{ role: 'user', content }] });

  test('makes a picture of the words, and asks no model', async () => {
    const before = ollama.counters.chatCalls;
    const { text, illustration } = await ask(say('/imagine a red lighthouse in the fog'));
    expect(illustration).toMatchObject({
      workflow: 'text-to-image',
      inputs: { prompt: 'a red lighthouse in the fog' },
      passages: [],
    });
    expect(text).toMatch(/^!\[Generated picture\]/);
    await picture(linkIn(text));
    expect(ollama.counters.chatCalls).toBe(before);
  });

  test('with a picture makes variations of it', async () => {
    const sent = makePng(32, 32, 1, '');
    const url = `data:image/png;base64,${sent.toString('base64')}`;
    const { text, illustration } = await ask(
      say([
        { type: 'text', text: '/imagine at night' },
        { type: 'image_url', image_url: { url } },
      ]),
    );
    expect(illustration).toMatchObject({ workflow: 'image-to-image', inputs: { prompt: 'at night' } });
    await picture(linkIn(text));
    expect(painter.uploads.at(-1)?.bytes).toBe(sent.length);
  });

  test('with a picture that is none is refused', async () => {
    const url = `data:image/png;base64,${Buffer.from('<svg/>').toString('base64')}`;
    const content = [
      { type: 'text', text: '/imagine' },
      { type: 'image_url', image_url: { url } },
    ];
    const response = await call('POST', '/v1/chat/completions', { model: 'limner', ...say(content) });
    expect([response.statusCode, response.body]).toEqual([400, expect.stringContaining('no')]);
  });

  test('needs words, and the scope to write', async () => {
    const empty = await call('POST', '/v1/chat/completions', { model: 'limner', ...say('/imagine ') });
    expect([empty.statusCode, empty.body]).toEqual([400, expect.stringContaining('Say what to draw')]);
    const Key = z.looseObject({ key: z.string() });
    const { key } = Key.parse((await call('POST', '/api/keys', { name: 'reader' })).json());
    const refused = await call(
      'POST',
      '/v1/chat/completions',
      { model: 'limner', ...say('/imagine x') },
      key,
    );
    expect([refused.statusCode, refused.body]).toEqual([403, expect.stringContaining('write')]);
    expect((await ask({ limner: { illustrate: true } }, key)).illustration).toBeDefined();
  });

  test('is told by the native route beside the text, streamed and not', async () => {
    const body = { question: '/imagine a red lighthouse' };
    const Asked = z.looseObject({ answer: z.literal(''), illustration: Job });
    const { illustration } = Asked.parse((await call('POST', '/api/ask', body)).json());
    expect(illustration.inputs.prompt).toBe('a red lighthouse');
    const stream = await call('POST', '/api/ask', { ...body, stream: true });
    const names = [...stream.body.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    expect(names).toEqual(['sources', 'answer', 'illustration', 'illustration']);
    expect(stream.body).toContain('"state":"done"');
    const image = makePng(16, 16, 1, '').toString('base64');
    const varied = Asked.parse((await call('POST', '/api/ask', { ...body, image })).json());
    expect(varied.illustration.workflow).toBe('image-to-image');
  });

  test('is a word like any other elsewhere', async () => {
    expect((await ask(say('What does /imagine do?'))).illustration).toBeUndefined();
    expect((await ask(say('/imagined lamps'))).illustration).toBeUndefined();
  });
});

describe('the address of a picture', () => {
  test('opens only what it was made for', async () => {
    const one = linkIn((await ask({ model: 'limner+image' })).text);
    const other = linkIn((await ask({ messages: [{ role: 'user', content: '/imagine another' }] })).text);
    const [path = ''] = one.split('?');
    const [, signature = ''] = other.split('?s=');
    expect((await open(path)).statusCode).toBe(401);
    expect((await open(`${path}?s=${signature}`)).statusCode).toBe(401);
    expect((await open(`${path}?s=`)).statusCode).toBe(401);
    const [, own = ''] = one.split('?s=');
    expect((await open(`/api/images?s=${own}`)).statusCode).toBe(401);
    expect((await open(one)).statusCode).toBe(200);
  });

  test('says so when the picture cannot be made', async () => {
    painter.settings.liesOnView = true;
    const link = linkIn((await ask({ messages: [{ role: 'user', content: '/imagine a lie' }] })).text);
    const failed = await until(async () => {
      const response = await open(link);
      return response.body.includes('could not be made') ? response : undefined;
    }, 'the failure to be shown');
    painter.settings.liesOnView = false;
    expect(failed.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': expect.stringContaining('svg'),
    });
  });
});
