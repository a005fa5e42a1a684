import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { createCalibration } from './calibration.ts';
import type { EmbedTurns, Turn } from './embed-turns.ts';
import { prefixesOf } from './embedding-models.ts';
import { TooLongError } from './failures.ts';
import type { EmbedStats, Embedder } from './model-server.ts';
import type { KnownModel } from './model-state.ts';
import { halve, normalize, weightedMean } from './split.ts';

/** One kind of server, as embedding needs it. */
export interface EmbedBackend {
  ready(): KnownModel | undefined;
  /** @throws LimnerError `model_unavailable` or `model_missing` when the model is not ready. */
  require(): KnownModel;
  /** Vectors of any length as the server gives them. Throws `TooLongError` for texts that do not fit. */
  ask(texts: readonly string[], model: KnownModel, signal: AbortSignal): Promise<EmbedAnswer>;
  /** @throws LimnerError `model_answer` when the server now has another model under the name. */
  confirm(model: KnownModel, signal: AbortSignal): Promise<void>;
  callFailed(error: unknown): void;
}

/** Vectors as they came, and the tokens of all texts together if the server counts them. */
export interface EmbedAnswer {
  vectors: readonly (readonly number[])[];
  tokens: number | undefined;
}

/** So that one request stays within its deadline on a machine without a GPU. */
const BATCH = 64;
/** A cut text may count a special token or two less than the limit. */
const SPECIAL_TOKENS = 2;

interface Job {
  model: KnownModel;
  prefix: string;
  signal: AbortSignal;
  /** Waits for the turn of some of the texts. */
  inTurn: <T>(ask: (turn: Turn) => Promise<T>) => Promise<T>;
  /** Counted while the job is done. */
  spent: { tokens: number };
}

/** Vectors of length 1. */
interface Answer {
  vectors: Float32Array[];
  tokens: number | undefined;
}

export function createEmbedder({
  backend,
  turns,
  log,
}: {
  backend: EmbedBackend;
  turns: EmbedTurns;
  log: Log;
}): Embedder {
  const stats: EmbedStats = { calls: 0, texts: 0, tokens: 0, splits: 0, bisections: 0 };
  const calibration = createCalibration();
  const checkDimension = createDimensionCheck();

  async function embedAll(texts: readonly string[], job: Job): Promise<Float32Array[]> {
    const sizes = texts.map((text) => sizeOf(text, job));
    const vectors: Float32Array[] = [];
    for (const group of calibration.group(sizes, job.model.contextTokens, BATCH)) {
      const members = group.map((index) => itemAt(texts, index));
      const made = await embedInTurns(members, job);
      for (const [place, index] of group.entries()) vectors[index] = itemAt(made, place);
    }
    stats.texts += texts.length;
    return vectors;
  }

  /** As many at a time as the turn allows; what a turn was ended in is asked again. */
  async function embedInTurns(texts: readonly string[], job: Job): Promise<Float32Array[]> {
    const vectors: Float32Array[] = [];
    while (vectors.length < texts.length) {
      const made = await job.inTurn(({ texts: most, signal }) =>
        embedGroup(texts.slice(vectors.length, vectors.length + most), { ...job, signal }),
      );
      vectors.push(...made);
    }
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
      const input = texts.map((text) => job.prefix + text);
      const { vectors: came, tokens } = await backend.ask(input, job.model, job.signal);
      const vectors = came.map(toVector);
      checkCount(vectors.length, texts.length);
      checkDimension(vectors, job.model);
      stats.calls += 1;
      stats.tokens += tokens ?? 0;
      job.spent.tokens += tokens ?? 0;
      return { vectors, tokens };
    } catch (error) {
      if (error instanceof TooLongError) return undefined;
      backend.callFailed(error);
      throw error;
    }
  }

  return {
    ready: () => {
      const model = backend.ready();
      return model && { identity: model.identity, contextTokens: model.contextTokens };
    },
    documents: async (texts, signal) => {
      const model = backend.require();
      if (texts.length === 0) return [];
      const inTurn: Job['inTurn'] = (ask) => turns.documents(signal, ask);
      const prefix = prefixesOf(model.name).document;
      const vectors = await embedAll(texts, { model, prefix, signal, inTurn, spent: { tokens: 0 } });
      await backend.confirm(model, signal);
      return vectors;
    },
    query: async (text, signal) => {
      const model = backend.require();
      const prefix = prefixesOf(model.name).query;
      const inTurn: Job['inTurn'] = (ask) => turns.question(() => ask({ texts: Infinity, signal }));
      return itemAt(await embedAll([text], { model, prefix, signal, inTurn, spent: { tokens: 0 } }), 0);
    },
    plain: async (texts, signal) => {
      const inTurn: Job['inTurn'] = (ask) => ask({ texts: Infinity, signal });
      const job = { model: backend.require(), prefix: '', signal, inTurn, spent: { tokens: 0 } };
      return { vectors: await embedAll(texts, job), tokens: job.spent.tokens };
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
  return new LimnerError('model_answer', `The model's embeddings cannot be used: ${what}.`);
}

function tooLong(text: string, { model }: Job): LimnerError {
  return new LimnerError(
    'input_too_long',
    `The model ${model.identity} refuses a text of ${text.length} characters that cannot be cut further.`,
  );
}
