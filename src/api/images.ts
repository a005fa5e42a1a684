import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Illustration } from '../ask/illustrate.ts';
import { errorBody, parse } from './failure.ts';
import { sendFile, type MediaFile } from './media-file.ts';
import { signalOf } from './sse.ts';

export const IMAGE_STATES = [
  'waiting',
  'running',
  'cancelling',
  'done',
  'failed',
  'cancelled',
  'lost',
] as const;

const ENDED: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled', 'lost']);

/** A job that makes pictures, as these routes need it. */
export interface Picture {
  id: string;
  /** Rises from job to job. */
  number: number;
  workflow: string;
  state: (typeof IMAGE_STATES)[number];
  inputs: Record<string, unknown>;
  passages: {
    document: string;
    collection?: string | undefined;
    title: string;
    page: number | null;
    url: string;
    text: string;
  }[];
  outputs: { id: string; kind: string; mime: string; bytes: number; name: string }[];
  progress: number;
  error: { code: string; message: string } | null;
  worker: string | null;
  attempts: number;
  createdAt: string;
  updatedAt: string;
}

export interface Pictures {
  submit(request: {
    workflow: string;
    inputs: Record<string, unknown>;
    pictures?: Record<string, Buffer>;
    passages?: Picture['passages'];
    request?: string | undefined;
  }): Promise<Picture>;
  get(id: string): Picture;
  list(query: {
    /** Jobs of a lower number. */
    before?: number | undefined;
    states?: readonly Picture['state'][];
    workflow?: string | undefined;
    /** Jobs that made a file of this kind. */
    kind?: string | undefined;
    /** Jobs that illustrate something of this collection. */
    collection?: string | undefined;
    /** Every one of these words is in the inputs, the passages or the name of the workflow. */
    words?: readonly string[];
    limit: number;
  }): Picture[];
  cancel(id: string): Promise<Picture>;
  /** Forgets a job that has ended, with the files that only it made. */
  remove(id: string): Promise<void>;
  wait(id: string, signal: AbortSignal): Promise<Picture>;
  preview(id: string): { type: string; bytes: Buffer } | undefined;
  file(id: string): MediaFile;
  thumbnail(id: string, size: number): Promise<MediaFile & { size: number }>;
}

/** Pictures come as base64 inside JSON. */
const BODY_LIMIT = 64 * 1024 * 1024;

/** A picture that is sent along: base64, bare or as a data URL. */
export const Base64 = z
  .string()
  .max(BODY_LIMIT)
  .regex(
    /^(?:data:image\/[\w+.-]+;base64,)?[A-Za-z0-9+/]+={0,2}$/,
    'must be base64, or a data URL of a picture',
  );

export const ImageBody = z.strictObject({
  workflow: z.string().min(1).max(64),
  inputs: z.record(z.string(), z.unknown()).default({}),
  image: Base64.optional(),
  mask: Base64.optional(),
  /** The same for inputs of other names. */
  pictures: z.record(z.string().max(64), Base64).default({}),
  /** The job of which this is another version: what that was made from is said of this one too. */
  from: z.string().max(64).optional(),
  /** The same again gives the same job. */
  request: z.string().min(1).max(200).optional(),
  /** Answers when the job has ended. */
  wait: z.boolean().default(false),
});

