import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { TooLongError } from './failures.ts';
import { createOpenAiCalls, SERVER } from './openai-call.ts';
import { parseOpenAiHost } from './openai-host.ts';

/**
 * How well each text answers the question, in the order of the texts; more is better, and only comparable within one call.
 * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long`, `cancelled`.
 */
export type ScoreTexts = (
  question: string,
  texts: readonly string[],
  signal: AbortSignal,
) => Promise<number[]>;

export interface RerankServer {
  /** Base URL, such as `http://127.0.0.1:8012/v1`. */
  url: string;
  key?: string | undefined;
  model: string;
}

/** The caller's deadline is shorter. */
const TOTAL_MS = 60_000;

const Answer = z.object({
  results: z.array(z.object({ index: z.int().nonnegative(), relevance_score: z.number() })),
});

/**
 * A server of `POST /rerank` as Jina and Cohere have it, and llama.cpp, vLLM, LocalAI and Infinity after them.
 * @throws LimnerError `invalid_config` when `url` is not an address.
 */
export function createRerankServer({ url, key, model }: RerankServer): ScoreTexts {
  const calls = createOpenAiCalls(parseOpenAiHost(url, key));
  return async function scoreTexts(question, texts, signal) {
    const body = { model, query: question, documents: texts, top_n: texts.length, return_documents: false };
    const limits = { total: TOTAL_MS };
    const asked = { path: '/rerank', body, schema: Answer, limits, signals: [signal] };
    const { results } = await calls.once(asked).catch((error: unknown) => {
      if (!(error instanceof TooLongError)) throw error;
      throw new LimnerError('input_too_long', `${SERVER}: ${error.message}.`, { cause: error });
    });
    const scores = new Map(results.map(({ index, relevance_score: score }) => [index, score]));
    return texts.map((_, index) => {
      const score = scores.get(index);
      if (score === undefined)
        throw new LimnerError('model_answer', 'The reranking server left a text without a score.');
      return score;
    });
  };
}
