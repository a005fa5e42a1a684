import type { Chunk, DocumentFields } from '../document.ts';
import { reach } from '../points.ts';
import { DOCUMENT_KEYWORDS, KEYWORDS, vectorName } from './qdrant-collection.ts';
import { countChunk, DOCUMENT_FIELDS, keyOf, sparse, toPoint } from './qdrant-point.ts';
import { and, LEFT, type Filter } from './qdrant-revisions.ts';
import type { createQdrantVectors, QdrantParts } from './qdrant-vectors.ts';
import { addCounts, saturate, type SparseVector, type TermCounts } from './sparse.ts';
import type { Counts } from './store.ts';

/** Points in one request: a few megabytes of JSON, and a few milliseconds of this process. */
const BATCH = 64;

const NOTHING: SparseVector = { indices: [], values: [] };

/** A document while its batches are written: `whole` grows by each chunk. */
interface Writing {
  document: DocumentFields;
  revision: number;
  average: { chunk: number; document: number };
  whole: TermCounts;
}

/** Writes documents so that readers see one step; docs/decisions/0054-replace-in-qdrant.md. */
export function createQdrantWriter(
  { server, collection, revisions, language }: QdrantParts,
  vectors: Pick<ReturnType<typeof createQdrantVectors>, 'known'>,
) {
  const { alias } = collection;

  const remove = (filter: Filter): Promise<unknown> =>
    server.ask((client) => client.delete(alias, { filter, wait: true }));

  /** Returns how many have a vector of the model in force. `whole` is written with the last of them. */
  async function writeBatch(
    { document, revision, average, whole }: Writing,
    chunks: readonly Chunk[],
    isLast: boolean,
  ): Promise<number> {
    const known = await vectors.known(chunks.map(keyOf));
    const points = chunks.map((chunk, at) => {
      const counts = countChunk(document, chunk, language);
      addCounts(whole, counts);
      const parent = isLast && at === chunks.length - 1 ? saturate(whole, average.document) : NOTHING;
      return toPoint(document, chunk, revision, {
        ...known.get(keyOf(chunk)),
        ...sparse(KEYWORDS, saturate(counts, average.chunk)),
        ...sparse(DOCUMENT_KEYWORDS, parent),
      });
    });
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
      { delete_vectors: { filter, vector: [KEYWORDS, DOCUMENT_KEYWORDS] } },
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
      const whole: TermCounts = { counts: new Map(), tokens: 0 };
      const writing = { document, revision, average: revisions.averageTokens(), whole };
      let counted = 0;
      try {
        for (let at = 0; at < chunks.length; at += BATCH)
          counted += await writeBatch(writing, chunks.slice(at, at + BATCH), at + BATCH >= chunks.length);
      } catch (error) {
        await revisions.fail(revision);
        throw error;
      }
      reach('storing');
      await revisions.putInForce(document.id, revision, { chunks: chunks.length, tokens: whole.tokens });
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
