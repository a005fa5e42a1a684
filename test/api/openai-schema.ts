import { existsSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';

/** OpenAI's own description of its API; it lies beside the repository where there is one. */
const SPECIFICATION = new URL('../../../shared/contracts/openai-openapi.json', import.meta.url);

export const hasSpecification = existsSync(SPECIFICATION);

export type Complaints = (schema: string, value: unknown) => string[];

/** Says what is wrong with a value by the schema of that name; an empty list when it fits. */
export function readSpecification(): Complaints {
  const document = z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8')));
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'openai', ...modern(document) });
  return (schema, value) => {
    const validate = ajv.getSchema(`openai#/components/schemas/${schema}`);
    if (!validate) throw new Error(`OpenAI has no schema ${schema}.`);
    if (validate(value)) return [];
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
}

/** The names of the properties of a request, those of what it extends included. */
export function propertiesOf(schema: string): string[] {
  const { components } = Document.parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8')));
  const walk = (name: string): string[] => within(Schema.parse(components.schemas[name]));
  const within = ({ $ref: ref, allOf = [], properties = {} }: z.infer<typeof Schema>): string[] => [
    ...Object.keys(properties),
    ...allOf.flatMap((one) => within(Schema.parse(one))),
    ...(ref === undefined ? [] : walk(ref.slice(ref.lastIndexOf('/') + 1))),
  ];
  return [...new Set(walk(schema))];
}

/** The schema of each event of a stream of responses, by the event's type. */
export function streamEventSchemas(): Map<string, string> {
  const { components } = Document.parse(JSON.parse(readFileSync(SPECIFICATION, 'utf8')));
  const { anyOf } = Union.parse(components.schemas['ResponseStreamEvent']);
  const names = anyOf.map(({ $ref: ref }) => ref.slice(ref.lastIndexOf('/') + 1));
  return new Map(
    names.flatMap((name) =>
      Typed.parse(components.schemas[name]).properties.type.enum.map((type) => [type, name] as const),
    ),
  );
}

const Union = z.looseObject({ anyOf: z.array(z.object({ $ref: z.string() })) });
const Typed = z.looseObject({
  properties: z.looseObject({ type: z.looseObject({ enum: z.array(z.string()) }) }),
});
const Document = z.object({ components: z.object({ schemas: z.record(z.string(), z.unknown()) }) });
const Schema = z.looseObject({
  $ref: z.string().optional(),
  allOf: z.array(z.unknown()).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});

function modern(document: Record<string, unknown>): Record<string, unknown> {
  return z.record(z.string(), z.unknown()).parse(withoutNullable(document));
}

/** The document calls itself 3.1 and still says `nullable: true`, which validators of 3.1 overlook. */
function withoutNullable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutNullable);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, withoutNullable(value)]),
  );
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest;
}
