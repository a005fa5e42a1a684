import type { Chunk, DocumentFields } from '../document.ts';
import { reach } from '../points.ts';
import { KEYWORDS, vectorName } from './qdrant-collection.ts';
import { DOCUMENT_FIELDS, keyOf, toPoint } from './qdrant-point.ts';
import { and, LEFT, type Filter } from './qdrant-revisions.ts';
import type { createQdrantVectors, QdrantParts } from './qdrant-vectors.ts';
import type { Counts } from './store.ts';

/** Points in one request: a few megabytes of JSON, and a few milliseconds of this process. */
const BATCH = 64;

/** Writes documents so that readers see one step; docs/decisions/0054-replace-in-qdrant.md. */
export function createQdrantWriter(
  { server, collection, revisions }: QdrantParts,
  vectors: Pick<ReturnType<typeof createQdrantVectors>, 'known'>,
) {
  const { alias } = collection;

  const remove = (filter: Filter): Promise<unknown> =>
    server.ask((client) => client.delete(alias, { filter, wait: true }));

  /** Returns how many have a vector of the model in force. */
  async function writeBatch(
    document: DocumentFields,
    chunks: readonly Chunk[],
    revision: number,
  ): Promise<number> {
    const known = await vectors.known(chunks.map(keyOf));
    const points = chunks.map((chunk) => toPoint(document, chunk, revision, known.get(keyOf(chunk)) ?? {}));
    await server.ask((client) => client.upsert(alias, { points, wait: true }));
    const name = vectorName(revisions.model() ?? '');
    return chunks.filter((chunk) => known.get(keyOf(chunk))?.[name]).length;
  }

  /** Leaves the vectors alone, for a text that comes back; pruning takes them. */
  async function clear(revision: number): Promise<void> {
    await revisions.drained();
    const filter: Filter = { must: [{ key: 'revision', match: { value: revision } }] };
    const bare = collection.vectors().map((name) => ({ has_vector: name }));
    const operations = [
      { delete: { filter: and(filter, { must_not: bare }) } },
      { delete_vectors: { filter, vector: [KEYWORDS] } },
      { delete_payload: { filter, keys: DOCUMENT_FIELDS } },
      { set_payload: { filter, payload: { revision: LEFT } } },
    ];
    await server.ask((client) => client.batchUpdate(alias, { operations, wait: true }));
    await revisions.forget([revision]);
  }

  return {
    /** Makes `chunks` the document's only ones; what they replace is left to `retire`. */
    async write(document: DocumentFields, chunks: readonly Chunk[]): Promise<Counts> {
      const revision = await revisions.begin(document.id);
      let counted = 0;
      try {
        for (let at = 0; at < chunks.length; at += BATCH)
          counted += await writeBatch(document, chunks.slice(at, at + BATCH), revision);
      } catch (error) {
        await revisions.fail(revision);
        throw error;
      }
      reach('storing');
      await revisions.putInForce(document.id, revision, chunks.length);
      return { chunks: chunks.length, vectors: counted };
    },
    /** Takes away what left a document, or every document. */
    async retire(documentId?: string): Promise<void> {
      for (const revision of revisions.leaving(documentId)) await clear(revision);
    },
    /** An older copy of the data folder knows nothing of what was written after it was made. */
    removeUnknown: (): Promise<unknown> =>
      remove({ must: [{ key: 'revision', range: { gt: revisions.last() } }] }),
    /** Vectors that no chunk needs any more, and what writes that failed may have left. */
    async prune(): Promise<void> {
      const failed = revisions.failed();
      await remove({ must: [{ key: 'revision', match: { any: [LEFT, ...failed] } }] });
      await revisions.forget(failed);
    },
  };
}
