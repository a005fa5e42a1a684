import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { scopeFor } from './access.ts';
import { ChatRequest } from './chat-request.ts';
import { ImageBody } from './images.ts';
import { NewKey } from './keys.ts';
import { GenerationBody } from './openai-images.ts';
import type { Route } from './route-list.ts';
import { AskBody, SearchRequest } from './search.ts';
import { Annotations, TextBody, UrlBody } from './sent.ts';

/** The schemas that validate the bodies. A route that is not here is described without its body. */
const BODIES: Readonly<Record<string, z.ZodType>> = {
  'POST /api/search': SearchRequest,
  'POST /api/ask': AskBody,
  'POST /api/documents': z.union([TextBody, UrlBody]),
  'PATCH /api/documents/:id': Annotations,
  'POST /api/images': ImageBody,
  'POST /api/workflows/execute': ImageBody,
  'POST /api/keys': NewKey,
  'POST /v1/chat/completions': ChatRequest,
  'POST /v1/images/generations': GenerationBody,
};

const ErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    code: z.string(),
    param: z.string().nullable(),
  }),
});

/** The description of the API, made from the routes that are there and the schemas that validate. */
export function describeApi(routes: readonly Route[]) {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    if (route.method === 'HEAD' || route.method === 'OPTIONS') continue;
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, path) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Limner', version: '0.1.0' },
    security: [{ key: [] }],
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: schemaOf(ErrorSchema) },
    },
    paths,
  };
}

function operation({ method, url }: Route, path: string): object {
  const body = BODIES[`${method} ${url}`];
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  return {
    summary: `Needs the scope ${scopeFor(method, url)}`,
    parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body) } } },
    }),
    responses: {
      '2XX': { description: 'done' },
      default: {
        description: 'refused or failed; docs/errors.md lists the codes',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

function schemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

export function openApiRoutes(server: FastifyInstance, routes: () => readonly Route[]): void {
  let described: object | undefined;
  server.get('/openapi.json', () => (described ??= describeApi(routes())));
}
