import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { LimnerError, messageOf, type ErrorCode } from '../errors.ts';
import { describedSchema, partSchema } from './messages.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Described, Part, Processor } from './processor.ts';

const ownSchema = describedSchema.extend({
  read: z.custom<Processor['read']>((value) => typeof value === 'function', 'must be a function'),
});

/** Codes that a user's processor may throw: any error that carries one of them as `code`. */
const NAMED: readonly ErrorCode[] = ['corrupt', 'encrypted', 'limit', 'unsupported'];

/** Loads a user's file. Throws an error whose message tells what is wrong with it. */
export async function describeOwn(path: string): Promise<Described> {
  const { read: _read, ...described } = await load(path);
  return described;
}

/** A user's processor as one of ours: loaded when first read from, what it gives and throws checked. */
export function readOwn(own: OwnProcessor): Processor {
  return {
    ...own,
    async *read(file, limits, from) {
      try {
        const { read } = await load(own.path);
        for await (const part of read(file, limits, from)) yield checked(part);
      } catch (error) {
        throw failureOf(own.name, error);
      }
    },
  };
}

async function load(path: string): Promise<z.infer<typeof ownSchema>> {
  const loaded: unknown = await import(pathToFileURL(path).href);
  const exported: unknown =
    typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, 'default') : undefined;
  if (exported === undefined) throw new Error('It has no default export; export the processor as default.');
  const parsed = ownSchema.safeParse(exported);
  if (!parsed.success) throw new Error(problemsOf(parsed.error));
  return parsed.data;
}

function checked(part: unknown): Part {
  const parsed = partSchema.safeParse(part);
  if (!parsed.success) throw new Error(`it gave a part that is none: ${problemsOf(parsed.error)}`);
  return parsed.data;
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

function failureOf(name: string, cause: unknown): Error {
  if (cause instanceof LimnerError) return cause;
  const named = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const code = NAMED.find((known) => known === named);
  if (code) return new LimnerError(code, messageOf(cause), { cause });
  const message = `The processor "${name}" failed on this file: ${messageOf(cause)}`;
  return new LimnerError('crashed', message, { cause });
}
