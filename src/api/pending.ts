import type { FastifyInstance } from 'fastify';
import { LimnerError } from '../errors.ts';
import type { Picture, Pictures } from './images.ts';
import { sendFile } from './media-file.ts';
import { signalOf } from './sse.ts';

/** A page that shows a picture gets it in one go when it comes so soon. */
const HOLD_MS = 20_000;
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
const SHOWN: ReadonlySet<string> = new Set(['image', 'animation', 'video']);
const ENDED: ReadonlySet<Picture['state']> = new Set(['done', 'failed', 'cancelled', 'lost']);

/**
 * The address of a picture that may not be there yet: a placeholder while its job waits or runs, the picture once it
 * is made, and a picture that says so when it never will be. What a page asks for to show it is held for a while,
 * for no page looks twice.
 */
export function pendingRoutes(
  server: FastifyInstance,
  { pictures, holdMs = HOLD_MS }: { pictures: Pick<Pictures, 'get' | 'wait' | 'file'>; holdMs?: number },
): void {
  server.get<{ Params: { id: string } }>('/media/pending/:id', async (request, reply) => {
    let job = pictures.get(request.params.id);
    if (request.headers['sec-fetch-dest'] === 'image' && !ENDED.has(job.state))
      job = await held(job, AbortSignal.any([signalOf(request, reply), AbortSignal.timeout(holdMs)]));
    const made = job.outputs.find(({ kind }) => SHOWN.has(kind));
    if (job.state === 'done' && made)
      return sendFile(request, reply, pictures.file(made.id), {
        etag: made.id,
        // Its job may be deleted, and the picture with it.
        cacheControl: 'private, max-age=300',
      });
    return reply
      .header('content-type', 'image/svg+xml; charset=utf-8')
      .header('content-security-policy', POLICY)
      .header('cache-control', 'no-store')
      .send(placeholder(sayingOf(job)));
  });

  async function held(job: Picture, signal: AbortSignal): Promise<Picture> {
    try {
      return await pictures.wait(job.id, signal);
    } catch (error) {
      if (!(error instanceof LimnerError) || error.code !== 'cancelled') throw error;
      return pictures.get(job.id);
    }
  }
}

function sayingOf({ state, progress }: Picture): string {
  if (state === 'failed' || state === 'lost') return 'This picture could not be made.';
  if (state === 'cancelled' || state === 'cancelling') return 'This picture was cancelled.';
  if (state === 'done') return 'What was made is no picture.';
  return progress > 0 ? `Being drawn: ${Math.round(progress * 100)} %` : 'Being drawn';
}

/** Nothing of a request or a document stands in it. */
function placeholder(saying: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="512" height="128" viewBox="0 0 512 128" role="img" aria-label="${saying}">
<rect x="1" y="1" width="510" height="126" rx="12" fill="#f4f1ea" stroke="#b8ad98" stroke-dasharray="6 6"/>
<text x="256" y="72" text-anchor="middle" font-family="sans-serif" font-size="22" fill="#5b5344">${saying}</text></svg>\n`;
}
