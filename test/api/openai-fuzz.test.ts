import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { startBench } from './setup.ts';

const fake = await createFakeOllama();
afterAll(() => fake.stop());
const bench = await startBench({
  OLLAMA_HOST: fake.url,
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CHAT_MODEL: 'qwen3:4b',
});
await bench.send({ text: 'The spare fuse lies in the biscuit tin.', title: 'Ice', external_id: 'ice' });
await until(() => bench.app.models.chatReady() && bench.app.models.embed.ready(), 'the models');

/** Bodies that are right; one of their values is put in place of another, or by anything. */
const RIGHT: readonly [method: 'POST' | 'GET' | 'DELETE', url: string, body?: object][] = [
  [
    'POST',
    '/v1/chat/completions',
    {
      model: 'limner',
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Where?' }] },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'a', content: 'there' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
      stop: ['x'],
      stream: false,
      limner: { documents: true, limit: 3, filter: { collection: 'default' } },
    },
  ],
  [
    'POST',
    '/v1/responses',
    {
      model: 'qwen3:4b',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'Where?' }] },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
        { type: 'function_call_output', call_id: 'c', output: 'x' },
        { type: 'reasoning', id: 'r', summary: [] },
      ],
      tools: [{ type: 'file_search', vector_store_ids: [], max_num_results: 2 }],
      text: { format: { type: 'json_schema', name: 'x', schema: { type: 'object' } } },
      metadata: { a: 'b' },
      stream: true,
    },
  ],
  [
    'POST',
    '/v1/embeddings',
    { model: 'limner', input: ['a', 'b'], dimensions: 8, encoding_format: 'base64' },
  ],
  ['POST', '/v1/vector_stores', { name: 'x', file_ids: [], metadata: { a: 'b' } }],
  ['POST', '/v1/vector_stores/vs_x/search', { query: ['a'], filters: { type: 'eq', key: 'a', value: 1 } }],
  ['POST', '/v1/vector_stores/vs_x/files', { file_id: 'file-x', attributes: { a: 1 } }],
  ['POST', '/v1/vector_stores/vs_x/file_batches', { files: [{ file_id: 'file-x', attributes: { a: 1 } }] }],
  ['GET', '/v1/files?limit=2&after=file-x'],
  ['GET', '/v1/files/file-x/content'],
  ['DELETE', '/v1/files/file-x'],
  ['GET', '/v1/responses/resp_x'],
  ['GET', '/v1/models/x'],
];

/** The value with the one at the n-th place, counted through, replaced. */
function replaced(value: unknown, at: { left: number }, by: unknown): unknown {
  if (at.left-- === 0) return by;
  if (Array.isArray(value)) return value.map((one: unknown) => replaced(one, at, by));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, replaced(one, at, by)]));
}

const Anything = fc.oneof(
  fc
    .anything({ withNullPrototype: false, maxDepth: 2 })
    .filter((value) => JSON.stringify(value) !== undefined || value === undefined),
  fc.constantFrom(
    '',
    '\0',
    '../..',
    '%00',
    -1,
    Number.MAX_VALUE,
    2 ** 53,
    '__proto__',
    'data:,',
    'http://127.0.0.1:9/',
    [],
    {},
    null,
    true,
  ),
);

test('whatever is sent, nothing fails as a bug', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...RIGHT),
      fc.nat(40),
      Anything,
      async ([method, url, body], left, by) => {
        const tail = typeof by === 'string' ? encodeURIComponent(by) : String(left);
        const response = await bench.app.server.inject({
          method,
          url: body || left > 20 ? url : `${url}${tail}`,
          ...(body && {
            headers: { 'content-type': 'application/json' },
            payload:
              JSON.stringify(replaced(body, { left }, by), (_key, value: unknown) =>
                typeof value === 'bigint' ? String(value) : value,
              ) ?? '',
          }),
        });
        expect(response.statusCode, response.body).not.toBe(500);
        expect(response.body).not.toContain('"code":"internal"');
      },
    ),
    { numRuns: 400 },
  );
  expect(bench.lines.filter((line) => line.includes('a bug'))).toEqual([]);
});
