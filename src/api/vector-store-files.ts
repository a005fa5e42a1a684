import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { joinSections } from '../document.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Documents } from '../ingest/documents.ts';
import { Metadata } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { FileBatch, VectorStores } from '../ingest/vector-stores.ts';
import { parse } from './failure.ts';
import { documentIdOf } from './file-ids.ts';
import { batchBody, listBody, stateOf, storeFileBody } from './file-shapes.ts';
import { ListQuery } from './vector-stores.ts';

export interface VectorStoreFileRoutes {
  documents: Documents;
  stores: VectorStores;
  files: StoreFiles;
}

const AddBody = z.looseObject({ file_id: z.string().min(1), attributes: Metadata.nullish() });
const UpdateBody = z.looseObject({ attributes: Metadata.nullable() });
const FilesQuery = ListQuery.extend({
  filter: z.enum(['in_progress', 'completed', 'failed', 'cancelled']).optional(),
});
const BatchBody = z
  .looseObject({
    file_ids: z.array(z.string().min(1)).min(1).max(500).optional(),
    files: z.array(AddBody).min(1).max(500).optional(),
    attributes: Metadata.nullish(),
  })
  .refine(({ file_ids: ids, files }) => (ids === undefined) !== (files === undefined), {
    error: 'either file_ids or files is needed',
    path: ['file_ids'],
  });

interface ById {
  Params: { id: string };
}
interface ByFile {
  Params: { id: string; file: string };
}
interface ByBatch {
  Params: { id: string; batch: string };
}

export function vectorStoreFileRoutes(
  server: FastifyInstance,
  { documents, stores, files }: VectorStoreFileRoutes,
): void {
  const inStore = ({ id, file }: ByFile['Params']): LedgerDocument =>
    files.inStore(stores.get(id), documentIdOf(file));

  server.post<ById>('/v1/vector_stores/:id/files', async ({ params, body }) => {
    const { file_id: file, attributes } = parse(AddBody, body);
    const store = stores.get(params.id);
    return storeFileBody(store.id, await files.attach(store, documentIdOf(file), attributes ?? undefined));
  });

  server.get<ById>('/v1/vector_stores/:id/files', ({ params, query }) => {
    const { limit, after, filter } = parse(FilesQuery, query);
    const { id, collection } = stores.get(params.id);
    const from = after === undefined ? {} : { after: documentIdOf(after) };
    const fits = (document: LedgerDocument): boolean => filter === undefined || stateOf(document) === filter;
    const found = files.list({ collection, ...from, limit: limit + 1 }, fits);
    return listBody(
      found.map((document) => storeFileBody(id, document)),
      limit,
    );
  });

  server.get<ByFile>('/v1/vector_stores/:id/files/:file', ({ params }) =>
    storeFileBody(params.id, inStore(params)),
  );

  server.post<ByFile>('/v1/vector_stores/:id/files/:file', async ({ params, body }) => {
    const { attributes } = parse(UpdateBody, body);
    const { id } = inStore(params);
    return storeFileBody(params.id, await documents.annotate(id, { metadata: attributes ?? {} }));
  });

  server.delete<ByFile>('/v1/vector_stores/:id/files/:file', async ({ params }) => {
    await files.detach(stores.get(params.id), documentIdOf(params.file));
    return { id: params.file, object: 'vector_store.file.deleted', deleted: true };
  });

  server.get<ByFile>('/v1/vector_stores/:id/files/:file/content', async ({ params }) => {
    const extraction = await documents.text(inStore(params));
    const text = extraction ? joinSections(extraction.sections) : '';
    return {
      object: 'vector_store.file_content.page',
      data: [{ type: 'text', text }],
      has_more: false,
      next_page: null,
    };
  });

  server.post<ById>('/v1/vector_stores/:id/file_batches', async ({ params, body }) => {
    const { file_ids: ids = [], files: listed, attributes } = parse(BatchBody, body);
    const store = stores.get(params.id);
    const wanted = listed ?? ids.map((id) => ({ file_id: id, attributes }));
    for (const one of wanted) files.get(documentIdOf(one.file_id));
    for (const one of wanted)
      await files.attach(store, documentIdOf(one.file_id), one.attributes ?? undefined);
    return shownBatch(
      await stores.addBatch(
        store.id,
        wanted.map((one) => documentIdOf(one.file_id)),
      ),
    );
  });

  server.get<ByBatch>('/v1/vector_stores/:id/file_batches/:batch', ({ params }) =>
    shownBatch(stores.batch(params.id, params.batch)),
  );

  /** What is read already stays; what waits is read nevertheless, since it was accepted. */
  server.post<ByBatch>('/v1/vector_stores/:id/file_batches/:batch/cancel', async ({ params }) =>
    shownBatch(await stores.cancelBatch(params.id, params.batch)),
  );

  server.get<ByBatch>('/v1/vector_stores/:id/file_batches/:batch/files', ({ params, query }) => {
    const { limit, after, filter } = parse(FilesQuery, query);
    const all = present(stores.batch(params.id, params.batch)).filter(
      (document) => filter === undefined || stateOf(document) === filter,
    );
    const from = after === undefined ? 0 : all.findIndex(({ id }) => id === documentIdOf(after)) + 1;
    const page = all.slice(from, from + limit + 1);
    return listBody(
      page.map((document) => storeFileBody(params.id, document)),
      limit,
    );
  });

  const shownBatch = (batch: FileBatch) => batchBody(batch, present(batch));

  /** The documents of a batch that are still there. */
  function present({ documents: ids }: FileBatch): LedgerDocument[] {
    return ids.flatMap((id) => files.find(id) ?? []);
  }
}
