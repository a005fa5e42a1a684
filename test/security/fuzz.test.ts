import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { z } from 'zod';
import { readDescription, type DescribedRoute } from '../api/described.ts';
import { startBench } from '../api/setup.ts';
import { createFakeOllama } from '../fakes/ollama.ts';
import { until } from '../until.ts';

const ollama = await createFakeOllama();
afterAll(() => ollama.stop());
// With a key, since one that is made on the way would close the rest of the service.
const KEY = 'the-admin-key';
const authorization = `Bearer ${KEY}`;
const bench = await startBench({
  LIMNER_API_KEYS: KEY,
  LIMNER_RATE_PER_MINUTE: '0',
  OLLAMA_HOST: ollama.url,
  LIMNER_EMBED_MODEL: 'nomic-embed-text',
  LIMNER_CHAT_MODEL: 'qwen3:4b',
});
await until(() => bench.app.models.chatReady() && bench.app.models.embed.ready(), 'the models');
const sent = await bench.app.server.inject({
  method: 'POST',
  url: '/api/documents',
  headers: { authorization },
  payload: { text: 'The spare fuse lies in the biscuit tin.' },
});
const { id } = z.looseObject({ id: z.string() }).parse(sent.json());

const json: unknown = (await bench.get('/openapi.json', { authorization })).json();
const { routes, complaints } = readDescription(json);
const Schema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  anyOf: z.array(z.looseObject({})).optional(),
  items: z.union([z.looseObject({}), z.boolean()]).optional(),
  properties: z.record(z.string(), z.looseObject({})).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
const Components = z.looseObject({
  components: z.looseObject({ schemas: z.record(z.string(), z.looseObject({})) }),
});
const { components } = Components.parse(json);

/** A stream that never ends. */
const SKIPPED = new Set(['/api/events']);

const words = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '..', '%2e%2e', '\0', '__proto__', "' or 1=1 --", 'limner', '-1', '1e400', id),
);
const anything = fc.oneof(words, fc.jsonValue(), fc.integer(), fc.constant(null));

/** Values that the schema allows, most of the time; now and then anything. */
function valueOf(schema: unknown, depth = 0): fc.Arbitrary<unknown> {
  const { $ref: ref, anyOf, properties, items, type, ...one } = Schema.parse(schema);
  if (depth > 6) return anything;
  const within = (inner: unknown): fc.Arbitrary<unknown> => valueOf(inner, depth + 1);
  const right = (): fc.Arbitrary<unknown> => {
    if (ref !== undefined) return within(components.schemas[ref.slice(ref.lastIndexOf('/') + 1)]);
    if (one.const !== undefined) return fc.constant(one.const);
    if (one.enum) return fc.constantFrom(...one.enum);
    if (anyOf) return fc.oneof(...anyOf.map(within));
    const [kind] = [type].flat();
    if (kind === 'object' && properties) return objectOf(properties, within);
    if (kind === 'array')
      return fc.array(typeof items === 'object' ? within(items) : anything, { maxLength: 3 });
    if (kind === 'integer' || kind === 'number')
      return fc.integer({ min: one.minimum ?? -5, max: Math.min(one.maximum ?? 1000, 2 ** 31 - 1) });
    return kind === 'boolean' ? fc.boolean() : words;
  };
  return fc.oneof({ weight: 8, arbitrary: right() }, { weight: 1, arbitrary: anything });
}

function objectOf(
  properties: Record<string, unknown>,
  within: (schema: unknown) => fc.Arbitrary<unknown>,
): fc.Arbitrary<object> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, within(schema)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

/** A value as an address has it. */
function wordsOf(value: unknown): string {
  return (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed();
}

/** An address with something in each of its places, and some of its parameters. */
function addressOf({ url, operation }: DescribedRoute): fc.Arbitrary<string> {
  const query = operation.parameters.filter((one) => one.in === 'query');
  const fields = objectOf(Object.fromEntries(query.map(({ name, schema }) => [name, schema])), valueOf);
  return fc.tuple(words, fields, fc.boolean()).map(([part, given, isKnown]) => {
    const path = url.replaceAll(/\{\w+\}/g, encodeURIComponent(isKnown ? id : part.toWellFormed()) || 'x');
    const all = Object.entries(given).map(([name, value]) => [name, wordsOf(value)]);
    return all.length === 0 ? path : `${path}?${new URLSearchParams(all).toString()}`;
  });
}

/** A body that is described, any JSON, or no JSON at all. */
function bodyOf({ operation }: DescribedRoute): fc.Arbitrary<string> {
  const schema = operation.requestBody?.content['application/json']?.schema ?? {};
  return fc.oneof(
    { weight: 6, arbitrary: valueOf(schema).map((body) => JSON.stringify(body) ?? '') },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string() },
  );
}

/** Routes that did what they were asked, at least once. */
const succeeded = new Set<DescribedRoute>();
const walked = routes
  .filter(({ url }) => !SKIPPED.has(url))
  .map((route) => ({ method: route.method, url: route.url, route }));

test.each(walked)(
  'no request makes $method $url fail, hang, or answer what is not described',
  async ({ method, route }) => {
    const property = fc.asyncProperty(addressOf(route), bodyOf(route), async (url, payload) => {
      // Requests within the process take no turn of the event loop, which would look like an overload.
      await turn();
      const response = await bench.app.server.inject({
        method,
        url,
        headers: {
          authorization,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        ...(method !== 'GET' && { payload }),
      });
      if (response.statusCode < 300) succeeded.add(route);
      expect(
        route.url === '/login' ? [429, 500] : [401, 429, 500],
        `${url} ${payload} ${response.body}`,
      ).not.toContain(response.statusCode);
      // Some texts are another route's address, such as `..` in the place of a name.
      if (response.statusCode !== 405 && !url.includes('..'))
        expect(complaints(route, response), `${url} ${payload}`).toEqual([]);
    });
    await fc.assert(property, { numRuns: 40, endOnFailure: true });
  },
);

test('nothing of it was a bug, and much of it was right', () => {
  expect(succeeded.size).toBeGreaterThan(routes.length / 3);
  expect(bench.lines.filter((line) => line.includes('a bug'))).toEqual([]);
});
