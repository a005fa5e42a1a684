import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { joinSections } from '../document.ts';
import type { Documents } from '../ingest/documents.ts';
import { parse } from './failure.ts';

/** Characters of one answer at most. */
const MOST = 100_000;

export const SpanQuery = z.strictObject({
  start: z.coerce.number().int().min(0).default(0),
  end: z.coerce.number().int().min(0).optional(),
});

/** The extracted text of a document, as spans count it, and the names of the collections. */
export function readingRoutes(server: FastifyInstance, { documents }: { documents: Documents }): void {
  server.get<{ Params: { id: string } }>('/api/documents/:id/text', async ({ params, query }) => {
    const { start, end } = parse(SpanQuery, query);
    const document = documents.get(params.id);
    const text = joinSections((await documents.text(document))?.sections ?? []);
    const shown = text.slice(start, Math.min(end ?? Infinity, start + MOST));
    return {
      id: document.id,
      title: document.title,
      text: shown,
      start,
      end: start + shown.length,
      length: text.length,
    };
  });

  server.get('/api/collections', () => ({
    data: documents.collections().map((name) => ({ name })),
    next_cursor: null,
  }));
}
