import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';

/** Qdrant's own description of its API; it lies beside the repository where there is one. */
const SPECIFICATION = new URL('../../../shared/contracts/qdrant-openapi.json', import.meta.url);

export const hasQdrantContract = existsSync(SPECIFICATION);

export interface QdrantContract {
  /** What is wrong with a request by the description; undefined when nothing is. */
  request(method: string, path: string, query: URLSearchParams, body: unknown): string | undefined;
  answer(method: string, path: string, status: number, body: unknown): string | undefined;
}

const AnySchema = z.record(z.string(), z.unknown());
const Media = z.looseObject({ schema: z.unknown() });
const Content = z.looseObject({ content: z.looseObject({ 'application/json': Media }) });
const Operation = z.looseObject({
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
  requestBody: Content.optional(),
  responses: z.record(z.string(), z.unknown()),
});
const Specification = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.looseObject({ schemas: z.record(z.string(), z.unknown()) }),
});

/** Reads the description. A property that it does not name is wrong too, where it names any. */
export function readQdrantContract(): QdrantContract {
  const { paths, components } = Specification.parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8')));
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'qdrant', components: AnySchema.parse(strictly({ schemas: components.schemas })) });
  const validators = new Map<unknown, ReturnType<typeof ajv.compile>>();

  function find(method: string, path: string) {
    for (const [template, operations] of Object.entries(paths)) {
      const operation = operations[method.toLowerCase()];
      const pattern = new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`);
      if (operation !== undefined && pattern.test(path)) return Operation.parse(operation);
    }
    return undefined;
  }

  /** Literal paths come before those with a parameter, as the router has it. */
  function complain(schema: unknown, value: unknown): string | undefined {
    const validate = validators.get(schema) ?? ajv.compile(AnySchema.parse(strictly(schema, 'qdrant')));
    validators.set(schema, validate);
    if (validate(value)) return undefined;
    return (validate.errors ?? [])
      .map(({ instancePath, message }) => `${instancePath} ${message}`)
      .join('; ');
  }

  return {
    request(method, path, query, body) {
      const operation = find(method, path);
      if (!operation) return `there is no ${method} ${path}`;
      const names = new Set((operation.parameters ?? []).map(({ name }) => name));
      const unknown = [...query.keys()].filter((name) => !names.has(name));
      if (unknown.length > 0) return `unknown query: ${unknown.join(', ')}`;
      if (operation.requestBody === undefined) return undefined;
      return complain(operation.requestBody.content['application/json'].schema, body);
    },
    answer(method, path, status, body) {
      const operation = find(method, path);
      const response = operation?.responses[String(status)] ?? operation?.responses['default'];
      const content = Content.safeParse(response).data;
      return content && complain(content.content['application/json'].schema, body);
    },
  };
}

/** `nullable` of OpenAPI 3.0 as a type, references into the description, and no properties but those named. */
function strictly(schema: unknown, base = ''): unknown {
  if (Array.isArray(schema)) return schema.map((one) => strictly(one, base));
  if (typeof schema !== 'object' || schema === null) return schema;
  const entries = Object.entries(schema).map(([name, value]) => [
    name,
    name === '$ref' && typeof value === 'string' ? base + value : strictly(value, base),
  ]);
  const { nullable, ...rest }: Record<string, unknown> = Object.fromEntries(entries);
  if (rest['type'] === 'object' && rest['properties'] !== undefined && !('additionalProperties' in rest))
    rest['additionalProperties'] = false;
  if (nullable !== true) return rest;
  return Object.keys(rest).length === 0 ? { type: 'null' } : { anyOf: [rest, { type: 'null' }] };
}
