import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import { Metadata } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { FileBatch, VectorStores } from '../ingest/vector-stores.ts';
import { countBefore } from './cursor.ts';
import { parse } from './failure.ts';
import { documentIdOf } from './file-ids.ts';
import { batchBody, listBody, stateOf, storeFileBody } from './file-shapes.ts';
import { AddBody, FilesQuery } from './vector-store-files.ts';

export const BatchBody = z
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
interface ByBatch {
  Params: { id: string; batch: string };
}

/** Several files are put into a store at once. */
export function vectorStoreBatchRoutes(
  server: FastifyInstance,
  { stores, files }: { stores: VectorStores; files: StoreFiles },
): void {
  server.post<ById>('/v1/vector_stores/:id/file_batches', async ({ params, body }) => {
    const { file_ids: ids = [], files: listed, attributes } = parse(BatchBody, body);
    const store = stores.get(params.id);
    const wanted = listed ?? ids.map((id) => ({ file_id: id, attributes }));
    for (const one of wanted) files.checkFree(store, documentIdOf(one.file_id));
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
    const { documents: ids } = stores.batch(params.id, params.batch);
    const from = countBefore(ids, after && documentIdOf(after));
    const rest = present(ids.slice(from)).filter(
      (document) => filter === undefined || stateOf(document) === filter,
    );
    return listBody(
      rest.slice(0, limit + 1).map((document) => storeFileBody(params.id, document)),
      limit,
    );
  });

  const shownBatch = (batch: FileBatch) => batchBody(batch, present(batch.documents));

  /** The documents of a batch that are still there. */
  function present(ids: readonly string[]): LedgerDocument[] {
    return ids.flatMap((id) => files.find(id) ?? []);
  }
}
