import type { EventEmitter } from 'node:events';
import type { FastifyInstance } from 'fastify';
import type { Catalogue, LedgerDocument } from '../ingest/catalogue.ts';
import { documentBody } from './documents.ts';
import { pictureBody, type Picture } from './images.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

interface EventRoutes {
  changes: Catalogue['changes'];
  pictures: { events: EventEmitter<{ change: [Picture] }> };
}

/**
 * Every change of a document or a picture's job, as server-sent events named `document` and `image`; what a slow reader
 * missed is its last state.
 */
export function eventRoutes(server: FastifyInstance, parts: EventRoutes): void {
  server.get('/api/events', (request, reply) =>
    sendEvents(reply, changeEvents(parts, signalOf(request, reply))),
  );
}

async function* changeEvents(
  { changes, pictures }: EventRoutes,
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
  const onAbort = (): void => bell.resolve();
  changes.on('change', onChange);
  pictures.events.on('change', onPicture);
  signal.addEventListener('abort', onAbort);
  try {
    // Lets a client know that nothing after this is missed.
    yield ': watching\n\n';
    while (!signal.aborted) {
      await bell.promise;
      bell = Promise.withResolvers<void>();
      for (const [id, event] of waiting) {
        waiting.delete(id);
        yield event();
      }
    }
  } finally {
    changes.off('change', onChange);
    pictures.events.off('change', onPicture);
    signal.removeEventListener('abort', onAbort);
  }
}
