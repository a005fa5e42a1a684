import type { FastifyInstance } from 'fastify';
import type { Catalogue, LedgerDocument } from '../ingest/catalogue.ts';
import { documentBody } from './documents.ts';
import { sendEvents, signalOf, sseEvent } from './sse.ts';

/** Every change of a document, as server-sent events named `document`; what a slow reader missed is its last state. */
export function eventRoutes(server: FastifyInstance, { changes }: { changes: Catalogue['changes'] }): void {
  server.get('/api/events', (request, reply) =>
    sendEvents(reply, documentEvents(changes, signalOf(request, reply))),
  );
}

async function* documentEvents(changes: Catalogue['changes'], signal: AbortSignal): AsyncGenerator<string> {
  const waiting = new Map<string, LedgerDocument>();
  let bell = Promise.withResolvers<void>();
  const onChange = (document: LedgerDocument): void => {
    waiting.set(document.id, document);
    bell.resolve();
  };
  const onAbort = (): void => bell.resolve();
  changes.on('change', onChange);
  signal.addEventListener('abort', onAbort);
  try {
    // Lets a client know that nothing after this is missed.
    yield ': watching\n\n';
    while (!signal.aborted) {
      await bell.promise;
      bell = Promise.withResolvers<void>();
      for (const [id, document] of waiting) {
        waiting.delete(id);
        yield sseEvent(documentBody(document), 'document');
      }
    }
  } finally {
    changes.off('change', onChange);
    signal.removeEventListener('abort', onAbort);
  }
}
