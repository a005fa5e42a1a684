import type { Passage } from '../document.ts';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ScoreTexts } from '../models/rerank.ts';

/** The places of texts, best first; those that it leaves out keep their order behind. */
export type Order = (question: string, texts: readonly string[], signal: AbortSignal) => Promise<number[]>;

export interface RerankOptions {
  /** All of it, in milliseconds. */
  deadlineMs: number;
}

/** Passages that are read again; what stands behind them stays there. */
const MOST = 30;
/** Characters of each: what it is about stands in the beginning. */
const TEXT_CHARACTERS = 1200;

export type Rerank = ReturnType<typeof createRerank>;

/**
 * Puts the best passages into the order of a model that reads question and passage together. When it fails, or is late, the
 * order that was there stands.
 */
export function createRerank({ deadlineMs }: RerankOptions, { order, log }: { order: Order; log: Log }) {
  return async function rerank(
    question: string,
    passages: readonly Passage[],
    signal: AbortSignal,
  ): Promise<Passage[]> {
    if (passages.length < 2 || question.trim() === '') return [...passages];
    const head = passages.slice(0, MOST);
    const since = performance.now();
    try {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
      const places = await order(question, head.map(toText), deadline);
      log.debug({ ms: performance.now() - since, passages: head.length }, 'reranked');
      return [...reordered(head, places), ...passages.slice(MOST)];
    } catch (error) {
      if (signal.aborted || !(error instanceof LimnerError)) throw error;
      const ms = Math.round(performance.now() - since);
      log.warn({ code: error.code, reason: messageOf(error), ms }, 'not reranked');
      return [...passages];
    }
  };
}

/** By the scores of a reranking model. */
export function byScores(score: ScoreTexts): Order {
  return async (question, texts, signal) => {
    const scores = await score(question, texts, signal);
    return texts.map((_, at) => at).sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  };
}

function toText({ document, headings = [], text }: Passage): string {
  return [document.title, ...headings, text].join('\n').slice(0, TEXT_CHARACTERS);
}

/** The scores stay sorted: the n-th passage has the n-th score, whichever it is. */
function reordered(head: readonly Passage[], places: readonly number[]): Passage[] {
  const order = [...new Set([...places.filter((at) => at in head), ...head.keys()])];
  return order.flatMap((at, place) => {
    const passage = head[at];
    return passage ? [{ ...passage, score: head[place]?.score ?? 0, reranked: place + 1 }] : [];
  });
}
