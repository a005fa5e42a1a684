import { Readable } from 'node:stream';
import multipart, { type Multipart, type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { DOCUMENT_STATES } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { publicFields, type LedgerDocument } from '../ingest/catalogue.ts';
import type { ByteRange, Documents } from '../ingest/documents.ts';
import { cursorOf } from '../ingest/ledger-list.ts';
import { placeOf } from './cursor.ts';
import { parse } from './failure.ts';
import { rangeOf } from './media-file.ts';
import {
  Annotations,
  ExternalId,
  fieldsOf,
  FileFields,
  sendText,
  sendUrl,
  TextBody,
  UrlBody,
} from './sent.ts';

export const ListQuery = z.strictObject({
  collection: z.string().optional(),
  status: z.enum(DOCUMENT_STATES).optional(),
  /** Words of the title or the uri. */
  q: z.string().max(1000).optional(),
  order: z.enum(['id', 'newest']).default('id'),
  cursor: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export function documentRoutes(
  server: FastifyInstance,
  { documents, maxFileBytes }: { documents: Documents; maxFileBytes: number },
): void {
  server.get('/api/documents', ({ query }) => {
    const { collection, status, q, order, cursor, limit } = parse(ListQuery, query);
    if (order === 'newest' && cursor !== undefined) placeOf(cursor);
    const rows = documents.list({
      limit: limit + 1,
      order,
      words: q?.split(/\s+/).filter(Boolean) ?? [],
      ...(collection !== undefined && { collection }),
      ...(status && { state: status }),
      ...(cursor !== undefined && { after: cursor }),
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      data: page.map(documentBody),
      next_cursor: rows.length > limit && last ? cursorOf(last, order) : null,
    };
  });

  server.get<ById>('/api/documents/:id', ({ params }) => documentBody(documents.get(params.id)));

  server.delete('/api/documents', async ({ query }, reply) => {
    const { external_id: externalId } = parse(ExternalId, query);
    return reply.code(202).send(documentBody(await documents.removeSent(externalId)));
  });

  server.delete<ById>('/api/documents/:id', async ({ params }, reply) =>
    reply.code(202).send(documentBody(await documents.remove(params.id))),
  );

  server.patch<ById>('/api/documents/:id', async ({ params, body }) =>
    documentBody(await documents.annotate(params.id, parse(Annotations, body))),
  );

  server.post<ById>('/api/documents/:id/reindex', async ({ params }, reply) =>
    reply.code(202).send(documentBody(await documents.reindex(params.id))),
  );

  server.get<ById>('/api/documents/:id/file', async ({ params, headers }, reply) => {
    const document = documents.get(params.id);
    const { stream, bytes, part } = await documents.open(document, (size) => partOf(headers.range, size));
    if (part) void reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${bytes}`);
    return reply
      .header('content-type', 'application/octet-stream')
      .header('accept-ranges', 'bytes')
      .header('content-length', part ? part.end - part.start + 1 : bytes)
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', attachment(document.uri.slice(document.uri.lastIndexOf('/') + 1)))
      .send(stream);
  });

  void server.register(async (uploads) => {
    await uploads.register(multipart, {
      limits: { fileSize: maxFileBytes + 1, fieldSize: 10_000 },
    });
    uploads.post('/api/documents', { bodyLimit: 64 * 1024 * 1024 }, async (request, reply) => {
      const document = request.isMultipart()
        ? await fromForm(request, documents)
        : await fromJson(request.body, documents);
      return reply.code(202).send(documentBody(document));
    });
  });
}

interface ById {
  Params: { id: string };
}

function fromJson(body: unknown, documents: Documents): Promise<LedgerDocument> {
  if (typeof body === 'object' && body !== null && 'url' in body)
    return sendUrl(documents, parse(UrlBody, body));
  return sendText(documents, parse(TextBody, body));
}

/** The bytes are streamed, never gathered, so that the file has to be the last part of the form. */
async function fromForm(request: FastifyRequest, documents: Documents): Promise<LedgerDocument> {
  const fields: [name: string, value: unknown][] = [];
  const parts = partsOf(request);
  for await (const part of parts) {
    if (part.type === 'file')
      return await uploadFile(documents, part, parse(FileFields, Object.fromEntries(fields)), parts);
    if (part.valueTruncated)
      throw new LimnerError('too_large', `${part.fieldname} is too long.`, { param: part.fieldname });
    fields.push([part.fieldname, part.value]);
  }
  throw new LimnerError('invalid_request', 'The form holds no file.', { param: 'file' });
}

function uploadFile(
  documents: Documents,
  part: MultipartFile,
  fields: z.infer<typeof FileFields>,
  rest: AsyncGenerator<Multipart>,
): Promise<LedgerDocument> {
  const name = baseName(part.filename);
  return documents.upload({
    kind: 'uploads',
    name,
    ...fieldsOf(fields),
    title: fields.title ?? name,
    body: Readable.from(lastFile(part, rest), { objectMode: false }),
  });
}

/** The bytes of the file; fails when something follows it that would be dropped in silence. */
async function* lastFile(part: MultipartFile, rest: AsyncGenerator<Multipart>): AsyncGenerator<Buffer> {
  try {
    yield* part.file;
  } catch (error) {
    throw asFormError(error);
  }
  const { done, value } = await rest.next();
  if (!done)
    throw new LimnerError('invalid_request', 'Send one file per form, and its fields before it.', {
      param: value.fieldname,
    });
}

export async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
  try {
    yield* request.parts();
  } catch (error) {
    throw asFormError(error);
  }
}

/** The bytes of a small file of a form. */
export async function bytesOfPart(part: MultipartFile): Promise<Buffer> {
  try {
    return await part.toBuffer();
  } catch (error) {
    throw asFormError(error);
  }
}

/** The form's own parser throws plain errors; those with a status are refusals of Fastify. */
export function asFormError(error: unknown): unknown {
  if (!(error instanceof Error) || 'statusCode' in error) return error;
  return new LimnerError('invalid_request', 'The form is malformed, or it broke off before its end.', {
    cause: error,
  });
}

/** The sender's file name is a label: it never becomes a path. */
export function baseName(filename: string): string {
  const name = filename
    .replaceAll('\\', '/')
    .split('/')
    .at(-1)
    ?.replaceAll(/\p{Cc}/gu, '')
    .trim();
  return name?.slice(0, 255) || 'file';
}

/** The ledger's row as the API shows it. */
export const documentBody = publicFields;

/** As viewers ask for pages; what lies outside gets the whole file, whose size a file that is open tells only now. */
function partOf(header: string | undefined, size: number): ByteRange | undefined {
  const range = rangeOf(header, size);
  return range === 'outside' ? undefined : range;
}

/** RFC 8187: what `encodeURIComponent` leaves of the quotes and stars is escaped too. */
export function attachment(name: string): string {
  const escaped = encodeURIComponent(name).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename*=UTF-8''${escaped}`;
}
