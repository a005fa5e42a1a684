import { z } from 'zod';
import { FIGURE_MIMES, MORE_PLACE, type SourceFile } from '../document.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Limits } from './limits.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Described, Part } from './processor.ts';

/** What the pool asks of a child: one file at a time. */
export interface ReadRequest {
  file: SourceFile;
  limits: Limits;
  /** The users' processors, which are loaded from their files. */
  own: readonly OwnProcessor[];
  /** The page to begin at, where a page before it ended the reader. */
  from?: number | undefined;
  /** Native code broke down on the file: it is to be read without, or not at all. */
  plainly?: boolean | undefined;
}

/** Or to load this file and tell which documents it reads. */
export interface DescribeRequest {
  describe: string;
}

/** What a child answers: `started` unless the file is empty or refused, any number of parts, `done` or `failed`. */
export type ReadMessage =
  | { type: 'started'; processor: string; readsPlainly: boolean }
  | { type: 'part'; part: Part }
  | { type: 'done' }
  | { type: 'described'; processor: Described }
  /** A processor of the other sort, with or without native code, is wanted: another child has to read. */
  | { type: 'elsewhere' }
  /** `detail` is for the log only. `bug` says that the failure is not one that a processor names. */
  | { type: 'failed'; code: ErrorCode; message: string; detail: string; bug: boolean };

const section = z.object({
  text: z.string(),
  page: z.int().optional(),
  headings: z.array(z.string()).optional(),
  lines: z.tuple([z.int(), z.int()]).optional(),
  ...MORE_PLACE,
});

const member = z.object({
  name: z.string(),
  bytes: z.instanceof(Uint8Array),
  place: z
    .object({ page: z.int().optional(), slide: z.int().optional(), headings: z.array(z.string()).optional() })
    .optional(),
});

/** What a processor may give. */
export const partSchema = z.object({
  title: z.string().optional(),
  pages: z.int().optional(),
  finished: z.int().min(0).optional(),
  sections: z.array(section).optional(),
  warnings: z.array(z.string()).optional(),
  ocr: z.object({ pages: z.int().min(0), confidence: z.number() }).optional(),
  words: z
    .array(
      z.object({
        page: z.int().min(1),
        width: z.number(),
        height: z.number(),
        runs: z.array(z.int()),
      }),
    )
    .optional(),
  figures: z
    .array(
      z.object({
        mime: z.enum(FIGURE_MIMES),
        width: z.int().positive(),
        height: z.int().positive(),
        page: z.int().min(1).optional(),
        box: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
        description: z.string().max(10_000).optional(),
        bytes: z.instanceof(Uint8Array),
      }),
    )
    .optional(),
  members: z.array(member).optional(),
});

/** What a processor says of itself; its `name` is stored and shown. */
export const describedSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,40}$/, 'must be a lower-case word'),
  version: z.int(),
  kinds: z.array(z.string()).min(1),
  label: z.string().min(1),
  extensions: z.array(z.string().regex(/^[a-z0-9_+-]{1,20}$/, 'must be lower case, without the dot')).min(1),
  native: z.boolean().optional(),
  holdsFiles: z.boolean().optional(),
});

const code = z.custom<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(ERRORS, value));

/** A child has read hostile bytes, so what it says is outside data. */
export const readMessage: z.ZodType<ReadMessage> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('part'), part: partSchema }),
  z.object({ type: z.literal('started'), processor: z.string(), readsPlainly: z.boolean() }),
  z.object({ type: z.literal('done') }),
  z.object({ type: z.literal('described'), processor: describedSchema }),
  z.object({ type: z.literal('elsewhere') }),
  z.object({
    type: z.literal('failed'),
    code,
    message: z.string(),
    detail: z.string(),
    bug: z.boolean(),
  }),
]);
