import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';
import { addWordedWorkflow, QUICK, writeWorkflows } from '../comfy/bed.ts';
import { createFakeComfy } from '../fakes/comfyui.ts';
import { createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';

const KEY = 'the-admin-key';
const [ollama, comfy] = [await createFakeOllama(), await createFakeComfy()];
const workflows = await mkdtemp(join(tmpdir(), 'limner-mcp-'));
await writeWorkflows(workflows);
await addWordedWorkflow(workflows);
const bench = await startBench(
  {
    LIMNER_API_KEYS: KEY,
    OLLAMA_HOST: ollama.url,
    LIMNER_EMBED_MODEL: 'nomic-embed-text',
    COMFYUI_URL: comfy.url,
    LIMNER_WORKFLOWS: workflows,
  },
  { comfy: { times: QUICK, look: { absentMs: 50, presentMs: 200 } } },
);
afterAll(() => Promise.all([ollama.stop(), comfy.stop(), rm(workflows, { recursive: true })]));
const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
await until(() => bench.app.models.embed.ready(), 'the embedding model');

interface Opened {
  client: Client;
  transport: StdioClientTransport | StreamableHTTPClientTransport;
}

async function overHttp(key = KEY): Promise<Opened> {
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', address), { requestInit });
  await client.connect(transport);
  return { client, transport };
}

async function overStdio(): Promise<Opened> {
  const client = new Client({ name: 'test', version: '1' });
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const env = { LIMNER_PORT: new URL(address).port, LIMNER_KEY: KEY, PATH: process.env['PATH'] ?? '' };
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, 'mcp'],
    env,
    cwd: bench.folder,
  });
  await client.connect(transport);
  return { client, transport };
}

const Result = z.looseObject({
  isError: z.boolean().optional(),
  content: z.array(
    z.looseObject({
      type: z.string(),
      text: z.string().optional(),
      data: z.string().optional(),
      mimeType: z.string().optional(),
    }),
  ),
});

async function use(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { isError = false, content } = Result.parse(await client.callTool({ name, arguments: args }));
  return { isError, content, text: content.map(({ text = '' }) => text).join('') };
}

const Sent = z.looseObject({ id: z.string() });

async function send(client: Client, text: string): Promise<string> {
  const { id } = Sent.parse(
    JSON.parse((await use(client, 'ingest_text', { text, title: 'Lighthouse' })).text),
  );
  await expect.poll(() => stateOf(id)).toMatchObject({ state: 'searchable', error: null });
  expect((await use(client, 'read_document', { id })).text).toContain('"length"');
  return id;
}

async function stateOf(id: string): Promise<unknown> {
  const response = await bench.get(`/api/documents/${id}`, { authorization: `Bearer ${KEY}` });
  const { state, error } = z.looseObject({ state: z.string(), error: z.unknown() }).parse(response.json());
  return { state, error };
}

describe.each([
  ['streamable HTTP', overHttp],
  ['stdio', overStdio],
])('over %s', (name, open) => {
  test('a picture is made and shown', async () => {
    const { client } = await open();
    const drawn = await until(async () => {
      const result = await use(client, 'draw', { prompt: 'a lamp', workflow: 'worded', wait: true });
      return result.isError ? undefined : result;
    }, 'the painter');
    const [picture] = drawn.content;
    expect(picture).toMatchObject({ type: 'image', mimeType: 'image/png' });
    expect(Buffer.from(picture?.data ?? '', 'base64').toString('latin1', 1, 4)).toBe('PNG');
    const job = await use(client, 'draw', { prompt: 'another lamp', workflow: 'worded' });
    expect(JSON.parse(job.text)).toMatchObject({ object: 'image.job', generated: true });
    const refused = await use(client, 'draw', { prompt: 'a lamp', workflow: 'edit', wait: true });
    expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining('image')]);
    await client.close();
  });

  test('documents are resources, and a question is a prompt with its passages', async () => {
    const { client } = await open();
    const word = `lamp${name.replaceAll(/\W/g, '')}`;
    const id = await send(client, `The ${word} turns every ten seconds.`);
    const { resources } = await client.listResources();
    expect(resources.map(({ uri }) => uri)).toContain(`limner://documents/${id}`);
    const { contents } = await client.readResource({ uri: `limner://documents/${id}` });
    expect(contents).toMatchObject([{ text: `The ${word} turns every ten seconds.` }]);
    const found = z
      .object({ hits: z.array(z.looseObject({ url: z.string() })).min(1) })
      .parse(JSON.parse((await use(client, 'search', { query: word })).text));
    expect(found.hits[0]?.url).toBe(
      `${address}/documents/${id}?mark=0-${`The ${word} turns every ten seconds.`.length}`,
    );
    const { prompts } = await client.listPrompts();
    expect(prompts.map((one) => one.name)).toEqual(['answer_from_documents']);
    const { messages } = await client.getPrompt({
      name: 'answer_from_documents',
      arguments: { question: `How often turns the ${word}?` },
    });
    expect(JSON.stringify(messages)).toMatch(new RegExp(`passage-.*${word} turns every ten seconds`));
    await expect(client.readResource({ uri: 'limner://documents/none' })).rejects.toThrow(/no document none/);
    await client.close();
  });

  test('what is large comes in parts, and says so', async () => {
    const { client } = await open();
    const id = await send(
      client,
      Array.from({ length: 9000 }, (_, at) => `The keeper wrote line ${at}.`).join('\n\n'),
    );
    const read = await use(client, 'read_document', { id });
    const { text, end, length } = z
      .looseObject({ text: z.string(), end: z.number(), length: z.number() })
      .parse(JSON.parse(read.text));
    expect([text.length, end, length > 200_000]).toEqual([40_000, 40_000, true]);
    const { contents } = await client.readResource({ uri: `limner://documents/${id}` });
    expect(JSON.stringify(contents)).toMatch(/more characters; read_document with start=40000 goes on/);
    const found = await use(client, 'search', { query: 'keeper wrote line', limit: 100 });
    expect(found.text.length).toBeLessThan(120_000);
    const { hits, left_out: leftOut } = z
      .object({ hits: z.array(z.unknown()), left_out: z.number() })
      .parse(JSON.parse(found.text));
    expect(hits.length).toBeGreaterThan(3);
    expect(leftOut).toBeGreaterThan(0);
    await client.close();
  });

  test('what goes wrong is a result that says why, and a wrong argument is one too', async () => {
    const { client } = await open();
    for (const [tool, args, words] of [
      ['read_document', { id: 'none' }, 'no document none'],
      ['search', { query: 'x', limit: 1000 }, 'limit'],
      ['search', {}, 'query'],
      ['ingest_file', { name: 'a.txt', content: '???' }, 'content'],
      ['draw', { prompt: 'x', workflow: 'none-such' }, 'none-such'],
      ['no_such_tool', {}, 'no_such_tool'],
    ] as const) {
      const { isError, text } = await use(client, tool, args);
      expect([isError, text], tool).toEqual([true, expect.stringContaining(words)]);
    }
    await client.close();
  });
});

