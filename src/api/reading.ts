import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { joinSections, morePlace, type Chunk } from '../document.ts';
import type { Documents } from '../ingest/documents.ts';
import { parse } from './failure.ts';

/** Characters of one answer at most. */
const MOST = 100_000;

export const SpanQuery = z.strictObject({
  start: z.coerce.number().int().min(0).default(0),
  end: z.coerce.number().int().min(0).optional(),
});

export const ChunksQuery = z.strictObject({
  cursor: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** The extracted text of a document, as spans count it, what it was cut into, and the names of the collections. */
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

  server.get<{ Params: { id: string } }>('/api/documents/:id/chunks', async ({ params, query }) => {
    const { cursor, limit } = parse(ChunksQuery, query);
    const offset = Number(cursor ?? 0);
    const chunks = await documents.chunks(documents.get(params.id), { offset, limit: limit + 1 });
    return {
      data: chunks.slice(0, limit).map(chunkBody),
      next_cursor: chunks.length > limit ? String(offset + limit) : null,
    };
  });

  server.get('/api/collections', () => ({
    data: documents.collections().map((name) => ({ name })),
    next_cursor: null,
  }));
}

function chunkBody(chunk: Chunk) {
  const { ordinal, text, span, page = null, headings = [], lines = null } = chunk;
  return { ordinal, text, span, page, headings, lines, place: morePlace(chunk) };
}
