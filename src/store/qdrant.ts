import type { DocumentFields } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Database } from '../sqlite.ts';
import { ENGLISH, type Language } from './language.ts';
import { createCollection, vectorName } from './qdrant-collection.ts';
import { keyOfText } from './qdrant-point.ts';
import { createQdrantReader, ofDocument } from './qdrant-reader.ts';
import { createRevisions, LEFT } from './qdrant-revisions.ts';
import { createQdrantSearch } from './qdrant-search.ts';
import { createQdrantServer, type Patience, type QdrantOptions } from './qdrant-server.ts';
import { createQdrantVectors } from './qdrant-vectors.ts';
import { createQdrantWriter } from './qdrant-writer.ts';
import type { Store } from './store.ts';

export type QdrantStore = ReturnType<typeof createQdrantStore>;

/** Chunks and vectors in a Qdrant server; what Qdrant cannot say in one step stands in the service's SQLite file. */
export function createQdrantStore(
  options: QdrantOptions,
  database: Database,
  { patience, language = ENGLISH }: { patience?: Patience; language?: Language } = {},
) {
  const server = createQdrantServer(options, patience);
  const collection = createCollection(options, server);
  const revisions = createRevisions(database);
  const parts = { server, collection, revisions, language };
  const reader = createQdrantReader(parts);
  const vectors = createQdrantVectors(parts);
  const writer = createQdrantWriter(parts, vectors);
  const search = createQdrantSearch(parts);
  const inLine = createLines();
  let connecting: Promise<void> | undefined;
  let isTidied = false;

  /** Looks at the server once; again after it was away, since another one may have come back. */
  function connected(): Promise<void> {
    connecting ??= connect().catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  }

  async function connect(): Promise<void> {
    await collection.open(
      { owner: await revisions.owner(), language: language.code },
      revisions.last() === LEFT,
    );
    if (!isTidied) {
      await revisions.failUnfinished();
      await writer.removeUnknown();
    }
    isTidied = true;
    await writer.retire();
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

  /** What no reader sees any more goes. That it is hidden already is what counts: the server may be away for this. */
  async function retire(documentId: string): Promise<void> {
    try {
      await using(() => writer.retire(documentId));
    } catch (error) {
      if (!(error instanceof LimnerError)) throw error;
    }
  }

  async function rewrite(document: DocumentFields): Promise<void> {
    const chunks = await reader.chunks(document.id);
    if (chunks.length > 0) await writer.write(document, chunks);
  }

  async function putVectors(...[model, list]: Parameters<Store['putVectors']>): Promise<void> {
    await vectors.put(model, list);
    if (!revisions.models().includes(model)) await revisions.keepModels([...revisions.models(), model]);
  }

  async function prune(models: readonly string[]): Promise<void> {
    const kept = new Set([...models, revisions.model() ?? ''].map(vectorName));
    for (const name of collection.vectors()) if (!kept.has(name)) await collection.dropVector(name);
    await revisions.keepModels(revisions.models().filter((model) => kept.has(vectorName(model))));
    await writer.retire();
    await writer.prune();
  }

  const store: Store = {
    replace: (document, chunks) =>
      inLine(document.id, async () => {
        const counts = await using(() => writer.write(document, chunks));
        await retire(document.id);
        return counts;
      }),
    describe: (document) =>
      inLine(document.id, async () => {
        await using(() => rewrite(document));
        await retire(document.id);
      }),
    remove: (documentId) =>
      inLine(documentId, async () => {
        await revisions.leave(documentId);
        await retire(documentId);
      }),
    count: (documentId, model) => using(() => reader.counts(ofDocument(documentId), model)),
    totals: (model) => using(() => reader.counts({}, model)),
    recount: () => using(() => reader.counts({})),
    chunks: (documentId, { offset, limit }) =>
      using(() =>
        reader.chunks(documentId, { must: [{ key: 'ordinal', range: { gte: offset, lt: offset + limit } }] }),
      ),
    model: revisions.model,
    use: (model) => using(async () => void (await revisions.use(model))),
    unembedded: (model, limit, except) =>
      using(async () => {
        const inForce = revisions.model();
        if (inForce !== model && !(await vectors.hasVectors(inForce))) await revisions.use(model);
        return vectors.unembedded(model, limit, except);
      }),
    putVectors: (model, list) => using(() => putVectors(model, list)),
    search: (query, choose) => using(() => search(query, choose)),
    prune: (models) => using(() => prune(models)),
    close: () => Promise.resolve(),
  };

  return {
    ...store,
    address: server.address,
    alias: collection.alias,
    version: collection.version,
    /** Chunks that should be there, as they were written. */
    expected: revisions.expected,
    /** Models that vectors are kept of. */
    models: revisions.models,
    /** Every document that has chunks, when nothing is being written. */
    async *documents(): AsyncGenerator<DocumentFields> {
      await connected();
      yield* reader.documents();
    },
    /** The vectors of these embedded texts, in their order; undefined where one has none. */
    vectorsOf: (model: string, texts: readonly string[]) =>
      using(async () => {
        const known = await vectors.knownOf(model, texts.map(keyOfText));
        return texts.map((text) => known.get(keyOfText(text))).map((one) => one && Float32Array.from(one));
      }),
    /** The collection goes, whatever is wrong with it, and what is known of it. */
    async drop(): Promise<void> {
      await collection.drop(await revisions.owner());
      await revisions.reset();
      connecting = undefined;
      isTidied = false;
    },
  };
}

/** Work on the same document waits for what is under way on it. */
function createLines() {
  const last = new Map<string, Promise<unknown>>();
  return <T>(id: string, work: () => Promise<T>): Promise<T> => {
    const done = (last.get(id) ?? Promise.resolve()).then(work, work);
    const settled = Promise.allSettled([done]);
    last.set(id, settled);
    void settled.then(() => last.get(id) === settled && last.delete(id));
    return done;
  };
}
