import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '../sqlite.ts';
import { createMeaningIndex, type MeaningIndex } from './meaning-index.ts';
import type { Unembedded } from './store.ts';
import { firstUnembedded, putVectors, switchRows, toVector, unembeddedBeside } from './vector-rows.ts';

/** The vectors of the model in force: their rows are the truth, an index in memory answers, loaded when first asked. */
export interface Meanings {
  /** The model whose vectors are in force; undefined before the first was named. */
  model(): string | undefined;
  /** Puts another model in force, whose vectors are there. */
  use(model: string): Promise<void>;
  /** The index of `model`; undefined when it has no vectors or another model is in force. */
  index(model: string): Promise<MeaningIndex | undefined>;
  unembedded(model: string, limit: number, except: ReadonlySet<string>): Promise<Unembedded[]>;
  put(model: string, vectors: readonly { chunkId: string; vector: Float32Array }[]): Promise<void>;
  /** Brings the index in line after a document's rows changed: `removed` chunks go, those it has now are in. */
  follow(documentId: string, removed: readonly number[]): void;
}

interface VectorRow {
  id: number;
  document_id: string;
  collection: string;
  data: Uint8Array;
}

/** Rows read between two turns of the event loop while the index is loaded. */
const LOAD_PAGE = 500;

const VECTOR_ROWS = `select c.id, c.document_id, c.collection, v.data from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = c.model where c.model = ?`;

export function createMeanings(database: Database): Meanings {
  const { read } = database;
  let model = read.get<{ model: string }>(
    'select model from chunk where model is not null and exists (select 1 from vector) limit 1',
  )?.model;
  let index: MeaningIndex | undefined;
  let loading: Promise<void> | undefined;
  let switching: Promise<void> = Promise.resolve();
  /** How far the chunks were looked through for those without a vector of a model that is not in force. */
  let beside = { model: '', after: 0 };

  function forgetIndex(): void {
    index = undefined;
    loading = undefined;
  }

  /** Makes `next` the model in force: chunks whose text it has embedded before have their vectors at once. */
  async function use(next: string): Promise<void> {
    if (next !== model) {
      model = next;
      forgetIndex();
      switching = switchTo(next);
    }
    try {
      await switching;
    } catch (error) {
      if (model === next) model = undefined;
      throw error;
    }
  }

  /** What a search loads in the middle lacks the vectors that come back at the end. */
  async function switchTo(next: string): Promise<void> {
    await database.write((connection) => switchRows(connection, next));
    if (model === next) forgetIndex();
  }

  function add(row: VectorRow): void {
    const vector = toVector(row.data);
    index ??= createMeaningIndex(vector.length);
    index.add(row, vector);
  }

  /** A page is read and added in one turn, so that nothing can change between the two. */
  async function load(wanted: string): Promise<void> {
    for (let after = 0; model === wanted; await nextTurn()) {
      const rows = read.all<VectorRow>(
        `${VECTOR_ROWS} and c.id > ? order by c.id limit ?`,
        wanted,
        after,
        LOAD_PAGE,
      );
      rows.forEach(add);
      const last = rows.at(-1);
      if (!last) return;
      after = last.id;
    }
  }

  /** A model that nobody asks any more, or that has no vectors, gives way at once; else the next is built beside it. */
  const hasVectors = (): boolean =>
    model !== undefined && read.get('select 1 from chunk where model = ? limit 1', model) !== undefined;

  /** Goes through the chunks in their order; from the beginning again before it says that none is left. */
  function nextBeside(wanted: string, limit: number, except: ReadonlySet<string>): Unembedded[] {
    if (beside.model !== wanted) beside = { model: wanted, after: 0 };
    const found = unembeddedBeside(read, wanted, beside.after, limit + except.size);
    beside.after = found.length > 0 ? Number(found.at(-1)?.chunkId) : 0;
    const left = found.length > 0 ? found : unembeddedBeside(read, wanted, 0, limit + except.size);
    return left.filter(({ chunkId }) => !except.has(chunkId)).slice(0, limit);
  }

  return {
    model: () => model,
    use,
    async index(wanted) {
      if (wanted !== model) return undefined;
      try {
        await (loading ??= load(wanted));
      } catch (error) {
        forgetIndex();
        throw error;
      }
      return wanted === model ? index : undefined;
    },
    async unembedded(wanted, limit, except) {
      if (wanted !== model && hasVectors()) return nextBeside(wanted, limit, except);
      await use(wanted);
      // The model is there, so questions will come: the first should not wait until all vectors are read.
      (loading ??= load(wanted)).catch(forgetIndex);
      return firstUnembedded(read, limit, except);
    },
    async put(wanted, vectors) {
      const inForce = wanted === model;
      await database.write((connection) => putVectors(connection, wanted, vectors, inForce));
      if (!inForce || !loading || wanted !== model) return;
      for (const { chunkId } of vectors)
        read.all<VectorRow>(`${VECTOR_ROWS} and c.id = ?`, wanted, Number(chunkId)).forEach(add);
    },
    follow(documentId, removed) {
      if (!loading || model === undefined) return;
      for (const id of removed) index?.vectors.remove(id);
      read.all<VectorRow>(`${VECTOR_ROWS} and c.document_id = ?`, model, documentId).forEach(add);
    },
  };
}
