import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Retrieve } from '../ask/retrieve.ts';
import type { Passage } from '../document.ts';
import { Filter } from '../ingest/filter.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import type { VectorStore, VectorStores } from '../ingest/vector-stores.ts';
import { countBefore } from './cursor.ts';
import { inTheirWords, parse } from './failure.ts';
import { documentIdOf } from './file-ids.ts';
import { hitBody, listBody, storeBody } from './file-shapes.ts';
import { signalOf } from './sse.ts';

export interface VectorStoreRoutes {
  stores: VectorStores;
  files: StoreFiles;
  retrieve: Retrieve;
  matching: (filter: Filter) => string[];
}

const Metadata = z.record(z.string().max(64), z.string().max(512));
export const CreateBody = z.looseObject({
  name: z.string().max(256).nullish(),
  file_ids: z.array(z.string()).max(500).nullish(),
  metadata: Metadata.nullish(),
});
export const UpdateBody = z.looseObject({
  name: z.string().max(256).nullish(),
  metadata: Metadata.nullish(),
});
export const ListQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  after: z.string().optional(),
});
const Query = z.string().max(100_000);
export const SearchBody = z.looseObject({
  query: z.union([Query, z.array(Query).min(1).max(10)]),
  filters: Filter.nullish(),
  max_num_results: z.number().int().min(1).max(50).default(10),
  ranking_options: z.looseObject({ score_threshold: z.number().min(0).max(1).optional() }).nullish(),
});

interface ById {
  Params: { id: string };
}

/** A store is a collection: `limner/<its collection>` asks it. */
export function vectorStoreRoutes(server: FastifyInstance, parts: VectorStoreRoutes): void {
  const { stores, files, retrieve, matching } = parts;
  const shown = (store: VectorStore) => storeBody(store, files.tally(store));

  server.post('/v1/vector_stores', async ({ body }) => {
    const { name, metadata, file_ids: ids } = parse(CreateBody, body ?? {});
    // A file that cannot be put in is told before there is a store.
    for (const id of ids ?? []) files.checkFree(undefined, documentIdOf(id));
    const store = await stores.create({ ...(name && { name }), ...(metadata && { metadata }) });
    for (const id of ids ?? []) await files.attach(store, documentIdOf(id));
    return shown(store);
  });

  server.get('/v1/vector_stores', ({ query }) => {
    const { limit, after } = parse(ListQuery, query);
    const all = stores.list();
    const from = countBefore(
      all.map(({ id }) => id),
      after,
    );
    return listBody(all.slice(from, from + limit + 1).map(shown), limit);
  });

  server.get<ById>('/v1/vector_stores/:id', ({ params }) => shown(stores.get(params.id)));

  server.post<ById>('/v1/vector_stores/:id', async ({ params, body }) => {
    const { name, metadata } = parse(UpdateBody, body);
    const change = { ...(name != null && { name }), ...(metadata && { metadata }) };
    return shown(await stores.update(params.id, change));
  });

  server.delete<ById>('/v1/vector_stores/:id', async ({ params }) => {
    await files.removeStore(params.id);
    return { id: params.id, object: 'vector_store.deleted', deleted: true };
  });

  server.post<ById>('/v1/vector_stores/:id/search', async (request, reply) => {
    const body = parse(SearchBody, request.body);
    const { collection } = stores.get(request.params.id);
    const { filters } = body;
    const about = {
      collection,
      ...(filters && { documents: await inTheirWords({ filter: 'filters' }, () => matching(filters)) }),
    };
    const queries = [body.query].flat();
    const signal = signalOf(request, reply);
    const found = await Promise.all(
      queries.map((text) => retrieve({ ...about, text, limit: body.max_num_results }, signal)),
    );
    const least = body.ranking_options?.score_threshold ?? 0;
    const passages = best(found.flatMap((one) => one.passages)).filter(({ score }) => score >= least);
    const data = passages
      .slice(0, body.max_num_results)
      // It may have been taken away since it was found.
      .map((passage) => hitBody(passage, files.find(passage.document.id)?.metadata ?? {}));
    return {
      object: 'vector_store.search_results.page',
      search_query: queries,
      data,
      has_more: false,
      next_page: null,
    };
  });
}

/** Of several queries a passage has its best score. */
function best(passages: readonly Passage[]): Passage[] {
  const known = new Map<string, Passage>();
  for (const passage of passages.toSorted((one, other) => other.score - one.score)) {
    const key = `${passage.document.id}/${passage.ordinal}`;
    if (!known.has(key)) known.set(key, passage);
  }
  return [...known.values()];
}
