import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { callOnce } from './call.ts';
import { createCalibration } from './calibration.ts';
import { prefixesOf } from './embedding-models.ts';
import { TooLongError } from './failures.ts';
import type { OllamaHost } from './host.ts';
import type { KnownModel, ReadyModel, Timeouts } from './model-state.ts';
import { halve, normalize, weightedMean } from './split.ts';
import type { Watch } from './watch.ts';

/** Makes vectors of texts. Vectors have length 1 (L2), so that their dot product is their cosine. */
export interface Embedder {
  /** The model to remember vectors under; nothing while it cannot be used. */
  ready(): ReadyModel | undefined;
  /**
   * One vector per text, in order, all of one dimension. A text beyond the model's context is embedded in
   * parts and stands as their mean; nothing is cut off.
   * @throws LimnerError `model_unavailable`, `model_missing`, `model_answer`, `input_too_long` (a text that
   * does not fit however small it is cut), `cancelled`.
   */
  documents(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>;
  /** The vector to look for documents with. Fails as `documents` does. */
  query(text: string, signal: AbortSignal): Promise<Float32Array>;
  stats(): EmbedStats;
}

/** Counted since the start. */
export interface EmbedStats {
  /** Requests answered with vectors. */
  calls: number;
  /** Vectors handed out. */
  texts: number;
  /** As the server counts them. */
  tokens: number;
  /** Texts that were cut in two because they did not fit; the parts of a part count too. */
  splits: number;
  /** Batches that were refused for length and sent again as two. */
  bisections: number;
}

export interface EmbedParts {
  host: OllamaHost;
  watch: Watch;
  timeouts: Timeouts;
  log: Log;
}

/** So that one request stays within its deadline on a machine without a GPU. */
const BATCH = 64;
/** A cut text may count a special token or two less than the limit. */
const SPECIAL_TOKENS = 2;

const EmbedAnswer = z.object({
  embeddings: z.array(z.array(z.number()).min(1)),
  prompt_eval_count: z.int().nonnegative().optional(),
});

interface Job {
  model: KnownModel;
  prefix: string;
  signal: AbortSignal;
}

/** Vectors as they came, and the tokens of all texts together if the server counts them. */
interface Answer {
  vectors: Float32Array[];
  tokens: number | undefined;
}

export function createEmbedder({ host, watch, timeouts, log }: EmbedParts): Embedder {
  const stats: EmbedStats = { calls: 0, texts: 0, tokens: 0, splits: 0, bisections: 0 };
  const calibration = createCalibration();
  const checkDimension = createDimensionCheck();

  async function embedAll(texts: readonly string[], job: Job): Promise<Float32Array[]> {
    const sizes = texts.map((text) => sizeOf(text, job));
    const vectors: Float32Array[] = [];
    for (const group of calibration.group(sizes, job.model.contextTokens, BATCH)) {
      const members = group.map((index) => itemAt(texts, index));
      const made = await embedGroup(members, job);
      for (const [place, index] of group.entries()) vectors[index] = itemAt(made, place);
    }
    stats.texts += texts.length;
    return vectors;
  }

  async function embedGroup(texts: readonly string[], job: Job): Promise<Float32Array[]> {
    const answer = await request(texts, job);
    if (answer && !mayBeCut(texts, answer, job)) return answer.vectors;
    if (texts.length === 1) return [await embedInParts(itemAt(texts, 0), job)];
    stats.bisections += 1;
    log.debug({ model: job.model.identity, texts: texts.length }, 'batch too long for the model, halved');
    const middle = Math.ceil(texts.length / 2);
    const first = await embedGroup(texts.slice(0, middle), job);
    return [...first, ...(await embedGroup(texts.slice(middle), job))];
  }

  /** Learns from the count as well, but not from a cut text: it would seem to have few tokens. */
  function mayBeCut(texts: readonly string[], { tokens }: Answer, job: Job): boolean {
    if (tokens === undefined) return false;
    const limit = job.model.contextTokens;
    const sizes = texts.map((text) => sizeOf(text, job));
    if (texts.length === 1 && tokens >= limit - SPECIAL_TOKENS) return true;
    calibration.learn(
      sizes.reduce((sum, size) => sum + size, 0),
      tokens,
    );
    return texts.length > 1 && calibration.doubtful(sizes, tokens, limit);
  }

  async function embedInParts(text: string, job: Job): Promise<Float32Array> {
    const halves = halve(text);
    if (!halves) throw tooLong(text, job);
    stats.splits += 1;
    const about = { model: job.model.identity, characters: text.length };
    log.debug(about, 'text too long for the model, embedded in parts');
    const first = itemAt(await embedGroup([halves[0]], job), 0);
    const second = itemAt(await embedGroup([halves[1]], job), 0);
    const mean = weightedMean([first, halves[0].length], [second, halves[1].length]);
    if (!mean) throw unusable('two parts of a text have opposite vectors');
    return mean;
  }

  /** Nothing when the server refuses the texts for their length. */
  async function request(texts: readonly string[], job: Job): Promise<Answer | undefined> {
    try {
      const answer = await ask(texts, job);
      const vectors = answer.embeddings.map(toVector);
      checkCount(vectors.length, texts.length);
      checkDimension(vectors, job.model);
      stats.calls += 1;
      stats.tokens += answer.prompt_eval_count ?? 0;
      return { vectors, tokens: answer.prompt_eval_count };
    } catch (error) {
      if (error instanceof TooLongError) return undefined;
      watch.callFailed(error);
      throw error;
    }
  }

  /** Always the same `num_ctx`: another one makes Ollama load the model anew. */
  function ask(
    texts: readonly string[],
    { model, prefix, signal }: Job,
  ): Promise<z.infer<typeof EmbedAnswer>> {
    const input = texts.map((text) => prefix + text);
    const options = { num_ctx: model.contextTokens };
    return callOnce(host, { total: timeouts.embed }, [signal, watch.closing], async (ollama) =>
      EmbedAnswer.parse(await ollama.embed({ model: model.name, input, truncate: false, options })),
    );
  }

  return {
    ready: () => {
      const model = watch.state.ready('embed');
      return model && { identity: model.identity, contextTokens: model.contextTokens };
    },
    documents: async (texts, signal) => {
      const model = watch.state.require('embed');
      if (texts.length === 0) return [];
      const vectors = await embedAll(texts, { model, prefix: prefixesOf(model.name).document, signal });
      await watch.confirm('embed', model, signal);
      return vectors;
    },
    query: async (text, signal) => {
      const model = watch.state.require('embed');
      const job = { model, prefix: prefixesOf(model.name).query, signal };
      return itemAt(await embedAll([text], job), 0);
    },
    stats: () => ({ ...stats }),
  };
}

function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} among ${items.length}`);
  return item;
}

function sizeOf(text: string, job: Job): number {
  return Buffer.byteLength(job.prefix) + Buffer.byteLength(text);
}

function toVector(numbers: readonly number[]): Float32Array {
  const vector = normalize(Float32Array.from(numbers));
  if (!vector) throw unusable('a vector is all zeros or not finite');
  return vector;
}

function checkCount(got: number, wanted: number): void {
  if (got !== wanted) throw unusable(`${got} vectors came for ${wanted} texts`);
}

/** Vectors of one model have one dimension, in one answer and from one answer to the next. */
function createDimensionCheck(): (vectors: readonly Float32Array[], model: KnownModel) => void {
  let known: { identity: string; dimension: number } | undefined;
  return (vectors, { identity }) => {
    const dimension = known?.identity === identity ? known.dimension : (vectors[0]?.length ?? 0);
    const other = vectors.find((vector) => vector.length !== dimension);
    if (other) throw unusable(`a vector has ${other.length} dimensions instead of ${dimension}`);
    known = { identity, dimension };
  };
}

function unusable(what: string): LimnerError {
  return new LimnerError('model_answer', `Ollama's embeddings cannot be used: ${what}.`);
}

function tooLong(text: string, { model }: Job): LimnerError {
  return new LimnerError(
    'input_too_long',
    `The model ${model.identity} refuses a text of ${text.length} characters that cannot be cut further.`,
  );
}
