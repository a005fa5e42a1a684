import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { Failed, Made } from './a1111-wire.ts';
import { refused, type Reply } from './http.ts';
import type { Media, MediaStore } from './media.ts';
import { inspectMade } from './picture.ts';
import { runError } from './record.ts';

export const NAME = 'AUTOMATIC1111';

/**
 * The pictures of an answer, base64 each.
 * @throws LimnerError `image_refused`, `image_memory`, `image_failed`, `image_answer`.
 */
export function imagesIn(reply: Reply, url: string, path: string): string[] {
  if (reply.status !== 200) throw failure(reply, url, path);
  const made = Made.safeParse(reply.body);
  if (!made.success) throw new LimnerError('image_answer', `${NAME} at ${url} gave an unknown answer.`);
  return made.data.images;
}

function failure(reply: Reply, url: string, path: string): LimnerError {
  const said = Failed.safeParse(reply.body);
  if (!said.success || reply.status === 401 || reply.status === 403)
    return refused(url, path, reply.status, NAME);
  const { error, errors, detail } = said.data;
  if (reply.status < 500)
    return new LimnerError('image_refused', `${NAME} refused the request: ${plainText(detail ?? error)}.`);
  return runError({ type: error, message: errors, node: NAME });
}

/** Pictures of an answer as stored files. */
export async function keepImages(images: readonly string[], media: MediaStore): Promise<Media[]> {
  if (images.length === 0) throw new LimnerError('image_failed', 'The run ended without any result.');
  return Promise.all(
    images.map(async (image, at) => {
      const bytes = Buffer.from(image.slice(image.indexOf(',') + 1), 'base64');
      // It answers in the format that its own settings have for files.
      const { extension } = inspectMade(bytes);
      const part = await media.newPart();
      await writeFile(part, bytes);
      return media.finishPart(part, `picture_${at + 1}.${extension}`, false);
    }),
  );
}

/** A preview that is no picture is not shown. */
export function showPreview(bytes: Buffer, show: (type: string, bytes: Buffer) => void): void {
  try {
    show(inspectMade(bytes).mime, bytes);
  } catch (error) {
    if (!(error instanceof LimnerError)) throw error;
  }
}

const Complaint = z.array(
  z.looseObject({ msg: z.string(), loc: z.array(z.union([z.string(), z.number()])).default([]) }),
);

function plainText(detail: unknown): string {
  const [first] = Complaint.safeParse(detail).data ?? [];
  if (first) return `${first.loc.at(-1) ?? ''} ${first.msg}`.trim();
  return typeof detail === 'string' ? detail.slice(0, 300) : 'it does not say why';
}
