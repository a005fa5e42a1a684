import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { addWordedWorkflow, QUICK, writeWorkflows } from '../comfy/bed.ts';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { chatModel, createFakeOllama } from '../fakes/ollama.ts';
import { startTranscription } from '../fakes/transcription.ts';
import { until } from '../until.ts';
import { readDescription, type Method } from './described.ts';
import { startBench } from './setup.ts';

const KEY = 'the-admin-key';
const authorization = `Bearer ${KEY}`;
const [ollama, comfy, ear] = [await createFakeOllama(), await createFakeComfy(), await startTranscription()];
const workflows = await mkdtemp(join(tmpdir(), 'limner-openapi-'));
await writeWorkflows(workflows);
await addWordedWorkflow(workflows);
const bench = await startBench(
  {
    LIMNER_API_KEYS: KEY,
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    LIMNER_CHAT_MODEL: 'qwen3:4b',
    COMFYUI_URL: comfy.url,
    LIMNER_WORKFLOWS: workflows,
    LIMNER_ILLUSTRATE_WORKFLOW: 'plain',
    LIMNER_TRANSCRIBE_URL: ear.url,
    LIMNER_FETCH_ALLOW: '127.0.0.1',
  },
  { comfy: { times: QUICK, look: { absentMs: 50, presentMs: 200 } } },
);
afterAll(() => Promise.all([ollama.stop(), comfy.stop(), ear.stop(), rm(workflows, { recursive: true })]));
await until(() => bench.app.models.chatReady() && bench.app.models.embed.ready(), 'the models');
await until(
  async () => (await bench.get('/api/workflows', { authorization })).body.includes('"ready":true'),
  'the painter',
);

const described = readDescription((await bench.get('/openapi.json', { authorization })).json());
/** Routes whose answer was what the description says, other than a refusal. */
const answered = new Set<string>();

interface Sent {
  json?: object;
  form?: Record<string, string | Buffer>;
  headers?: Record<string, string>;
}

/** What of the answers so far is not as it is described. */
const problems: string[] = [];

/** Calls the service, and holds what it answers to its description. */
async function call(method: Method, url: string, { json, form, headers = {} }: Sent = {}) {
  const route = described.routeOf(method, url);
  if (!route) throw new Error(`${method} ${url} is not in the description.`);
  const encoded = form && new Response(formOf(form));
  const payload = encoded ? Buffer.from(await encoded.arrayBuffer()) : json;
  // A machine with much other work makes the service refuse one now and then, as it should.
  const response = await until(async () => {
    const answer = await bench.app.server.inject({
      method,
      url,
      headers: {
        authorization,
        ...headers,
        ...(encoded && { 'content-type': encoded.headers.get('content-type') ?? '' }),
      },
      ...(payload && { payload }),
    });
    return answer.body.includes('"overloaded"') ? undefined : answer;
  }, 'the service to have time');
  for (const one of described.complaints(route, response))
    problems.push(`${method} ${url}: ${one}: ${response.body.slice(0, 500)}`);
  if (response.statusCode < 400) answered.add(`${route.method} ${route.url}`);
  return response;
}

function formOf(fields: Record<string, string | Buffer>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields))
    form.set(name, typeof value === 'string' ? value : new File([new Uint8Array(value)], 'heron.txt'));
  return form;
}

const WithId = z.looseObject({ id: z.string() });
const Loose = z.looseObject({});
const idIn = (response: { json: () => unknown }): string => WithId.parse(response.json()).id;

async function done(id: string): Promise<void> {
  await until(async () => {
    const { state } = z
      .looseObject({ state: z.string() })
      .parse((await call('GET', `/api/documents/${id}`)).json());
    return ['seen', 'waiting', 'working'].includes(state) ? undefined : state;
  }, `document ${id}`);
}

/** A document sent as a text, searchable. */
async function sendText(text = 'The heron stands in the reeds.'): Promise<string> {
  const id = idIn(
    await call('POST', '/api/documents', { json: { text, metadata: { pond: 3 }, tags: ['bird'] } }),
  );
  await done(id);
  return id;
}

