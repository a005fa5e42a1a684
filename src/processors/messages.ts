import { z } from 'zod';
import { MORE_PLACE, type SourceFile } from '../document.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Part } from './processor.ts';

/** What the pool asks of a child: one file at a time. */
export interface ReadRequest {
  file: SourceFile;
  /** UTF-16 units of text after which reading stops. */
  maxTextCharacters: number;
}

/** What a child answers: `started` unless the file is empty or refused, any number of parts, `done` or `failed`. */
export type ReadMessage =
  | { type: 'started'; processor: string }
  | { type: 'part'; part: Part }
  | { type: 'done' }
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

const part = z.object({
  title: z.string().optional(),
  pages: z.int().optional(),
  sections: z.array(section).optional(),
  warnings: z.array(z.string()).optional(),
  members: z.array(z.object({ name: z.string(), bytes: z.instanceof(Uint8Array) })).optional(),
});

const code = z.custom<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(ERRORS, value));

/** A child has read hostile bytes, so what it says is outside data. */
export const readMessage: z.ZodType<ReadMessage> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('part'), part }),
  z.object({ type: z.literal('started'), processor: z.string() }),
  z.object({ type: z.literal('done') }),
  z.object({ type: z.literal('elsewhere') }),
  z.object({
    type: z.literal('failed'),
    code,
    message: z.string(),
    detail: z.string(),
    bug: z.boolean(),
  }),
]);
