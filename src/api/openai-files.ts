import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Documents } from '../ingest/documents.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import { UNSORTED_COLLECTION } from '../ingest/vector-stores.ts';
import { fileAfter } from './cursor.ts';
import { asFormError, attachment, baseName, partsOf } from './documents.ts';
import { parse } from './failure.ts';
import { documentIdOf, fileName } from './file-ids.ts';
import { fileBody, listBody } from './file-shapes.ts';

export interface FileRoutes {
  documents: Documents;
  files: StoreFiles;
  maxFileBytes: number;
}

/** `order` and `before` are ignored: files come in the order of their ids. */
export const ListQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  after: z.string().optional(),
  purpose: z.string().optional(),
});

interface ById {
  Params: { id: string };
}

/** Every document is a file; what is uploaded here goes the way of every upload, into no store at first. */
export function fileRoutes(server: FastifyInstance, { documents, files, maxFileBytes }: FileRoutes): void {
  void server.register(async (scope) => {
    await scope.register(multipart, { limits: { files: 1, fileSize: maxFileBytes + 1, fieldSize: 10_000 } });
    scope.post('/v1/files', (request) => upload(request).then(fileBody));
  });

  server.get('/v1/files', ({ query }) => {
    const { limit, after, purpose } = parse(ListQuery, query);
    const isOurs = purpose === undefined || purpose === 'assistants';
    const from = fileAfter(files, after);
    const found = isOurs ? files.list({ ...from, limit: limit + 1 }, () => true) : [];
    return listBody(found.map(fileBody), limit);
  });

  server.get<ById>('/v1/files/:id', ({ params }) => fileBody(files.get(documentIdOf(params.id))));

  server.get<ById>('/v1/files/:id/content', async ({ params }, reply) => {
    const document = files.get(documentIdOf(params.id));
    const { stream, bytes } = await documents.open(document);
    return reply
      .header('content-type', 'application/octet-stream')
      .header('content-length', bytes)
      .header('content-disposition', attachment(fileName(document.uri)))
      .send(stream);
  });

  server.delete<ById>('/v1/files/:id', async ({ params }) => {
    await files.remove(documentIdOf(params.id));
    return { id: params.id, object: 'file', deleted: true };
  });

  /** Clients send their fields before or after the file; none of them changes what is done with it. */
  async function upload(request: FastifyRequest): Promise<LedgerDocument> {
    if (!request.isMultipart())
      throw new LimnerError('invalid_request', 'Send the file as multipart/form-data.', { param: 'file' });
    let document: LedgerDocument | undefined;
    for await (const part of partsOf(request)) if (part.type === 'file') document = await save(part);
    if (document) return document;
    throw new LimnerError('invalid_request', 'file: is required.', { param: 'file' });
  }

  /** Each upload is a file of its own, also of equal contents. */
  function save(part: MultipartFile): Promise<LedgerDocument> {
    const name = baseName(part.filename);
    return documents.upload({
      kind: 'uploads',
      name,
      externalId: `files/${randomBytes(8).toString('hex')}/${name}`,
      title: name,
      collection: UNSORTED_COLLECTION,
      body: Readable.from(bytesOf(part), { objectMode: false }),
    });
  }
}

async function* bytesOf(part: MultipartFile): AsyncGenerator<Buffer> {
  try {
    yield* part.file;
  } catch (error) {
    throw asFormError(error);
  }
}
