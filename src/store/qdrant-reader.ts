import { z } from 'zod';
import type { Chunk, DocumentFields } from '../document.ts';
import { vectorName } from './qdrant-collection.ts';
import { Stored, toChunk, toDocument } from './qdrant-point.ts';
import { and, LEFT, type Filter } from './qdrant-revisions.ts';
import type { QdrantParts } from './qdrant-vectors.ts';
import type { Counts } from './store.ts';

const PAGE = 1000;
const Page = z.object({
  points: z.array(Stored),
  next_page_offset: z.union([z.string(), z.number()]).nullish(),
});

/** What the collection holds, as far as readers may see it. */
export function createQdrantReader({ server, collection, revisions }: QdrantParts) {
  const { alias } = collection;

  async function* pages(filter: Filter): AsyncGenerator<z.infer<typeof Stored>> {
    for (let offset: string | number | undefined; ;) {
      const asked = { filter, limit: PAGE, ...(offset !== undefined && { offset }) };
      const page = Page.parse(await server.ask((client) => client.scroll(alias, asked)));
      yield* page.points;
      offset = page.next_page_offset ?? undefined;
      if (offset === undefined) return;
    }
  }

  function count(filter: Filter): Promise<number> {
    return revisions.read(async (visible) => {
      const wanted = and(visible, filter);
      return (await server.ask((client) => client.count(alias, { filter: wanted, exact: true }))).count;
    });
  }

  return {
    /** Chunks of a document within `filter`, in their order. */
    chunks(documentId: string, filter: Filter = {}): Promise<Chunk[]> {
      return revisions.read(async (visible) => {
        const found: Chunk[] = [];
        const wanted = and(and(visible, filter), ofDocument(documentId));
        for await (const { payload } of pages(wanted)) found.push(toChunk(payload));
        return found.toSorted((one, other) => one.ordinal - other.ordinal);
      });
    },
    async counts(filter: Filter, model = revisions.model()): Promise<Counts> {
      const has = model !== undefined && collection.size(model) !== undefined;
      const [chunks, vectors] = await Promise.all([
        count(filter),
        has ? count(and(filter, { must: [{ has_vector: vectorName(model) }] })) : 0,
      ]);
      return { chunks, vectors };
    },
    /** Every document that has chunks, when nothing is being written. */
    async *documents(): AsyncGenerator<DocumentFields> {
      const first: Filter = {
        must: [
          { key: 'ordinal', match: { value: 0 } },
          { key: 'revision', range: { gt: LEFT } },
        ],
      };
      const failed = revisions.hidden();
      const filter =
        failed.length === 0 ? first : and(first, { must_not: [{ key: 'revision', match: { any: failed } }] });
      for await (const { payload } of pages(filter)) yield toDocument(payload);
    },
  };
}

export function ofDocument(id: string): Filter {
  return { must: [{ key: 'document_id', match: { value: id } }] };
}
