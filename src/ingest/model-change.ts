import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import type { Store } from '../store/store.ts';

/** What turns questions into vectors, by one model. */
export interface QuestionEmbedder {
  /** The model, by the name its vectors are kept under; undefined while it cannot be asked. */
  ready(): { identity: string } | undefined;
  query(text: string, signal: AbortSignal): Promise<Float32Array>;
}

export interface ModelChangeParts {
  database: Database;
  store: Pick<Store, 'model' | 'use' | 'totals' | 'prune'>;
  /** The model of the settings. */
  wanted: QuestionEmbedder;
  /** The model that was in force at the start, where it is another one. */
  former: QuestionEmbedder | undefined;
  /** How well the model in force answers the golden questions, 0 to 1; undefined when there are none. */
  score: (signal: AbortSignal) => Promise<number | undefined>;
  /** Something else is to be embedded now: what came while the model was not in force. */
  wake: () => void;
  /** Every document's number of vectors is another after a change. */
  recount: () => Promise<void>;
  log: Log;
}

/** Which model's vectors answer, and what is built beside them. */
export interface IndexState {
  model: string | null;
  /** The one before; it is kept, so that one can go back to it. */
  previous: string | null;
  /** Somebody went back to `model`, so that the model of the settings does not come into force by itself. */
  held: boolean;
  building: { model: string; vectors: number; chunks: number } | null;
  /** Scores of the golden questions before and after the last change that was measured, 0 to 1. */
  compared: Comparison | null;
}

interface Comparison {
  from: string;
  to: string;
  before: number;
  after: number;
}

/** A new model that answers the golden questions worse by more than this is left again, until somebody insists. */
const WORSE = 0.05;

const SCORE_MS = 600_000;

const SCHEMA = [
  `create table index_model(
     id integer primary key check (id = 1), previous text, held text
   );
   insert into index_model(id) values (1);`,
];

/** The model before the one in force; null when there was none. */
export function previousModel(database: Database): string | null {
  database.migrate('index-model', SCHEMA);
  return database.read.get<{ previous: string | null }>('select previous from index_model')?.previous ?? null;
}

/**
 * A change of the embedding model: the vectors of the new one are built beside those in force, which answer meanwhile;
 * when none lacks, the new one comes into force in one step. The one before is kept until the next change.
 */
export function createModelChange(parts: ModelChangeParts) {
  const { database, store, log } = parts;
  database.migrate('index-model', SCHEMA);
  let kept = database.read.get<{ previous: string | null; held: string | null }>(
    'select previous, held from index_model',
  ) ?? { previous: null, held: null };

  let compared: Comparison | null = null;
  /** Somebody wants this model whatever the golden questions say. */
  let insisted: string | undefined;

  const score = (): Promise<number | undefined> => parts.score(AbortSignal.timeout(SCORE_MS));

  async function keep(next: typeof kept): Promise<void> {
    await database.write((connection) =>
      connection.run('update index_model set previous = ?, held = ?', next.previous, next.held),
    );
    kept = next;
  }

  /** What is written down first may be undone by a crash: then the next start finds both models and switches again. */
  async function change(to: string, held: string | null): Promise<void> {
    const from = store.model() ?? null;
    await keep({ previous: from, held });
    await store.use(to);
    await parts.recount();
    parts.wake();
    log.info({ from, to }, 'another embedding model is in force');
  }

  return {
    /** Asks the model whose vectors are in force. */
    embedder: {
      ready: () => inForce()?.ready(),
      query: (text: string, signal: AbortSignal) => {
        const embedder = inForce();
        if (!embedder) throw new LimnerError('model_missing', 'The model that made the index is not there.');
        return embedder.query(text, signal);
      },
    } satisfies QuestionEmbedder,

    /** Every chunk has a vector of `model`, as far as it can have one. */
    async complete(model: string): Promise<void> {
      const from = store.model();
      if (model === from || from === undefined || kept.held !== null) return;
      if (insisted === model) return change(model, null);
      const before = await score();
      await change(model, null);
      const after = before === undefined ? undefined : await score();
      if (before === undefined || after === undefined) return;
      compared = { from, to: model, before, after };
      log.info(compared, 'the golden questions were asked before and after the change');
      if (after >= before - WORSE) return;
      log.warn(compared, 'the new model answers the golden questions worse, so that the old one is back');
      await change(from, from);
    },

    /** Puts the model before this one in force again, and leaves it there. */
    async back(): Promise<void> {
      const { previous } = kept;
      if (previous === null)
        throw new LimnerError('conflict', 'There is no earlier embedding model to go back to.');
      await change(previous, previous);
    },

    /** Lets the model of the settings come into force again. */
    async forward(): Promise<void> {
      if (kept.held === null)
        throw new LimnerError('conflict', 'The model of the settings is in force already.');
      await keep({ ...kept, held: null });
      insisted = parts.wanted.ready()?.identity;
      parts.wake();
    },

    /** The models whose vectors are needed besides those in force. */
    needed: (): string[] => [kept.previous, parts.wanted.ready()?.identity].flatMap((model) => model ?? []),

    async state(): Promise<IndexState> {
      const model = store.model() ?? null;
      const wanted = parts.wanted.ready()?.identity;
      const building =
        wanted === undefined || wanted === model ? null : { model: wanted, ...(await store.totals(wanted)) };
      return { model, previous: kept.previous, held: kept.held !== null, building, compared };
    },
  };

  function inForce(): QuestionEmbedder | undefined {
    const model = store.model();
    // Before there are vectors of any model, the one of the settings will have the first.
    if (model === undefined) return parts.wanted;
    return [parts.wanted, parts.former].find((one) => one?.ready()?.identity === model);
  }
}

/** The name of a model, as servers know it, of the identity its vectors are kept under. */
export function nameOfModel(identity: string): string {
  const at = identity.lastIndexOf('@');
  return at === -1 ? identity : identity.slice(0, at);
}
