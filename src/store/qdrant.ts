import { z } from 'zod';
import type { Chunk, DocumentFields } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { reach } from '../points.ts';
import type { Database } from '../sqlite.ts';
import { createCollection, KEYWORDS, vectorName } from './qdrant-collection.ts';
import { DOCUMENT_FIELDS, keyOf, keyOfText, Stored, toChunk, toDocument, toPoint } from './qdrant-point.ts';
import { and, createRevisions, LEFT, type Filter } from './qdrant-revisions.ts';
import { createQdrantSearch } from './qdrant-search.ts';
import { createQdrantServer, type Patience, type QdrantOptions } from './qdrant-server.ts';
import { createQdrantVectors } from './qdrant-vectors.ts';
import type { Counts, Store } from './store.ts';

/** Points in one request: a few megabytes of JSON, and a few milliseconds of this process. */
const BATCH = 64;
const PAGE = 1000;

const Page = z.object({
  points: z.array(Stored),
  next_page_offset: z.union([z.string(), z.number()]).nullish(),
});

export type QdrantStore = ReturnType<typeof createQdrantStore>;

/** Chunks and vectors in a Qdrant server; what Qdrant cannot say in one step stands in the service's SQLite file. */
export function createQdrantStore(options: QdrantOptions, database: Database, patience?: Patience) {
  const server = createQdrantServer(options, patience);
  const collection = createCollection(options, server);
  const revisions = createRevisions(database);
  const parts = { server, collection, revisions };
  const vectors = createQdrantVectors(parts);
  const search = createQdrantSearch(parts);
  const { alias } = collection;
  const inLine = createLines();
  let connecting: Promise<void> | undefined;
  let isLookedAt = false;
  const unfinished = revisions.failUnfinished();

  /** Looks at the server once; again after it was away, since another one may have come back. */
  function connected(): Promise<void> {
    connecting ??= connect().catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  }

  async function connect(): Promise<void> {
    await unfinished;
    await collection.open(await revisions.owner(), revisions.last() === LEFT);
    // An older copy of the data folder knows nothing of what was written after it was made.
    if (!isLookedAt) await remove({ must: [{ key: 'revision', range: { gt: revisions.last() } }] });
    isLookedAt = true;
    await sweep();
  }

  /** Runs a verb; when the server is away, the next verb looks at it anew. */
  async function using<T>(verb: () => Promise<T>): Promise<T> {
    try {
      await connected();
      return await verb();
    } catch (error) {
      if (error instanceof LimnerError && error.code === 'store_unavailable') connecting = undefined;
      throw error;
    }
  }

  const remove = (filter: Filter): Promise<unknown> =>
    server.ask((client) => client.delete(alias, { filter, wait: true }));

  async function write(document: DocumentFields, chunks: readonly Chunk[]): Promise<Counts> {
    const revision = await revisions.begin(document.id);
    let counted = 0;
    try {
      for (let at = 0; at < chunks.length; at += BATCH)
        counted += await writeBatch(document, chunks.slice(at, at + BATCH), revision);
    } catch (error) {
      await revisions.fail(revision);
      throw error;
    }
    await revisions.putInForce(document.id, revision, chunks.length);
    reach('storing');
    await retire(document.id);
    return { chunks: chunks.length, vectors: counted };
  }

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

  /** What no reader sees any more goes. That it is hidden already is what counts: the server may be away for this. */
  async function retire(documentId: string): Promise<void> {
    try {
      for (const revision of revisions.leaving(documentId)) await clear(revision);
    } catch (error) {
      if (!(error instanceof LimnerError)) throw error;
      connecting = undefined;
    }
  }

  async function sweep(): Promise<void> {
    for (const revision of revisions.leaving()) await clear(revision);
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

  /** All chunks of a document within `filter`, in their order. */
  async function chunksOf(documentId: string, filter: Filter = {}): Promise<Chunk[]> {
    return revisions.read(async (visible) => {
      const found: Chunk[] = [];
      const wanted = and(and(visible, filter), ofDocument(documentId));
      for await (const { payload } of pages(wanted)) found.push(toChunk(payload));
      return found.toSorted((one, other) => one.ordinal - other.ordinal);
    });
  }

  async function* pages(filter: Filter): AsyncGenerator<z.infer<typeof Stored>> {
    for (let offset: string | number | undefined; ;) {
      const page = Page.parse(
        await server.ask((client) =>
          client.scroll(alias, {
            filter,
            limit: PAGE,
            ...(offset !== undefined && { offset }),
            ...(collection.consistency && { consistency: collection.consistency }),
          }),
        ),
      );
      yield* page.points;
      offset = page.next_page_offset ?? undefined;
      if (offset === undefined) return;
    }
  }

  async function counts(filter: Filter, model = revisions.model()): Promise<Counts> {
    const has = model !== undefined && collection.size(model) !== undefined;
    const [chunks, embedded] = await Promise.all([
      vectors.count(filter),
      has ? vectors.count(and(filter, { must: [{ has_vector: vectorName(model) }] })) : 0,
    ]);
    return { chunks, vectors: embedded };
  }

  const store: Store = {
    replace: (document, chunks) => inLine(document.id, () => using(() => write(document, chunks))),
    describe: (document) =>
      inLine(document.id, () =>
        using(async () => {
          const chunks = await chunksOf(document.id);
          if (chunks.length > 0) await write(document, chunks);
        }),
      ),
    remove: (documentId) =>
      inLine(documentId, async () => {
        await revisions.leave(documentId);
        if (revisions.leaving(documentId).length > 0) await retireWhenThere(documentId);
      }),
    count: (documentId, model) => using(() => counts(ofDocument(documentId), model)),
    totals: (model) => using(() => counts({}, model)),
    chunks: (documentId, { offset, limit }) =>
      using(() =>
        chunksOf(documentId, { must: [{ key: 'ordinal', range: { gte: offset, lt: offset + limit } }] }),
      ),
    model: revisions.model,
    use: (model) => using(async () => void (await revisions.use(model))),
    unembedded: (model, limit, except) =>
      using(async () => {
        const inForce = revisions.model();
        if (inForce !== model && !(await vectors.hasVectors(inForce))) await revisions.use(model);
        return vectors.unembedded(model, limit, except);
      }),
    putVectors: (model, list) =>
      using(async () => {
        if (!revisions.models().includes(model)) await revisions.keepModels([...revisions.models(), model]);
        await vectors.put(model, list);
      }),
    search: (query) => using(() => search(query)),
    prune: (models) =>
      using(async () => {
        const kept = new Set([...models, revisions.model() ?? ''].map(vectorName));
        for (const name of collection.vectors()) if (!kept.has(name)) await collection.dropVector(name);
        await revisions.keepModels(revisions.models().filter((model) => kept.has(vectorName(model))));
        await sweep();
        const failed = revisions.failed();
        await remove({ must: [{ key: 'revision', match: { any: [LEFT, ...failed] } }] });
        await revisions.forget(failed);
      }),
    close: () => Promise.resolve(),
  };

  async function retireWhenThere(documentId: string): Promise<void> {
    try {
      await connected();
    } catch (error) {
      if (error instanceof LimnerError) return;
      throw error;
    }
    await retire(documentId);
  }

  return {
    ...store,
    address: server.address,
    alias,
    version: collection.version,
    /** Chunks that should be there, as they were written. */
    expected: revisions.expected,
    connect: () => using(() => Promise.resolve()),
    /** Every document that has chunks. */
    async *documents(): AsyncGenerator<DocumentFields> {
      await connected();
      const filter: Filter = { must: [{ key: 'ordinal', match: { value: 0 } }] };
      for await (const { payload } of pages(
        and({ must: [{ key: 'revision', range: { gt: LEFT } }] }, filter),
      ))
        yield toDocument(payload);
    },
    vectorsOf: async (model: string, texts: readonly string[]): Promise<(Float32Array | undefined)[]> => {
      await connected();
      const known = await vectors.knownOf(model, texts.map(keyOfText));
      return texts.map((text) => {
        const vector = known.get(keyOfText(text));
        return vector && Float32Array.from(vector);
      });
    },
    models: revisions.models,
    /** The collection goes, and what is known of it. */
    drop: () =>
      using(async () => {
        await collection.drop();
        await revisions.reset();
        connecting = undefined;
        isLookedAt = false;
      }),
  };
}

function ofDocument(id: string): Filter {
  return { must: [{ key: 'document_id', match: { value: id } }] };
}

/** Work on the same document waits for what is under way on it. */
function createLines() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const done = (last.get(id) ?? Promise.resolve()).then(work, work);
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    last.set(id, settled);
    void settled.then(() => last.get(id) === settled && last.delete(id));
    return done;
  };
}
