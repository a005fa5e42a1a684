import type { FastifyInstance } from 'fastify';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import { documentBody } from './documents.ts';
import type { Status } from './health.ts';
import { pictureBody, type Picture } from './images.ts';
import type { Told } from './limited-service.ts';
import { pullBody, type PullState } from './pulls.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

/** The counts are told at most this often, ms. */
const STATUS_MS = 1000;

interface EventRoutes {
  changes: Told<LedgerDocument>;
  pictures: { events: Told<Picture> };
  pulls: { events: Told<PullState> };
  status: () => Promise<Status>;
  /** Of the request under way: what tells later whether its key still opens anything. */
  lasting: () => () => boolean;
}

/**
 * Every change of a document, a picture's job or a model's download, as server-sent events named `document`, `image` and
 * `pull`, and the counts of everything as `status`; what a slow reader missed is its last state.
 */
export function eventRoutes(server: FastifyInstance, parts: EventRoutes): void {
  server.get('/api/events', (request, reply) =>
    sendEvents(reply, changeEvents(parts, parts.lasting(), signalOf(request, reply))),
  );
}

async function* changeEvents(
  { changes, pictures, pulls, status }: EventRoutes,
  holds: () => boolean,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const waiting = new Map<string, () => string>();
  let bell = Promise.withResolvers<void>();
  const onChange = (document: LedgerDocument): void => {
    waiting.set(document.id, () => sseEvent(documentBody(document), 'document'));
    bell.resolve();
  };
  const onPicture = (job: Picture): void => {
    waiting.set(job.id, () => sseEvent(pictureBody(job), 'image'));
    bell.resolve();
  };
  const onPull = (pull: PullState): void => {
    waiting.set(pull.id, () => sseEvent(pullBody(pull), 'pull'));
    bell.resolve();
  };
  let told = -Infinity;
  let later: NodeJS.Timeout | undefined;
  const onAbort = (): void => bell.resolve();
  changes.on('change', onChange);
  pictures.events.on('change', onPicture);
  pulls.events.on('change', onPull);
  signal.addEventListener('abort', onAbort);
  try {
    // Lets a client know that nothing after this is missed.
    yield ': watching\n\n';
    while (!signal.aborted) {
      await bell.promise;
      bell = Promise.withResolvers<void>();
      if (!holds()) return;
      for (const [id, event] of waiting) {
        waiting.delete(id);
        yield event();
      }
      const wait = told + STATUS_MS - performance.now();
      if (wait <= 0) {
        told = performance.now();
        yield sseEvent(await status(), 'status');
      } else later ??= setTimeout(() => ((later = undefined), bell.resolve()), wait);
    }
  } finally {
    clearTimeout(later);
    changes.off('change', onChange);
    pictures.events.off('change', onPicture);
    pulls.events.off('change', onPull);
    signal.removeEventListener('abort', onAbort);
  }
}
