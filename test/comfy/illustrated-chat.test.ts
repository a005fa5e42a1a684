import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';
import {
  ask,
  bench,
  call,
  Job,
  linkIn,
  ollama,
  open,
  painter,
  PICTURE,
  picture,
  QUESTION,
} from './chat-bed.ts';

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

  test('with [n] makes variations of the figure that the answer before cites, and which that answer shows', async () => {
    const pdf = await readFile(new URL('../fixtures/figures.pdf', import.meta.url));
    await bench.drop('figures.pdf', pdf);
    await call('POST', '/webhooks/process', { filepath: 'figures.pdf' });
    const Listed = z.object({
      data: z.array(z.looseObject({ uri: z.string(), chunks: z.number(), vectors: z.number() })),
    });
    // Vectors that come later would put the passages in another order.
    await until(async () => {
      const { data } = Listed.parse((await call('GET', '/api/documents')).json());
      return data.some(
        ({ uri, chunks, vectors }) => uri === 'figures.pdf' && chunks > 0 && chunks === vectors,
      );
    }, 'the document to have its vectors');
    const question = 'Who repaints the red band of the tower?';
    const Sources = z.looseObject({ sources: z.array(z.looseObject({ uri: z.string() })) });
    const number = await until(async () => {
      const asked = await call('POST', '/api/ask', { question });
      const at = Sources.parse(asked.json()).sources.findIndex(({ uri }) => uri === 'figures.pdf');
      return at === -1 ? undefined : at + 1;
    }, 'the document to be found');
    ollama.settings.reply = () => `Nobody does [${number}].`;
    const shown = await ask({ model: 'limner+image', messages: [{ role: 'user', content: question }] });
    const [, figure = ''] =
      /!\[Figure\]\(http:\/\/limner\.example(\S+)\)\n\n\*Figure of /.exec(shown.text) ?? [];
    expect((await open(figure)).headers['content-type']).toMatch(/^image\//);
    expect((await open(figure.replace(/\?.*/, ''))).statusCode).toBe(401);

    const before = [
      { role: 'user', content: question },
      { role: 'assistant', content: `Nobody does [${number}].` },
    ];
    const words = { role: 'user', content: `/imagine as a woodcut [${number}]` };
    const { text, illustration } = await ask({ messages: [...before, words] });
    expect(illustration).toMatchObject({
      workflow: 'image-to-image',
      inputs: { prompt: 'as a woodcut' },
      passages: [
        { document: expect.any(String), url: expect.stringContaining('http://limner.example/documents/') },
      ],
    });
    expect(text).toContain('Generated from [');
    const Asked = z.looseObject({ illustration: Job });
    const native = { question: words.content, history: before };
    expect(Asked.parse((await call('POST', '/api/ask', native)).json()).illustration.workflow).toBe(
      'image-to-image',
    );
    const alone = await ask({ messages: [words] });
    expect(alone.illustration?.workflow).toBe('text-to-image');
    const beside = { role: 'assistant', content: 'It is green [7].' };
    const refused = await call('POST', '/v1/chat/completions', {
      model: 'limner',
      messages: [before[0], beside, { role: 'user', content: '/imagine [7]' }],
    });
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining('[7] shows no figure')]);
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