export const ListQuery = z.strictObject({
  state: z.enum(IMAGE_STATES).optional(),
  workflow: z.string().max(64).optional(),
  kind: z.enum(['image', 'animation', 'video', 'audio', 'text', 'file']).optional(),
  collection: z.string().max(200).optional(),
  /** Words that the prompt, other inputs or the passages have. */
  query: z.string().max(1000).optional(),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/, 'must be a next_cursor')
    .optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** `size`: the picture made small, in pixels of its longer side. */
export const MediaQuery = z.object({ size: z.coerce.number().int().min(64).max(1024).optional() });

interface ById {
  Params: { id: string };
}

/** Jobs that make pictures, and the files that they made. Other stacks know them by the second names. */
export function imageRoutes(server: FastifyInstance, { pictures }: { pictures: Pictures }): void {
  for (const url of ['/api/images', '/api/workflows/execute'])
    server.post(url, { bodyLimit: BODY_LIMIT }, async (request, reply) => {
      const {
        workflow,
        inputs,
        image,
        mask,
        from,
        request: key,
        wait,
        ...more
      } = parse(ImageBody, request.body);
      const all = { ...more.pictures, ...(image && { image }), ...(mask && { mask }) };
      const sent = Object.fromEntries(Object.entries(all).map(([name, text]) => [name, decode(text)]));
      const passages = from === undefined ? [] : pictures.get(from).passages;
      const job = await pictures.submit({ workflow, inputs, pictures: sent, passages, request: key });
      const told = wait ? await pictures.wait(job.id, signalOf(request, reply)) : job;
      return reply.code(wait ? 200 : 202).send(pictureBody(told));
    });

  for (const url of ['/api/images', '/api/workflows/history'])
    server.get(url, ({ query }) => {
      const { state, cursor, limit, query: text, ...filter } = parse(ListQuery, query);
      const rows = pictures.list({
        ...filter,
        ...(cursor !== undefined && { before: Number(cursor) }),
        limit: limit + 1,
        words: text?.split(/\s+/).filter(Boolean) ?? [],
        ...(state && { states: [state] }),
      });
      const page = rows.slice(0, limit);
      return {
        data: page.map(pictureBody),
        next_cursor: rows.length > limit ? String(page.at(-1)?.number) : null,
      };
    });

  server.get<ById>('/api/images/:id', ({ params }) => pictureBody(pictures.get(params.id)));

  server.get<ById>('/api/images/:id/preview', async ({ params }, reply) => {
    pictures.get(params.id);
    const preview = pictures.preview(params.id);
    // The job is there, and nothing of it is seen yet.
    if (!preview) return reply.code(204).send();
    return reply.header('content-type', preview.type).header('cache-control', 'no-store').send(preview.bytes);
  });

  /** Ends a job that waits or runs; one that has ended is forgotten. */
  server.delete<ById>('/api/images/:id', async ({ params }, reply) => {
    const { state } = pictures.get(params.id);
    if (!ENDED.has(state)) return reply.code(202).send(pictureBody(await pictures.cancel(params.id)));
    await pictures.remove(params.id);
    return reply.code(204).send();
  });

  // The address is the hash of the bytes, so what it names never changes.
  server.get<ById>('/media/:id', async (request, reply) => {
    const { id } = request.params;
    const { size } = parse(MediaQuery, request.query);
    const thumbnail = size === undefined ? undefined : await pictures.thumbnail(id, size);
    return sendFile(request, reply, thumbnail ?? pictures.file(id), {
      etag: thumbnail ? `${id}-${thumbnail.size}` : id,
      cacheControl: 'private, max-age=31536000, immutable',
    });
  });
}

function decode(text: string): Buffer {
  return Buffer.from(text.slice(text.indexOf(',') + 1), 'base64');
}

export function pictureBody(job: Picture) {
  return {
    id: job.id,
    object: 'image.job',
    workflow: job.workflow,
    state: job.state,
    progress: Math.round(job.progress * 100) / 100,
    inputs: job.inputs,
    generated: true,
    seed: typeof job.inputs['seed'] === 'number' ? job.inputs['seed'] : null,
    passages: job.passages,
    outputs: job.outputs.map(({ id, kind, mime, bytes, name }) => ({
      id,
      kind,
      mime,
      bytes,
      name,
      url: `/media/${id}`,
    })),
    error: job.error,
    worker: job.worker,
    attempts: job.attempts,
    created_at: job.createdAt,
    updated_at: job.updatedAt,
  };
}

/** The picture of an answer: a figure of a document, a job, or why there is none. */
export function illustrationBody(illustration: Illustration) {
  if ('figure' in illustration) return { generated: false, figure: illustration.figure };
  return 'error' in illustration ? errorBody(illustration.error) : pictureBody(illustration.job);
}
