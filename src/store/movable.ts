import type { DocumentFields } from '../document.ts';
import type { Database } from '../sqlite.ts';
import type { QdrantStore } from './qdrant.ts';
import { keyOfText } from './qdrant-point.ts';
import type { Store } from './store.ts';
import { toVector } from './similarities.ts';

/** A store with what the port has no need of, and a copy has. */
export interface Movable {
  store: Store;
  /** Every document that has chunks, in any order. */
  documents(): AsyncIterable<DocumentFields>;
  /** Models that vectors are kept of. */
  models(): string[];
  /** The vectors of these embedded texts, in their order; undefined where one has none. */
  vectorsOf(model: string, texts: readonly string[]): Promise<(Float32Array | undefined)[]>;
}

const PAGE = 500;

export function movableEmbedded(store: Store, { read }: Database): Movable {
  const vectorOf = (model: string, text: string): Float32Array | undefined => {
    const row = read.get<{ data: Uint8Array }>(
      'select data from vector where embedding_key = ? and model = ?',
      Buffer.from(keyOfText(text), 'base64url'),
      model,
    );
    return row && toVector(row.data);
  };
  return {
    store,
    async *documents() {
      for (let after = ''; ;) {
        const page = read.all<DocumentFields>(
          `select document_id as id, uri, title, collection from entry e
           where document_id > ? and exists (select 1 from chunk c where c.document_id = e.document_id)
           order by document_id limit ?`,
          after,
          PAGE,
        );
        yield* page.map((one) => ({ ...one }));
        const last = page.at(-1);
        if (!last) return;
        after = last.id;
      }
    },
    models: () =>
      read
        .all<{ model: string }>('select distinct model from vector order by model')
        .map(({ model }) => model),
    vectorsOf: (model, texts) => Promise.resolve(texts.map((text) => vectorOf(model, text))),
  };
}

export function movableQdrant(store: QdrantStore): Movable {
  return { store, documents: store.documents, models: store.models, vectorsOf: store.vectorsOf };
}
