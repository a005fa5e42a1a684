import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { TranscriptionFields } from '../../src/api/audio.ts';
import { ChatRequest } from '../../src/api/chat-request.ts';
import { EmbeddingRequest } from '../../src/api/embeddings.ts';
import { ResponseRequest } from '../../src/api/responses-request.ts';
import { createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';
import { hasSpecification, propertiesOf } from './openai-schema.ts';
import { errorIn, startBench } from './setup.ts';

const ollama = await createFakeOllama();
afterAll(() => ollama.stop());
const bench = await startBench({ OLLAMA_HOST: ollama.url, LIMNER_EMBED_MODEL: 'nomic-embed-text' });
await until(() => bench.app.models.embed.ready(), 'the embedding model');
const page = readFileSync(new URL('../../docs/openai.md', import.meta.url), 'utf8');

/** The rows of the table whose head names the route: field and what becomes of it. */
function tableOf(route: string): Map<string, string> {
  const [, table = ''] = page.split(`| field of \`${route}\` | | |`);
  const [rows = ''] = table.split('\n\n');
  return new Map(
    [...rows.matchAll(/^\| `(\w+)` \| (used|ignored|refused) \|/gm)].map(([, name = '', fate = '']) => [
      name,
      fate,
    ]),
  );
}

const ROUTES = [
  {
    route: '/v1/chat/completions',
    schema: 'CreateChatCompletionRequest',
    shape: ChatRequest.shape,
    body: { model: 'limner', messages: [{ role: 'user', content: 'Where?' }] },
    refused: {
      audio: { voice: 'alloy', format: 'mp3' },
      functions: [{ name: 'f' }],
      logit_bias: { '50256': -100 },
      logprobs: true,
      modalities: ['text', 'audio'],
      n: 2,
      top_logprobs: 3,
    },
  },
  {
    route: '/v1/responses',
    schema: 'CreateResponse',
    shape: ResponseRequest.shape,
    body: { model: 'limner', input: 'Where?' },
    refused: { background: true, conversation: 'conv_1', prompt: { id: 'p' }, top_logprobs: 2 },
  },
  {
    route: '/v1/embeddings',
    schema: 'CreateEmbeddingRequest',
    shape: EmbeddingRequest.shape,
    body: { model: 'nomic-embed-text', input: 'Where?' },
    refused: {},
  },
] as const;

/** Read from a form; what is done with its fields is tested with the route. */
const FORM = {
  route: '/v1/audio/transcriptions',
  schema: 'CreateTranscriptionRequest',
  shape: { ...TranscriptionFields.shape, file: undefined },
};

describe.each([...ROUTES, FORM])('docs/openai.md of $route', ({ route, schema, shape }) => {
  const table = tableOf(route);

  test.skipIf(!hasSpecification)('names every field that OpenAI has, and ours', () => {
    const ours = 'limner' in shape ? ['limner'] : [];
    expect([...table.keys()].toSorted()).toEqual([...propertiesOf(schema), ...ours].toSorted());
  });

  test('calls used or refused what the code reads, and nothing else', () => {
    const read = [...table].flatMap(([name, fate]) => (fate === 'ignored' ? [] : [name]));
    expect(read.toSorted()).toEqual(Object.keys(shape).toSorted());
  });
});

describe.each(ROUTES)('docs/openai.md of $route', ({ route, body, refused }) => {
  const fate = (wanted: string) =>
    [...tableOf(route)].flatMap(([name, one]) => (one === wanted ? [name] : []));

  test('calls refused what is', async () => {
    expect(fate('refused').toSorted()).toEqual(Object.keys(refused).toSorted());
    for (const [name, value] of Object.entries(refused)) {
      const error = errorIn(await bench.post(route, { ...body, [name]: value }));
      expect(error.status, name).toBe(400);
      expect(error.param, name).toMatch(new RegExp(`^${name}(\\.|$)`));
    }
  });

  test('calls ignored what changes nothing', async () => {
    const ignored = Object.fromEntries(fate('ignored').map((name) => [name, 'anything']));
    const response = await bench.post(route, { ...body, ...ignored, not_of_openai: 1 });
    expect(response.statusCode, response.body).toBe(200);
  });
});
