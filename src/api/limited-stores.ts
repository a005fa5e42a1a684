import type { Memory } from '../ask/remembered.ts';
import { LimnerError } from '../errors.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import type { StoreFiles } from '../ingest/store-files.ts';
import { UNSORTED_COLLECTION, type VectorStore, type VectorStores } from '../ingest/vector-stores.ts';
import type { AccessScope } from './access.ts';

/** OpenAI's vector stores, as far as a key of some collections reaches; it makes no new ones. */
export function limitStores(inner: VectorStores, scope: AccessScope): VectorStores {
  function get(id: string): VectorStore {
    const store = inner.get(id);
    if (scope.reaches(store.collection)) return store;
    throw new LimnerError('not_found', `There is no vector store ${id}.`, { param: 'vector_store_id' });
  }

  function inside<A extends unknown[], T>(work: (id: string, ...rest: A) => T) {
    return (id: string, ...rest: A): T => work(get(id).id, ...rest);
  }

  return {
    get,
    list: () => inner.list().filter(({ collection }) => scope.reaches(collection)),
    create(about) {
      if (scope.collections()) throw new LimnerError('forbidden', 'This key makes no new collections.');
      return inner.create(about);
    },
    update: inside(inner.update),
    remove: inside(inner.remove),
    batch: inside(inner.batch),
    addBatch: inside(inner.addBatch),
    cancelBatch: inside(inner.cancelBatch),
  };
}

/** OpenAI's files. What leaves its store lies in `files`, so that a key which empties a store has to reach that too. `stores` are those that the key reaches. */
export function limitFiles(
  inner: StoreFiles,
  stores: Pick<VectorStores, 'get'>,
  scope: AccessScope,
): StoreFiles {
  const reachable = (document: LedgerDocument | undefined): LedgerDocument | undefined =>
    document && scope.reaches(document.collection) ? document : undefined;

  const find: StoreFiles['find'] = (id) => reachable(inner.find(id));

  const get: StoreFiles['get'] = (id) => {
    const document = find(id);
    if (document) return document;
    throw new LimnerError('not_found', `There is no file file-${id}.`, { param: 'file_id' });
  };

  return {
    find,
    known: (id) => reachable(inner.known(id)),
    get,
    inStore: (store, id) => inner.inStore(store, get(id).id),
    list: (about, fits) =>
      inner.list(about, (document) => scope.reaches(document.collection) && fits(document)),
    checkFree: (store, id) => inner.checkFree(store, get(id).id),
    attach: (store, id, attributes) => inner.attach(store, get(id).id, attributes),
    remove: (id) => inner.remove(get(id).id),
    tally: inner.tally,
    detach: async (store, id) => {
      scope.check(UNSORTED_COLLECTION);
      await inner.detach(store, get(id).id);
    },
    removeStore: async (id) => {
      scope.check(UNSORTED_COLLECTION);
      await inner.removeStore(stores.get(id).id);
    },
  };
}

/** Responses that this key made; the others are its owner's, also for who knows their ids. */
export function limitMemory(inner: Memory, scope: AccessScope): Memory {
  const get: Memory['get'] = (id) => {
    const known = inner.get(id);
    return known && (!scope.collections() || known.owner === scope.owner()) ? known : undefined;
  };

  return {
    get,
    // Items are kept without their owner.
    item: (id) => (scope.collections() ? undefined : inner.item(id)),
    keep: (id, remembered) => inner.keep(id, { ...remembered, owner: scope.owner() }),
    forget: async (id) => get(id) !== undefined && inner.forget(id),
  };
}
