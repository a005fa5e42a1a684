import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { startBench } from '../api/setup.ts';

const bench = await startBench({ LIMNER_RATE_PER_MINUTE: '0' });
const Schema = z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() });
const Content = z.record(z.string(), z.looseObject({ schema: Schema }));
const Operation = z.looseObject({ requestBody: z.looseObject({ content: Content }).optional() });
const Description = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), Operation)) });
const { paths } = Description.parse((await bench.get('/openapi.json')).json());
const METHODS = { get: 'GET', post: 'POST', delete: 'DELETE', patch: 'PATCH' } as const;
const routes = Object.entries(paths).flatMap(([url, operations]) =>
  Object.entries(METHODS).flatMap(([name, method]) => {
    const operation = operations[name];
    const schema = operation?.requestBody?.content['application/json']?.schema;
    return operation ? [{ method, url, fields: Object.keys(schema?.properties ?? {}) }] : [];
  }),
);

/** Streams that never end, and what would wait for another server. */
const SKIPPED = new Set(['/api/events', '/mcp']);

const words = fc.oneof(
  fc.string(),
  fc.constantFrom('..', '%2e%2e', '\0', '__proto__', "' or 1=1 --", 'limner', '-1'),
);
const value = fc.oneof(words, fc.jsonValue(), fc.integer(), fc.constant(null));

/** Bodies of the fields that are described, of any JSON, and of no JSON at all. */
function bodies(fields: string[]): fc.Arbitrary<string> {
  const described = fc.record(Object.fromEntries(fields.map((name) => [name, value])), { requiredKeys: [] });
  const usual = fc.record({ query: words, question: words, text: words, name: words }, { requiredKeys: [] });
  return fc.oneof(
    described.map((body) => JSON.stringify(body)),
    usual.map((body) => JSON.stringify(body)),
    fc.json(),
    fc.string(),
  );
}

test.each(routes.filter(({ url }) => !SKIPPED.has(url)))(
  'no request makes $method $url fail or hang',
  async ({ method, url, fields }) => {
    const property = fc.asyncProperty(words, words, bodies(fields), async (part, query, payload) => {
      const path = url.replaceAll(/\{\w+\}/g, encodeURIComponent(part) || 'x');
      const response = await bench.app.server.inject({
        method,
        url: query.length > 3 ? `${path}?limit=${encodeURIComponent(query)}` : path,
        headers: { 'content-type': 'application/json' },
        ...(method !== 'GET' && { payload }),
      });
      expect(response.statusCode, response.body).not.toBe(500);
    });
    await fc.assert(property, { numRuns: 25, endOnFailure: true });
  },
  20_000,
);
