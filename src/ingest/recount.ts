import type { Store } from '../store/store.ts';
import type { Catalogue } from './catalogue.ts';

/** Documents looked at between two turns of the event loop. */
const PAGE = 200;

/** Brings the ledger's counts of chunks and vectors in line with what the store really holds. */
export function createRecount({ catalogue, store }: { catalogue: Catalogue; store: Store }) {
  async function one(id: string): Promise<void> {
    const { chunks, vectors } = await store.count(id);
    const known = catalogue.get(id);
    if (!known || (known.chunks === chunks && known.vectors === vectors)) return;
    await catalogue.change(id, (connection) => catalogue.set(connection, id, { chunks, vectors }));
  }

  return {
    /** With `settled`, also documents that wait for vectors: they may share texts with others that got theirs. */
    some: async (ids: ReadonlySet<string>, settled = false): Promise<void> => {
      const behind = settled ? catalogue.lackingVectors() : [];
      await Promise.all([...ids, ...behind].map(one));
    },
    async all(): Promise<void> {
      for (let after = ''; ;) {
        const page = catalogue.list({ after, limit: PAGE });
        await Promise.all(page.map(({ id }) => one(id)));
        const last = page.at(-1);
        if (!last) return;
        after = last.id;
      }
    },
  };
}
