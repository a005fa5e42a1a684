import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Span } from '../document.ts';
import type { Documents } from '../ingest/documents.ts';
import { parse } from './failure.ts';
import type { StaticFiles } from './static-files.ts';
import { viewerFileRoutes } from './viewer-files.ts';
import { PAGED_POLICY, pdfPage, picturePage } from './viewer-pages.ts';
import { WRITES_MARKDOWN } from './viewer-marks.ts';
import { TEXT_POLICY, textPage } from './viewer-text.ts';

/** A link that is wrong in parts still opens the document. */
export const ViewQuery = z.looseObject({
  mark: z
    .string()
    .regex(/^\d{1,10}-\d{1,10}$/)
    .optional()
    .catch(undefined),
  view: z.enum(['text', 'page']).default('page').catch('page'),
});

export const WordsQuery = z.strictObject({
  page: z.coerce.number().int().min(1).max(10_000_000),
  mark: z
    .string()
    .regex(/^\d{1,10}-\d{1,10}$/, 'must be two offsets with a hyphen between them')
    .optional(),
});

interface ById {
  Params: { id: string };
}

/** Every citation link opens here: a PDF at its page, a picture as it is, others as text, with the cited words marked. */
export function viewerRoutes(
  server: FastifyInstance,
  { documents, files }: { documents: Documents; files: StaticFiles },
): void {
  server.get<ById>('/documents/:id', async ({ params, query }, reply) => {
    const document = documents.get(params.id);
    const { mark, view } = parse(ViewQuery, query);
    const span = mark === undefined ? undefined : toSpan(mark);
    const extraction = await documents.text(document);
    const sections = extraction?.sections ?? [];
    const looks = view === 'page' && document.state !== 'gone' ? extraction?.processor : undefined;
    const isMarkdown = WRITES_MARKDOWN.has(extraction?.processor ?? '');
    const figures = documents.figuresOf(document.id);
    const pictures = looks === 'image' ? figures : [];
    const html =
      looks === 'pdf'
        ? pdfPage(document, sections, span)
        : pictures.length > 0 && picturePage(document, pictures, span);
    return reply
      .header('content-type', 'text/html; charset=utf-8')
      .header('content-security-policy', html === false ? TEXT_POLICY : PAGED_POLICY)
      .send(html === false ? textPage(document, sections, span, figures, isMarkdown) : html);
  });

  /** Where the words of a page stand; with `mark` only those of that span. */
  server.get<ById>('/api/documents/:id/words', async ({ params, query }) => {
    const document = documents.get(params.id);
    const { page, mark } = parse(WordsQuery, query);
    const placed = await documents.words(document, page);
    if (!placed)
      throw new LimnerError('not_found', `Places are not known for page ${page} of this document.`, {
        param: 'page',
      });
    const [start, end] = mark === undefined ? [0, Infinity] : toSpan(mark);
    return { ...placed, words: placed.words.filter(({ span }) => span[0] < end && span[1] > start) };
  });

  viewerFileRoutes(server, files);
}

function toSpan(mark: string): Span {
  const [start = 0, end = 0] = mark.split('-').map(Number);
  return [start, Math.max(start, end)];
}
