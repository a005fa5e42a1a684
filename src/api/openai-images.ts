import { readFile } from 'node:fs/promises';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { bytesOfPart, partsOf } from './documents.ts';
import { inTheirWords, parse } from './failure.ts';
import type { Picture, Pictures } from './images.ts';
import { signalOf } from './sse.ts';

const MAX_BYTES = 50 * 1024 * 1024;
/** Animations are pictures in PNG, WebP or GIF too. */
const SHOWN: ReadonlySet<string> = new Set(['image', 'animation']);

const Size = z
  .string()
  .regex(/^(auto|\d{2,5}x\d{2,5})$/)
  .default('auto');

/** The fields of OpenAI's request that mean something here; the workflow is the model. */
export const GenerationBody = z.looseObject({
  prompt: z.string().min(1).max(10_000),
  model: z.string().min(1).max(64).optional(),
  n: z.number().int().min(1).max(10).nullish(),
  size: Size.nullish(),
  response_format: z.enum(['url', 'b64_json']).nullish(),
});

export const EditFields = z.looseObject({
  prompt: z.string().min(1).max(10_000),
  model: z.string().min(1).max(64).optional(),
  n: z.coerce.number().int().min(1).max(10).default(1),
  size: Size,
  response_format: z.enum(['url', 'b64_json']).default('url'),
});

export interface OpenAiImages {
  pictures: Pictures & { canRun(name: string): boolean };
  publicUrl: (request: { protocol: string; host: string }) => string;
  defaults: { generate: string; edit: string; inpaint: string };
}

/** OpenAI's pictures: each of `n` is a job of its own, since one run gives one seed. The answer waits for all. */
export function openAiImageRoutes(
  server: FastifyInstance,
  { pictures, publicUrl, defaults }: OpenAiImages,
): void {
  server.post('/v1/images/generations', async (request, reply) => {
    const body = parse(GenerationBody, request.body);
    const inputs = { prompt: body.prompt, ...sizeOf(body.size ?? 'auto') };
    const jobs = await submitAll(body.model ?? defaults.generate, inputs, {}, body.n ?? 1);
    const done = await waitForAll(jobs, signalOf(request, reply));
    return answer(done, body.response_format ?? 'url', publicUrl(request), pictures);
  });

  // A scope of its own: other routes keep refusing forms.
  void server.register(async (scope) => {
    await scope.register(multipart, { limits: { fileSize: MAX_BYTES, files: 4, fields: 20 } });
    scope.post('/v1/images/edits', (request, reply) => edit(request, reply));
  });

  async function edit(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (!request.isMultipart())
      throw new LimnerError('invalid_request', 'Send the picture as multipart/form-data.', {
        param: 'image',
      });
    const { fields, files } = await readForm(request);
    const body = parse(EditFields, fields);
    if (!files['image']) throw new LimnerError('invalid_request', 'image: is required.', { param: 'image' });
    const model = body.model ?? (files['mask'] ? defaults.inpaint : defaults.edit);
    const jobs = await submitAll(model, { prompt: body.prompt }, files, body.n);
    const done = await waitForAll(jobs, signalOf(request, reply));
    return answer(done, body.response_format, publicUrl(request), pictures);
  }

  async function submitAll(
    workflow: string,
    inputs: Record<string, unknown>,
    sent: Record<string, Buffer>,
    count: number,
  ): Promise<Picture[]> {
    const jobs: Picture[] = [];
    const submit = () =>
      inTheirWords({ workflow: 'model' }, () => pictures.submit({ workflow, inputs, pictures: sent }));
    for (let at = 0; at < count; at++) jobs.push(await submit());
    // Who asks in this way waits for the picture, so a worker that is away is an error now.
    if (!pictures.canRun(workflow)) {
      for (const { id } of jobs) await pictures.cancel(id);
      throw new LimnerError('image_unavailable', 'No ComfyUI that can run this workflow is reachable now.');
    }
    return jobs;
  }

  async function waitForAll(jobs: Picture[], signal: AbortSignal): Promise<Picture[]> {
    const ended = await Promise.all(jobs.map(({ id }) => pictures.wait(id, signal)));
    const failed = ended.find(({ state }) => state !== 'done');
    if (failed) throw new LimnerError('image_failed', failed.error?.message ?? 'The picture was not made.');
    return ended;
  }
}

function sizeOf(size: string): { width?: number; height?: number } {
  const [width, height] = size.split('x').map(Number);
  return width !== undefined && height !== undefined ? { width, height } : {};
}

async function readForm(request: FastifyRequest) {
  const fields: Record<string, unknown> = {};
  const files: Record<string, Buffer> = {};
  for await (const part of partsOf(request)) {
    const name = part.fieldname.replace(/\[\]$/, '');
    if (part.type === 'file') files[name] = await bytesOfPart(part);
    else fields[name] = part.value;
  }
  return { fields, files };
}

async function answer(jobs: Picture[], format: 'url' | 'b64_json', base: string, pictures: Pictures) {
  const made = jobs.flatMap(({ outputs }) => outputs.filter(({ kind }) => SHOWN.has(kind)));
  if (made.length === 0)
    throw new LimnerError('invalid_request', 'This workflow makes something, but no picture.', {
      param: 'model',
    });
  const data = await Promise.all(
    made.map(async ({ id }) =>
      format === 'url'
        ? { url: `${base}/media/${id}` }
        : { b64_json: (await readFile(pictures.file(id).path)).toString('base64') },
    ),
  );
  return { created: Math.floor(Date.now() / 1000), data };
}