describe('what the description says is what is answered', () => {
  test('of documents, searches and answers', async () => {
    const id = await sendText();
    const form = { title: 'Heron', external_id: 'heron', file: Buffer.from('A heron.') };
    await done(idIn(await call('POST', '/api/documents', { form })));
    await call('GET', '/api/documents?limit=1&status=searchable&collection=default');
    await call('GET', '/api/documents?q=heron&order=newest');
    await call('GET', `/api/documents/${id}/chunks?limit=1`);
    await call('PATCH', `/api/documents/${id}`, { json: { tags: ['wader'] } });
    await call('GET', `/api/documents/${id}/file`);
    await call('GET', `/api/documents/${id}/file`, { headers: { range: 'bytes=0-3' } });
    await call('GET', `/api/documents/${id}/text?start=4&end=9`);
    await call('GET', '/api/collections');
    await call('GET', `/documents/${id}?mark=0-3&view=text`);
    await call('POST', '/api/search', { json: { query: 'heron', filter: { tags: 'wader' } } });
    await call('POST', '/api/ask', { json: { question: 'Where is the heron?' } });
    await call('POST', '/api/ask', { json: { question: 'Where is the heron?', illustrate: 'wait' } });
    await call('POST', '/api/ask', { json: { question: 'Where is the heron?', stream: true } });
    await call('POST', '/webhooks/process', { json: { text: 'The bittern booms.', external_id: 'bittern' } });
    await call('POST', '/webhooks/process', { json: { external_id: 'bittern', delete: true } });
    await call('POST', `/api/documents/${id}/reindex`);
    await call('DELETE', '/api/documents?external_id=heron');
    await call('DELETE', `/api/documents/${id}`);
    expect(problems.splice(0)).toEqual([]);
  });

  test('of conversations', async () => {
    const id = idIn(await call('POST', '/api/conversations', { json: { title: 'Herons' } }));
    const json = { number: 1, question: 'Where is the heron?' };
    await call('POST', `/api/conversations/${id}/turns`, { json });
    await call('GET', '/api/conversations?q=heron&limit=1');
    await call('GET', `/api/conversations/${id}`);
    await call('PATCH', `/api/conversations/${id}`, { json: { title: 'Waders' } });
    await call('GET', `/api/conversations/${id}/export`);
    await call('DELETE', `/api/conversations/${id}`);
    expect(problems.splice(0)).toEqual([]);
  });

  test('of pages, their words and their figures', async () => {
    const file = await readFile(new URL('../fixtures/figures.pdf', import.meta.url));
    const form = new FormData();
    form.set('file', new File([new Uint8Array(file)], 'figures.pdf'));
    const encoded = new Response(form);
    const sent = await bench.app.server.inject({
      method: 'POST',
      url: '/api/documents',
      headers: { authorization, 'content-type': encoded.headers.get('content-type') ?? '' },
      payload: Buffer.from(await encoded.arrayBuffer()),
    });
    const id = idIn(sent);
    await done(id);
    await call('GET', `/api/documents/${id}/words?page=1`);
    const figures = await call('GET', `/api/documents/${id}/figures`);
    const [figure] = z.looseObject({ data: z.array(WithId) }).parse(figures.json()).data;
    await call('GET', `/api/documents/${id}/figures/${figure?.id}`);
    expect(problems.splice(0)).toEqual([]);
  });

  test('of keys, the inbox, the index and jobs', async () => {
    await call('DELETE', `/api/keys/${idIn(await call('POST', '/api/keys', { json: { name: 'a' } }))}`);
    await call('POST', '/api/keys', {
      json: { name: 'b', collections: ['x'], rate: 3, expires_at: '2099-01-01T00:00:00Z' },
    });
    await call('GET', '/api/keys');
    await bench.drop('birds/rail.txt', 'The rail hides.');
    await call('POST', '/api/inbox/scan', { json: { dry_run: true } });
    await call('POST', '/api/inbox/scan');
    await call('POST', '/api/inbox/forget');
    await call('GET', '/api/verify?deep=true');
    await call('GET', '/api/index');
    await call('POST', '/api/index/forward');
    await call('GET', '/api/eval');
    const json = { question: 'Who hides?', documents: ['birds/rail.txt'] };
    const id = idIn(await call('POST', '/api/golden', { json }));
    await call('GET', '/api/golden');
    await call('GET', '/api/eval');
    await call('GET', '/api/golden');
    for (const url of ['/api/system', '/api/settings']) await call('GET', url);
    await call('POST', '/api/pulls', { json: { model: 'no-such-model' } });
    await call('GET', '/api/pulls');
    ollama.registry.push({ ...chatModel(), name: 'late' });
    ollama.settings.costMs.pullStep = 1000;
    await call('DELETE', `/api/pulls/${idIn(await call('POST', '/api/pulls', { json: { model: 'late' } }))}`);
    await call('DELETE', `/api/golden/${id}`);
    for (const url of [
      '/healthz',
      '/readyz',
      '/api/status',
      '/metrics',
      '/openapi.json',
      '/docs',
      '/',
      '/login',
    ])
      await call('GET', url);
    await call('POST', '/login', { json: { key: KEY } });
    await call('POST', '/logout');
    await call('POST', '/mcp', {
      json: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
      headers: { accept: 'application/json, text/event-stream' },
    });
    expect(problems.splice(0)).toEqual([]);
  });

  test('of those who are told, and of what waits', async () => {
    const webhook = idIn(await call('POST', '/api/webhooks', { json: { url: 'http://127.0.0.1:9/' } }));
    await sendText('The coot dives.');
    await until(async () => {
      const { data } = z
        .looseObject({ data: z.array(Loose) })
        .parse((await call('GET', `/api/webhooks/${webhook}/messages?limit=5`)).json());
      return data.length > 0;
    }, 'a message');
    await call('GET', '/api/webhooks');
    const List = z.looseObject({ data: z.array(z.looseObject({ id: z.string(), state: z.string() })) });
    const oneWaits = () =>
      until(async () => {
        const { data } = List.parse((await call('GET', '/api/jobs?limit=10')).json());
        return data.find(({ state }) => state === 'waiting')?.id;
      }, 'a job that waits');
    await call('POST', `/api/jobs/${await oneWaits()}/retry`);
    await until(
      async () => (await call('DELETE', `/api/jobs/${await oneWaits()}`)).statusCode === 204,
      'the end of a job',
    );
    await call('DELETE', `/api/webhooks/${webhook}`);
    expect(problems.splice(0)).toEqual([]);
  });

  test('of pictures', async () => {
    const made = await call('POST', '/api/images', { json: { workflow: 'plain', wait: true } });
    const Made = z.looseObject({ id: z.string(), outputs: z.array(WithId) });
    const { id, outputs } = Made.parse(made.json());
    await call('GET', `/api/images/${id}`);
    await call('GET', `/media/${outputs[0]?.id}`);
    await call('GET', `/media/pending/${id}`);
    await call('GET', `/media/${outputs[0]?.id}?size=128`);
    await call('GET', `/media/${outputs[0]?.id}`, { headers: { range: 'bytes=0-3' } });
    const slow = { workflow: 'slow', inputs: { seconds: 10 } };
    const running = idIn(await call('POST', '/api/workflows/execute', { json: slow }));
    await until(
      async () => (await call('GET', `/api/images/${running}/preview`)).statusCode === 200,
      'a preview',
      25_000,
    );
    await call('DELETE', `/api/images/${running}`);
    await call('DELETE', `/api/images/${id}`);
    await call('POST', '/api/images', { json: { workflow: 'failing', wait: true } });
    for (const url of ['/api/images?limit=2&state=done', '/api/workflows/history', '/api/workflows'])
      await call('GET', url);
    for (const url of ['/api/models', '/api/presets', '/api/workflows/queue/status']) await call('GET', url);
    await call('POST', '/v1/images/generations', { json: { prompt: 'a', model: 'worded' } });
    const image = makePng(32, 32, 1, 'a prompt');
    await call('POST', '/v1/images/edits', { form: { model: 'edit', prompt: 'greener', image } });
    expect(problems.splice(0)).toEqual([]);
  });

  test("of OpenAI's routes", async () => {
    await call('GET', '/v1/models');
    await call('GET', '/v1/models/limner');
    const messages = [{ role: 'user', content: 'Where is the heron?' }];
    await call('POST', '/v1/chat/completions', { json: { model: 'limner', messages } });
    await call('POST', '/v1/chat/completions', { json: { model: 'limner', messages, stream: true } });
    const response = idIn(
      await call('POST', '/v1/responses', { json: { model: 'limner', input: 'Where?' } }),
    );
    await call('GET', `/v1/responses/${response}`);
    await call('GET', `/v1/responses/${response}/input_items`);
    await call('POST', `/v1/responses/${response}/cancel`);
    await call('DELETE', `/v1/responses/${response}`);
    await call('POST', '/v1/embeddings', { json: { model: 'limner', input: 'heron' } });
    const form = { purpose: 'assistants', file: Buffer.from('The heron stands.') };
    const file = idIn(await call('POST', '/v1/files', { form }));
    for (const url of ['/v1/files?limit=2', `/v1/files/${file}`, `/v1/files/${file}/content`])
      await call('GET', url);
    const store = `/v1/vector_stores/${idIn(await call('POST', '/v1/vector_stores', { json: { name: 'pond' } }))}`;
    await call('GET', '/v1/vector_stores');
    await call('GET', store);
    await call('POST', store, { json: { metadata: { a: 'b' } } });
    await call('POST', `${store}/files`, { json: { file_id: file } });
    await call('GET', `${store}/files?filter=completed`);
    await call('GET', `${store}/files/${file}`);
    await call('POST', `${store}/files/${file}`, { json: { attributes: { a: 1 } } });
    await call('GET', `${store}/files/${file}/content`);
    await call('POST', `${store}/search`, { json: { query: 'heron' } });
    const batch = idIn(await call('POST', `${store}/file_batches`, { json: { file_ids: [file] } }));
    await call('GET', `${store}/file_batches/${batch}`);
    await call('GET', `${store}/file_batches/${batch}/files`);
    await call('POST', `${store}/file_batches/${batch}/cancel`);
    await call('DELETE', `${store}/files/${file}`);
    await call('DELETE', store);
    await call('DELETE', `/v1/files/${file}`);
    await call('POST', '/v1/audio/transcriptions', { form: { model: 'x', file: Buffer.from('RIFF') } });
    expect(problems.splice(0)).toEqual([]);
  });
});

