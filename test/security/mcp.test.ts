import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';

const ADMIN = 'the-admin-key';
const bench = await startBench({ LIMNER_API_KEYS: ADMIN });
const address = await bench.app.server.listen({ host: '127.0.0.1', port: 0 });
const Result = z.looseObject({
  isError: z.boolean().optional(),
  content: z.array(z.looseObject({ text: z.string() })),
});

async function overHttp(key: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${key}` } };
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', address), { requestInit });
  await client.connect(transport);
  return client;
}

async function overStdio(): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const env = { LIMNER_PORT: new URL(address).port, LIMNER_API_KEYS: ADMIN, PATH: process.env['PATH'] ?? '' };
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [main, 'mcp'], env, cwd: bench.folder }),
  );
  return client;
}

async function use(client: Client, name: string, args: Record<string, unknown> = {}) {
  const { isError = false, content } = Result.parse(await client.callTool({ name, arguments: args }));
  return { isError, text: content.map(({ text }) => text).join('') };
}

test.each([
  ['streamable HTTP', () => overHttp(ADMIN)],
  ['stdio', overStdio],
])('over %s a client sends, finds, reads and looks', async (name, open) => {
  const client = await open();
  const { tools } = await client.listTools();
  expect(tools.map((tool) => tool.name).toSorted()).toEqual([
    'draw',
    'ingest_file',
    'ingest_text',
    'list_collections',
    'read_document',
    'search',
    'status',
  ]);
  const word = name.replaceAll(/\W/g, '');
  const sent = await use(client, 'ingest_text', { text: `The ${word} sings.`, collection: 'birds' });
  const file = await use(client, 'ingest_file', {
    name: 'a.txt',
    content: Buffer.from('A wren.').toString('base64'),
  });
  expect([sent.isError, file.isError], file.text).toEqual([false, false]);
  const { id } = z.looseObject({ id: z.string() }).parse(JSON.parse(sent.text));
  await expect.poll(async () => (await use(client, 'search', { query: word })).text).toContain(id);
  // The ledger is written after the store, so that what is found may not be readable yet.
  const read = () => use(client, 'read_document', { id, start: 4, end: 4 + word.length });
  await expect.poll(async () => (await read()).text).toContain(`"text":"${word}"`);
  expect((await use(client, 'list_collections')).text).toContain('birds');
  expect((await use(client, 'status')).text).toContain('"documents"');
  expect((await use(client, 'draw', { prompt: 'a', workflow: 'none-such' })).isError).toBe(true);
  await client.close();
});

test('a key of another collection reads nothing through a tool', async () => {
  const made = await fetch(`${address}/api/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'x', scopes: ['read', 'write'], collections: ['fish'] }),
  });
  const { key } = z.looseObject({ key: z.string() }).parse(await made.json());
  const client = await overHttp(key);
  expect((await use(client, 'search', { query: 'sings' })).text).not.toContain('sings');
  expect((await use(client, 'search', { query: 'sings', collection: 'birds' })).isError).toBe(true);
  expect((await use(client, 'list_collections')).text).not.toContain('birds');
  expect((await use(client, 'ingest_text', { text: 'a', collection: 'birds' })).isError).toBe(true);
  await client.close();
  await expect(overHttp('wrong')).rejects.toThrow(/API key/);
});
