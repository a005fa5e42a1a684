import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { scopeFor } from './access.ts';
import { ErrorAnswer } from './answer-shapes.ts';
import { descriptionOf, type Description } from './descriptions.ts';
import type { Route } from './route-list.ts';
import { readVersion } from './version.ts';

/** Files of pages; no part of the API. */
const FILES = ['/web/', '/pdfjs/', '/docs/'];

type Schemas = Record<string, object>;

/** The description of the API, made from the routes that are there and the schemas that validate. */
export function describeApi(routes: readonly Route[]) {
  const schemas: Schemas = {};
  const paths: Record<string, Record<string, object>> = {};
  schemaOf(ErrorAnswer, 'output', schemas);
  for (const route of routes) {
    if (route.method === 'HEAD' || route.method === 'OPTIONS') continue;
    if (FILES.some((folder) => route.url.startsWith(folder))) continue;
    const path = route.url.replaceAll(/:(\w+)/g, '{$1}').replace('*', '{path}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, path, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Limner',
      version: readVersion(),
      description:
        'Where keys are set, every request needs one: Authorize. Times are ISO 8601 in UTC, ids are opaque, lists go on ' +
        'at their next_cursor. The codes of errors are in docs/errors.md.',
    },
    tags: tagsOf(paths),
    security: [{ key: [] }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } }, schemas },
    paths,
  };
}

/** What one comes for first; the rest follows as it is there, and the service itself at the end. */
const FIRST: Readonly<Record<string, string>> = {
  ask: 'Answers with citations',
  search: 'Passages',
  documents: 'What is searchable, what is not and why',
  collections: '',
  openai: 'OpenAI’s API, for its clients: docs/openai.md',
};
const Tagged = z.looseObject({ tags: z.array(z.string()) });

function tagsOf(paths: Record<string, Record<string, object>>): object[] {
  const found = Object.values(paths).flatMap((path) =>
    Object.values(path).flatMap((one) => Tagged.parse(one).tags),
  );
  const names = [...Object.keys(FIRST), ...found.filter((name) => name !== 'service'), 'service'];
  return [...new Set(names)].map((name) => ({ name, description: FIRST[name] ?? '' }));
}

function operation({ method, url }: Route, path: string, schemas: Schemas): object {
  const about: Description = descriptionOf(`${method} ${url}`) ?? { summary: 'Not described', answers: {} };
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
  const inPath = names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  return {
    summary: about.summary,
    description: `Needs the scope \`${scopeFor(method, url)}\`.`,
    tags: [tagOf(url)],
    parameters: [...inPath, ...parametersOf(about, schemas)],
    ...bodyOf(about, schemas),
    responses: {
      ...Object.fromEntries(
        Object.entries(about.answers).map(([status, answer]) => [status, answerOf(answer, about, schemas)]),
      ),
      default: {
        description: 'Refused or failed',
        content: json({ $ref: '#/components/schemas/Error' }),
      },
    },
  };
}

/** `documents` for `/api/documents/:id`, `openai` for all of `/v1`. */
function tagOf(url: string): string {
  const [first = '', second = ''] = url.split('/').filter(Boolean);
  if (first === 'v1') return 'openai';
  return first === 'api' ? second : 'service';
}

const Properties = z.looseObject({
  properties: z.record(z.string(), z.looseObject({})).default({}),
  required: z.array(z.string()).default([]),
});

function parametersOf({ query }: Description, schemas: Schemas): object[] {
  if (!query) return [];
  const { properties, required } = Properties.parse(schemaOf(query, 'input', schemas));
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function bodyOf({ body, form, optional }: Description, schemas: Schemas): object {
  if (!body && !form) return {};
  const content = {
    ...(body && json(schemaOf(body, 'input', schemas))),
    ...(form && { 'multipart/form-data': { schema: formOf(form, schemas) } }),
  };
  return { requestBody: { required: !optional, content } };
}

function formOf({ fields, files }: NonNullable<Description['form']>, schemas: Schemas): object {
  const { properties, required, ...rest } = Properties.parse(schemaOf(fields, 'input', schemas));
  const sent = Object.fromEntries(files.map((name) => [name, { type: 'string', format: 'binary' }]));
  return { ...rest, properties: { ...properties, ...sent }, required: [...required, ...files.slice(0, 1)] };
}

function answerOf(
  answer: Description['answers'][number],
  { streams }: Description,
  schemas: Schemas,
): object {
  if (!answer) return { description: 'Done' };
  const content =
    answer instanceof z.ZodType
      ? json(schemaOf(answer, 'output', schemas))
      : Object.fromEntries(answer.map((type) => [type, {}]));
  return { description: 'Done', content: { ...content, ...(streams && { 'text/event-stream': {} }) } };
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}

const WithDefinitions = z.looseObject({ $defs: z.record(z.string(), z.looseObject({})).default({}) });

/** Schemas that have a name (`meta({ id })`) go to the common ones. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Schemas): object {
  const made = JSON.stringify(z.toJSONSchema(schema, { io, unrepresentable: 'any' }));
  const moved: unknown = JSON.parse(made.replaceAll('"#/$defs/', '"#/components/schemas/'));
  const { $defs, $schema: _version, ...rest } = WithDefinitions.parse(moved);
  Object.assign(schemas, $defs);
  return rest;
}

export function openApiRoutes(server: FastifyInstance, routes: () => readonly Route[]): void {
  let described: object | undefined;
  server.get('/openapi.json', () => (described ??= describeApi(routes())));
}
