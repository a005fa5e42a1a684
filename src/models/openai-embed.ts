import { z } from 'zod';
import type { EmbedAnswer } from './embed.ts';
import type { Timeouts } from './model-state.ts';
import type { OpenAiCalls } from './openai-call.ts';

const Answer = z.object({
  data: z.array(z.object({ index: z.int().nonnegative(), embedding: z.array(z.number()).min(1) })),
  usage: z.object({ prompt_tokens: z.int().nonnegative().optional() }).nullish(),
});

export type AskVectors = (
  texts: readonly string[],
  model: string,
  signals: readonly AbortSignal[],
) => Promise<EmbedAnswer>;

/** Vectors over `POST /embeddings`, in the order of the texts. Throws `TooLongError` for texts that do not fit. */
export function createAskVectors(calls: OpenAiCalls, timeouts: Timeouts): AskVectors {
  return async (input, model, signals) => {
    // Left out, some servers answer in base64 and some in numbers.
    const body = { model, input, encoding_format: 'float' };
    const limits = { total: timeouts.embed };
    const answer = await calls.once({ path: '/embeddings', body, schema: Answer, limits, signals });
    const inOrder = answer.data.toSorted((one, other) => one.index - other.index);
    return { vectors: inOrder.map(({ embedding }) => embedding), tokens: answer.usage?.prompt_tokens };
  };
}