/** Called elsewhere, or never answered with anything but a refusal. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'GET /api/events': 'a stream without an end; test/api/events.test.ts reads it',
  'POST /api/index/back': 'refused without a model before; test/model-change.test.ts has one',
  'POST /api/index/forward': 'the same',
  'POST /v1/responses/{id}/cancel': 'always refused',
};

test('every route is described, and was called', () => {
  const undescribed = described.routes.filter(({ operation }) => operation.summary === 'Not described');
  expect(undescribed.map(({ method, url }) => `${method} ${url}`)).toEqual([]);
  const all = described.routes.map(({ method, url }) => `${method} ${url}`);
  expect(all.filter((route) => !answered.has(route) && !(route in ELSEWHERE))).toEqual([]);
});

const refusing = described.routes.filter(({ url }) => url !== '/api/events');

test.each(refusing.map(({ method, url }) => ({ method, url })))(
  'what is refused of $method $url is described: no key, nothing there, no sense',
  async ({ method, url }) => {
    const path = url.replaceAll(/\{\w+\}/g, 'none');
    await call(method, path, { headers: { authorization: 'Bearer wrong' } });
    await call(method, `${path}?limit=-1&page=-1&start=-1&cursor=${'x'.repeat(65)}&deep=7`);
    if (method !== 'GET')
      await call(method, path, { json: { wrong: [] }, headers: { accept: 'application/json' } });
    expect(problems.splice(0)).toEqual([]);
  },
);
