import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Documents } from '../ingest/documents.ts';
import { parse } from './failure.ts';

export const FiguresQuery = z.strictObject({
  page: z.coerce.number().int().min(1).max(10_000_000).optional(),
});

/** The pictures that documents show, as they are listed and as they are. */
export function figureRoutes(server: FastifyInstance, { documents }: { documents: Documents }): void {
  server.get<{ Params: { id: string } }>('/api/documents/:id/figures', ({ params, query }) => {
    const { page } = parse(FiguresQuery, query);
    return { data: documents.figuresOf(params.id, page).map(figureBody), next_cursor: null };
  });

  server.get<{ Params: { id: string; figure: string } }>(
    '/api/documents/:id/figures/:figure',
    (request, reply) => {
      const { path, mime, bytes } = documents.figure(request.params.id, request.params.figure);
      return reply
        .header('content-type', mime)
        .header('content-length', bytes)
        .header('content-security-policy', `default-src 'none'; sandbox`)
        .header('cache-control', 'private, max-age=31536000, immutable')
        .send(createReadStream(path));
    },
  );
}

function figureBody(found: ReturnType<Documents['figure']>) {
  const { path: _path, page = null, box = null, description = null, caption = null, ...figure } = found;
  return { ...figure, page, box, description, caption };
}
