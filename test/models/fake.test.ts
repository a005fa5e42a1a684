import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ModelServer } from '../../src/models/model-server.ts';
import { createOllama } from '../../src/models/ollama.ts';
import { createLog } from '../../src/log.ts';
import { chatModel, createFakeOllama, embedModel, type FakeOllama, type Route } from '../fakes/ollama.ts';
import { dot } from './setup.ts';

/** Ollama's own description of its API; a fresh clone has none. */
const CONTRACT = new URL('../../../shared/contracts/ollama-openapi.yaml', import.meta.url);

/** The schemas of each route's request and of its answer, or of each line of it. */
const SCHEMAS: Partial<Record<Route, { request?: string; answer: string }>> = {
  version: { answer: 'VersionResponse' },
  tags: { answer: 'ListResponse' },
  show: { request: 'ShowRequest', answer: 'ShowResponse' },
  pull: { request: 'PullRequest', answer: 'StatusEvent' },
  embed: { request: 'EmbedRequest', answer: 'EmbedResponse' },
  chat: { request: 'ChatRequest', answer: 'ChatStreamEvent' },
};

let fake: FakeOllama;
let server: ModelServer;

beforeAll(async () => {
  fake = await createFakeOllama({ registry: [embedModel(), chatModel()], installed: [], thinking: 'Hm.' });
  const log = createLog({ level: 'silent', secrets: [] });
  server = createOllama({ host: fake.url, embedModel: 'nomic-embed-text', chatModel: 'qwen3:4b', log });
  server.start();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.onChange(() => server.status().chat.state === 'ready' && resolve());
  await promise;
});

afterAll(async () => {
  await server.close();
  await fake.stop();
});

const signal = new AbortController().signal;

test('what differs in words but not in meaning is near', async () => {
  const texts = ['A mended automobile', 'The cat sleeps'];
  const [car, cat] = await server.embed.documents(texts, signal);
  const query = await server.embed.query('repairs of cars', signal);
  expect(dot(query, car ?? query)).toBeGreaterThan(0.8);
  expect(Math.abs(dot(query, cat ?? query))).toBeLessThan(0.2);
});

test('other weights are another space', async () => {
  const before = await server.embed.query('cars', signal);
  fake.installed.splice(0, 1, embedModel({ weights: 1 }));
  const after = await server.embed.query('cars', signal);
  expect(Math.abs(dot(before, after))).toBeLessThan(0.8);
});

test('HEAD / says that it runs', async () => {
  expect((await fetch(fake.url, { method: 'HEAD' })).status).toBe(200);
  expect(await (await fetch(fake.url)).text()).toBe('Ollama is running');
});

test('a chat that is not streamed is one answer', async () => {
  const messages = [{ role: 'user', content: '[1] Tea is hot.\n\nQuestion: What is hot?' }];
  const body = JSON.stringify({ model: 'qwen3:4b', messages, stream: false });
  const answer = await (await fetch(`${fake.url}/api/chat`, { method: 'POST', body })).json();
  expect(answer).toMatchObject({ message: { content: 'Tea is hot [1].' }, done: true });
});

test('one request at a time, and the time is counted', async () => {
  const slow = await createFakeOllama({ costMs: { embedCall: 20 } });
  const body = JSON.stringify({ model: 'nomic-embed-text', input: ['one'] });
  const embed = () => fetch(`${slow.url}/api/embed`, { method: 'POST', body });
  const start = performance.now();
  await Promise.all([embed(), embed(), embed()]);
  expect(performance.now() - start).toBeGreaterThanOrEqual(55);
  expect(slow.counters).toMatchObject({ embedCalls: 3, embedTexts: 3 });
  expect(slow.counters.busyMs).toBeGreaterThanOrEqual(55);
  await slow.stop();
});

describe.skipIf(!existsSync(CONTRACT))("what is said on the wire fits Ollama's OpenAPI", () => {
  beforeAll(async () => {
    await server.embed.documents(['one', 'two'], signal).catch(() => undefined);
    await server.check();
    await server.embed.documents(['one', 'two'], signal);
    await Array.fromAsync(server.chat([{ role: 'user', content: 'Hello' }], { temperature: 0 }, signal));
  });

  test.each(Object.entries(SCHEMAS))('%s', (route, { request, answer }) => {
    const exchanges = fake.exchanges.filter((one) => one.route === route && one.status === 200);
    expect(exchanges.length).toBeGreaterThan(0);
    for (const { body, answers } of exchanges) {
      expect(answers.length).toBeGreaterThan(0);
      const found = answers.flatMap((one) => complaints(answer, one));
      expect([...found, ...(request ? complaints(request, asModel(body)) : [])]).toEqual([]);
    }
  });
});

/** The `ollama` package still sends the old `name` in a pull; the server takes both (`PullHandler`). */
function asModel(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('name' in body)) return body;
  const { name, ...rest } = body;
  return { model: name, ...rest };
}

function complaints(schema: string, value: unknown): string[] {
  const ajv = createValidator();
  const validate = ajv.getSchema(`ollama#/components/schemas/${schema}`);
  if (!validate) throw new Error(`no schema ${schema}`);
  return validate(value) === true ? [] : [ajv.errorsText(validate.errors)];
}

let validator: Ajv2020 | undefined;

function createValidator(): Ajv2020 {
  if (validator) return validator;
  validator = new Ajv2020({ strict: false, allErrors: true, formats: { float: true } });
  formats.default(validator);
  return validator.addSchema(parse(readFileSync(CONTRACT, 'utf8')), 'ollama');
}
