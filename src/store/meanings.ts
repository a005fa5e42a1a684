import type { Database } from '../sqlite.ts';
import { writeThrough, type LiveIndex } from './live-index.ts';
import type { Unembedded } from './store.ts';
import { firstUnembedded, putVectors, switchRows, unembeddedBeside } from './vector-rows.ts';

/** The vectors of the model in force: their rows are the truth, the index in memory answers. */
export interface Meanings {
  /** The model whose vectors are in force; undefined before the first was named. */
  model(): string | undefined;
  /** Puts another model in force, whose vectors are there. */
  use(model: string): Promise<void>;
  /** Whether `model` is in force, its vectors in the index; resolves when they are. */
  open(model: string): Promise<boolean>;
  unembedded(model: string, limit: number, except: ReadonlySet<string>): Promise<Unembedded[]>;
  put(model: string, vectors: readonly { chunkId: string; vector: Float32Array }[]): Promise<void>;
}

export function createMeanings(database: Database, index: LiveIndex): Meanings {
  const { read } = database;
  let model = read.get<{ model: string }>(
    'select model from chunk where model is not null and exists (select 1 from vector) limit 1',
  )?.model;
  let switching: Promise<void> = Promise.resolve();
  /** How far the chunks were looked through for those without a vector of a model that is not in force. */
  let beside = { model: '', after: 0 };

  /** Makes `next` the model in force: chunks whose text it has embedded before have their vectors at once. */
  async function use(next: string): Promise<void> {
    if (next !== model) {
      model = next;
      index.forgetVectors();
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
    if (model === next) index.forgetVectors();
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

  async function open(wanted: string): Promise<boolean> {
    if (wanted !== model) return false;
    await index.openVectors(wanted);
    return wanted === model;
  }

  return {
    model: () => model,
    use,
    open,
    async unembedded(wanted, limit, except) {
      if (wanted !== model && hasVectors()) return nextBeside(wanted, limit, except);
      await use(wanted);
      // The model is there, so questions will come: the first should not wait until all vectors are read. A failure
      // is met again by the question.
      open(wanted).catch(() => undefined);
      return firstUnembedded(read, limit, except);
    },
    async put(wanted, vectors) {
      const inForce = wanted === model;
      await writeThrough(
        database,
        (connection) => putVectors(connection, wanted, vectors, inForce),
        async (put) => {
          if (inForce && index.model() === wanted) await index.publish({ vectors: put });
        },
      );
    },
  };
}