test('docs/mcp.md names every tool', async () => {
  const page = await readFile(new URL('../../docs/mcp.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, tool]) => tool);
  const { client } = await overHttp();
  const { tools } = await client.listTools();
  expect(named).toEqual(tools.map((tool) => tool.name));
  await client.close();
});

test('a call that is cancelled over stdio stops what it began', async () => {
  const { client } = await overStdio();
  await use(client, 'ingest_text', { text: 'The buoy rings.' });
  await until(() => ollama.requests('embed').length > 0, 'the first vectors');
  ollama.plan({ failAt: 'embed', kind: 'hang' });
  const cancel = new AbortController();
  const called = client.callTool({ name: 'search', arguments: { query: 'Which buoy?' } }, undefined, {
    signal: cancel.signal,
  });
  const isAsked = () =>
    ollama.exchanges.find(
      ({ route, body }) => route === 'embed' && JSON.stringify(body).includes('Which buoy'),
    );
  const exchange = await until(isAsked, 'the question to be embedded');
  cancel.abort('no longer wanted');
  await expect(called).rejects.toThrow('no longer wanted');
  await until(() => exchange.end === 'closed', 'the embedding to be stopped');
  ollama.heal();
  // The session goes on.
  expect((await use(client, 'list_collections')).isError).toBe(false);
  await client.close();
});

test('who leaves the connection stops what it began', async () => {
  const { client } = await overHttp();
  ollama.plan({ failAt: 'embed', kind: 'hang' });
  const called = client.callTool({ name: 'search', arguments: { query: 'Which beacon?' } });
  const exchange = await until(
    () => ollama.exchanges.find(({ body }) => JSON.stringify(body)?.includes('Which beacon')),
    'the question to be embedded',
  );
  await client.close();
  await expect(called).rejects.toThrow(/closed|abort/i);
  await until(() => exchange.end === 'closed', 'the embedding to be stopped');
  ollama.heal();
});

test('the process of stdio ends with its client', async () => {
  const { client, transport } = await overStdio();
  const pid = transport instanceof StdioClientTransport ? transport.pid : null;
  if (pid === null) throw new Error('there is no process');
  await client.close();
  await until(() => !lives(pid), 'the process to end');
});

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a tool counts once toward the rate of its key', async () => {
  const made = await bench.app.server.inject({
    method: 'POST',
    url: '/api/keys',
    headers: { authorization: `Bearer ${KEY}` },
    payload: { name: 'x', rate: 6 },
  });
  const { key } = z.looseObject({ key: z.string() }).parse(made.json());
  // Connecting is two requests, and asks for a stream that there is not.
  const { client } = await overHttp(key);
  const results = [];
  for (let at = 0; at < 3; at++) results.push((await use(client, 'list_collections')).isError);
  expect(results).toEqual([false, false, false]);
  await expect(use(client, 'list_collections')).rejects.toThrow(/too often/);
  await client.close();
});

test('neither a stream nor an end of a session is offered over HTTP', async () => {
  for (const method of ['GET', 'DELETE']) {
    const response = await fetch(`${address}/mcp`, { method, headers: { authorization: `Bearer ${KEY}` } });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  }
});
