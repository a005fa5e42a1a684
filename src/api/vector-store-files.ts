import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { joinSections } from '../document.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { Documents } from '../ingest/documents.ts';
import { Metadata } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { VectorStores } from '../ingest/vector-stores.ts';
import { fileAfter } from './cursor.ts';
import { parse } from './failure.ts';
import { documentIdOf } from './file-ids.ts';
import { listBody, stateOf, storeFileBody } from './file-shapes.ts';
import { ListQuery } from './vector-stores.ts';

export interface VectorStoreFileRoutes {
  documents: Documents;
  stores: VectorStores;
  files: StoreFiles;
}

export const AddBody = z.looseObject({ file_id: z.string().min(1), attributes: Metadata.nullish() });
export const UpdateBody = z.looseObject({ attributes: Metadata.nullable() });
export const FilesQuery = ListQuery.extend({
  filter: z.enum(['in_progress', 'completed', 'failed', 'cancelled']).optional(),
});
interface ById {
  Params: { id: string };
}
interface ByFile {
  Params: { id: string; file: string };
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
    const fits = (document: LedgerDocument): boolean => filter === undefined || stateOf(document) === filter;
    const found = files.list({ collection, ...fileAfter(files, after), limit: limit + 1 }, fits);
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
}
