import { z } from 'zod';

/** What well-behaved models can do with JSON schemas, in the smallest way that fits. */

const Schema = z.looseObject({
  type: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
});

/** A value that fits the schema; texts are `OK`. */
export function valueOf(schema: unknown): unknown {
  // What is no schema says nothing, and then anything fits.
  const parsed = Schema.safeParse(schema).data ?? {};
  if (parsed.const !== undefined) return parsed.const;
  if (parsed.enum) return parsed.enum[0];
  if (parsed.type === 'object' || parsed.properties)
    return Object.fromEntries(
      Object.entries(parsed.properties ?? {}).map(([name, one]) => [name, valueOf(one)]),
    );
  if (parsed.type === 'array') return [valueOf(parsed.items)];
  if (parsed.type === 'number' || parsed.type === 'integer') return 1;
  if (parsed.type === 'boolean') return true;
  return parsed.type === 'null' ? null : 'OK';
}

export const ToolList = z.array(
  z.object({
    type: z.literal('function'),
    function: z.looseObject({ name: z.string(), parameters: z.unknown().optional() }),
  }),
);

/** The call that a model makes of the first tool it is offered, when nobody has answered one yet. */
export function callOf(tools: unknown, messages: readonly { role: string }[]) {
  const [first] = ToolList.safeParse(tools).data ?? [];
  if (!first || messages.at(-1)?.role === 'tool') return undefined;
  return { name: first.function.name, arguments: valueOf(first.function.parameters) };
}
