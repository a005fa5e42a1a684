import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import type { LightMyRequestResponse } from 'fastify';
import { z } from 'zod';

const Schema = z.looseObject({});
const Content = z.record(z.string(), z.looseObject({ schema: Schema.optional() }));
const Parameter = z.looseObject({ name: z.string(), in: z.enum(['path', 'query']), schema: Schema });
const Operation = z.looseObject({
  summary: z.string(),
  parameters: z.array(Parameter),
  requestBody: z.looseObject({ content: Content }).optional(),
  responses: z.record(z.string(), z.looseObject({ content: Content.optional() })),
});
const Description = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), Operation)) });

export type Method = 'GET' | 'POST' | 'DELETE' | 'PATCH';
export const METHODS = { get: 'GET', post: 'POST', delete: 'DELETE', patch: 'PATCH' } as const;

export interface DescribedRoute {
  method: Method;
  url: string;
  operation: z.infer<typeof Operation>;
}

/** The service's description of itself, and what is wrong with an answer by it. */
export function readDescription(json: unknown) {
  const { paths } = Description.parse(json);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormatsModule.default(ajv);
  // What zod calls a text that begins with another.
  ajv.addFormat('starts_with', true);
  ajv.addSchema({ $id: 'limner', ...Schema.parse(json) });

  const routes: DescribedRoute[] = Object.entries(paths).flatMap(([url, operations]) =>
    Object.entries(METHODS).flatMap(([name, method]) => {
      const operation = operations[name];
      return operation ? [{ method, url, operation }] : [];
    }),
  );

  function routeOf(method: string, path: string): DescribedRoute | undefined {
    const bare = path.split('?', 1)[0] ?? '';
    const fits = (url: string): boolean =>
      new RegExp(`^${url.replace('{path}', '.+').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare);
    const found = routes.filter((route) => route.method === method && fits(route.url));
    // An address without parameters goes before one with.
    return found.toSorted(
      (one, other) => one.operation.parameters.length - other.operation.parameters.length,
    )[0];
  }

  /** What does not fit; nothing when everything does. */
  function complaints(route: DescribedRoute, response: LightMyRequestResponse): string[] {
    const { responses } = route.operation;
    const status = String(response.statusCode);
    const known = status in responses ? status : response.statusCode >= 400 ? 'default' : undefined;
    if (known === undefined) return [`the status ${status} is not described`];
    const content = responses[known]?.content;
    if (!content) return response.body === '' ? [] : ['a body is not described'];
    const type = String(response.headers['content-type']).split(';', 1)[0] ?? '';
    const entry = content[type] ?? content['*/*'];
    if (!entry) return [`${status} of the type ${type} is not described`];
    if (!entry.schema) return [];
    const pointer = [
      'paths',
      route.url,
      route.method.toLowerCase(),
      'responses',
      known,
      'content',
      type,
      'schema',
    ];
    const validate = ajv.getSchema(`limner#/${pointer.map(escapePointer).join('/')}`);
    if (!validate) return [`there is no schema at ${pointer.join(' ')}`];
    if (validate(response.json())) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }

  return { routes, routeOf, complaints };
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}
