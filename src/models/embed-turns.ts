import { setTimeout as after } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import { cancelled } from './deadline.ts';

/** Of what a server embeds for documents, how much it is given. */
export interface Turn {
  /** Texts at most. */
  texts: number;
  signal: AbortSignal;
}

/** Questions before documents at one embedding server, whichever of its models they need. */
export interface EmbedTurns {
  /** Begins at once. */
  question<T>(ask: () => Promise<T>): Promise<T>;
  /** Begins when no question is waiting, and again when one came in between. */
  documents<T>(signal: AbortSignal, ask: (turn: Turn) => Promise<T>): Promise<T>;
}

/** While questions come: the next one waits for so many texts at most, a second or less without a GPU. */
const TEXTS_WHILE_ASKED = 8;
/** So long after a question another one is expected. */
const ASKED_MS = 15_000;
/** So long documents wait for questions that do not end. */
const PATIENCE_MS = 2000;
/** Then only the end of a request under way matters. */
const LONG_MS = 60_000;
/** Never told to a caller. */
const OVERTAKEN = new LimnerError('cancelled', 'A question came first.');

/**
 * A server answers its requests in the order in which they came, and while documents are embedded two of theirs are
 * always there: a question would wait for both, which without a GPU is many seconds. So the first question after a while
 * ends them; they are sent again behind it, in small requests and one at a time for as long as questions come.
 */
export function createEmbedTurns({ patienceMs = PATIENCE_MS, askedMs = ASKED_MS } = {}): EmbedTurns {
  const running = new Set<AbortController>();
  let questions = 0;
  let lastAsked = -Infinity;
  let change = Promise.withResolvers<void>();

  const isAsked = (): boolean => questions > 0 || performance.now() - lastAsked < askedMs;

  function changed(): void {
    change.resolve();
    change = Promise.withResolvers();
  }

  /** Waits until documents may go; those that have waited long enough go one at a time beside the questions. */
  async function turn(signal: AbortSignal): Promise<AbortController> {
    const since = performance.now();
    for (;;) {
      if (signal.aborted) throw cancelled(signal.reason);
      const left = patienceMs - (performance.now() - since);
      const isFree = running.size === 0 ? questions === 0 || left <= 0 : !isAsked();
      if (!isFree) {
        await either(change.promise, left > 0 ? left : LONG_MS, signal);
        continue;
      }
      const own = new AbortController();
      running.add(own);
      return own;
    }
  }

  return {
    async question(ask) {
      if (!isAsked()) for (const request of running) request.abort(OVERTAKEN);
      questions++;
      try {
        return await ask();
      } finally {
        questions--;
        lastAsked = performance.now();
        changed();
      }
    },
    async documents(signal, ask) {
      for (;;) {
        const own = await turn(signal);
        try {
          const texts = isAsked() ? TEXTS_WHILE_ASKED : Infinity;
          return await ask({ texts, signal: AbortSignal.any([signal, own.signal]) });
        } catch (error) {
          if (!own.signal.aborted || signal.aborted) throw error;
        } finally {
          running.delete(own);
          changed();
        }
      }
    },
  };
}

/** Whatever comes first; the clock ends with it. */
async function either(event: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  await Promise.race([event, after(ms, undefined, { signal: ended }).catch(() => undefined)]);
  over.abort();
}
