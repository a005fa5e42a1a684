import { once } from 'node:events';
import { LimnerError } from '../errors.ts';
import type { Catalogue, LedgerDocument } from './catalogue.ts';
import type { Documents } from './documents.ts';
import type { Metadata } from './filter.ts';
import { UNSORTED_COLLECTION, type VectorStore, type VectorStores } from './vector-stores.ts';

/** How long who takes a document away waits until it is gone, ms. */
const GONE_MS = 10_000;
const PAGE = 500;

export interface StoreFilesParts {
  documents: Documents;
  catalogue: Pick<Catalogue, 'changes' | 'get' | 'tally'>;
  stores: VectorStores;
}

export type StoreFiles = ReturnType<typeof createStoreFiles>;

/** Documents as files of vector stores: a file is in one store, which is its document's collection, or in none. */
export function createStoreFiles({ documents, catalogue, stores }: StoreFilesParts) {
  function find(id: string): LedgerDocument | undefined {
    const document = catalogue.get(id);
    return document?.state === 'gone' ? undefined : document;
  }

  /** @throws LimnerError `not_found` for what is gone as well. */
  function get(id: string): LedgerDocument {
    const document = find(id);
    if (document) return document;
    throw new LimnerError('not_found', `There is no file file-${id}.`, { param: 'file_id' });
  }

  function inStore(store: VectorStore, id: string): LedgerDocument {
    const document = get(id);
    if (document.collection === store.collection) return document;
    throw new LimnerError('not_found', `The file file-${id} is not in this vector store.`, {
      param: 'file_id',
    });
  }

  /** Documents in the order of their ids that fit, up to `limit`. */
  function list(
    { collection, after, limit }: { collection?: string; after?: string; limit: number },
    fits: (document: LedgerDocument) => boolean,
  ): LedgerDocument[] {
    const found: LedgerDocument[] = [];
    for (let from = after ?? ''; ;) {
      const page = documents.list({
        ...(collection !== undefined && { collection }),
        after: from,
        limit: PAGE,
      });
      found.push(...page.filter((document) => document.state !== 'gone' && fits(document)));
      const last = page.at(-1);
      if (found.length >= limit || page.length < PAGE || !last) return found.slice(0, limit);
      from = last.id;
    }
  }

  /** Throws what hinders that the file is put into the store, or into one that is not made yet. */
  function checkFree(store: VectorStore | undefined, id: string): void {
    const { collection } = get(id);
    if (collection === store?.collection || collection === UNSORTED_COLLECTION) return;
    throw new LimnerError(
      'conflict',
      `The file is in another vector store (${collection}), and a file can be in one.`,
      { param: 'file_id' },
    );
  }

  async function attach(store: VectorStore, id: string, attributes?: Metadata): Promise<LedgerDocument> {
    checkFree(store, id);
    if (attributes) await documents.annotate(id, { metadata: attributes });
    return documents.move(id, store.collection);
  }

  async function remove(id: string): Promise<void> {
    get(id);
    await documents.remove(id);
    await untilGone(id);
  }

  /**
   * Resolves after a while in any case: what was taken away goes as soon as its turn comes. The ledger is asked and not the
   * event, since several changes may be told in one go.
   */
  async function untilGone(id: string): Promise<void> {
    const patience = AbortSignal.timeout(GONE_MS);
    try {
      while (find(id)) await once(catalogue.changes, 'change', { signal: patience });
    } catch (error) {
      if (!patience.aborted) throw error;
    }
  }

  return {
    find,
    /** What is gone has its place in lists still. */
    known: (id: string): LedgerDocument | undefined => catalogue.get(id),
    get,
    inStore,
    list,
    checkFree,
    attach,
    remove,
    tally: (store: VectorStore) => catalogue.tally(store.collection),
    /** Out of the store; the file itself stays. */
    async detach(store: VectorStore, id: string): Promise<void> {
      inStore(store, id);
      await documents.move(id, UNSORTED_COLLECTION);
    },
    /** The store goes, its files stay. A folder of the inbox is its owner's. */
    async removeStore(id: string): Promise<void> {
      const store = stores.get(id);
      const { collection } = store;
      if (list({ collection, limit: 1 }, ({ source }) => source === 'inbox').length > 0)
        throw new LimnerError('conflict', `${store.name} is a folder of the inbox; remove it there.`);
      for (const document of list({ collection, limit: Infinity }, () => true))
        await documents.move(document.id, UNSORTED_COLLECTION);
      await stores.remove(id);
    },
  };
}
