import { z } from 'zod';
import { callOnce } from './call.ts';
import type { EmbedBackend } from './embed.ts';
import type { OllamaHost } from './host.ts';
import type { Timeouts } from './model-state.ts';
import type { Watch } from './watch.ts';

const EmbedAnswer = z.object({
  embeddings: z.array(z.array(z.number()).min(1)),
  prompt_eval_count: z.int().nonnegative().optional(),
});

/** Ollama's `/api/embed`. */
export function createOllamaEmbedding(parts: {
  host: OllamaHost;
  watch: Watch;
  timeouts: Timeouts;
}): EmbedBackend {
  const { host, watch, timeouts } = parts;
  return {
    ready: () => watch.state.ready('embed'),
    require: () => watch.state.require('embed'),
    /** Always the same `num_ctx`: another one makes Ollama load the model anew. */
    ask: (texts, model, signal) =>
      callOnce(host, { total: timeouts.embed }, [signal, watch.closing], async (ollama) => {
        const options = { num_ctx: model.contextTokens };
        const request = { model: model.name, input: [...texts], truncate: false, options };
        const answer = EmbedAnswer.parse(await ollama.embed(request));
        return { vectors: answer.embeddings, tokens: answer.prompt_eval_count };
      }),
    confirm: (model, signal) => watch.confirm('embed', model, signal),
    callFailed: watch.callFailed,
  };
}
