import { LimnerError, messageOf } from '../errors.ts';
import { reach } from '../points.ts';
import type { Log } from '../log.ts';
import type { Store, Unembedded } from '../store/store.ts';
import { createWorkLoop } from './work-loop.ts';

/** What turns texts into vectors; `ready` is undefined while there is none. */
export interface DocumentEmbedder {
  ready(): { identity: string } | undefined;
  documents(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]>;
}

export interface EmbedOptions {
  /** Texts in one request. */
  batch: number;
  /** Requests under way at once: while one is answered the next one waits at the server already. */
  width: number;
  /** How long to wait after a failure, ms; doubles up to a minute. */
  firstRetryMs: number;
}

export interface EmbedParts {
  embedder: DocumentEmbedder;
  store: Store;
  /** Called when no chunk is left that could get a vector of the model. */
  onComplete?: (model: string) => Promise<void>;
  /** Called when another model is in force: every document's number of vectors is another. */
  onModel: () => Promise<void>;
  /**
   * Called with the documents that got vectors, after they are stored; with `settled` when nothing waits any more:
   * one vector serves every chunk of the same text, so that others may have got theirs too.
   */
  onEmbedded: (documentIds: ReadonlySet<string>, settled?: boolean) => Promise<void>;
  log: Log;
}

const LONGEST_RETRY_MS = 60_000;

/**
 * Fills in the vectors that the store lacks, in batches across documents, whenever the embedder is there.
 * Documents are searchable by keywords before and without it. A text that alone makes the embedder fail is
 * passed over until the next start and does not hold up the others.
 */
export function createEmbedding(options: EmbedOptions, parts: EmbedParts) {
  const { embedder, store, log } = parts;
  const inFlight = new Set<string>();
  const refused = new Set<string>();
  let lastModel: string | undefined;
  let unsettled = false;
  const loop = createWorkLoop(
    { ...options, longestRetryMs: LONGEST_RETRY_MS },
    { name: 'embedding', step, log },
  );

  async function step(signal: AbortSignal): Promise<boolean> {
    const model = embedder.ready()?.identity;
    if (model === undefined) return false;
    const batch = await claim(model);
    if (batch.length === 0) return settle(model);
    try {
      await embedAndStore(model, batch, signal);
    } finally {
      for (const { chunkId } of batch) inFlight.delete(chunkId);
    }
    return true;
  }

  async function settle(model: string): Promise<false> {
    if (inFlight.size > 0) return false;
    await parts.onComplete?.(model);
    if (!unsettled) return false;
    await parts.onEmbedded(new Set(), true);
    unsettled = false;
    return false;
  }

  let claiming: Promise<unknown> = Promise.resolve();

  /** One at a time, so that no two requests hold the same chunk. */
  function claim(model: string): Promise<Unembedded[]> {
    const claimed = claiming.then(async () => {
      if (model !== lastModel) refused.clear();
      const batch = await store.unembedded(model, options.batch, inFlight.union(refused));
      if (model !== lastModel) await parts.onModel();
      lastModel = model;
      for (const { chunkId } of batch) inFlight.add(chunkId);
      return batch;
    });
    claiming = claimed.catch(() => undefined);
    return claimed;
  }

  async function embedAndStore(
    model: string,
    batch: readonly Unembedded[],
    signal: AbortSignal,
  ): Promise<void> {
    const vectors = await embedOrHalve(batch, signal);
    reach('embedded');
    if (embedder.ready()?.identity !== model) return;
    await store.putVectors(model, vectors);
    reach('vectors stored');
    unsettled = true;
    await parts.onEmbedded(new Set(batch.map(({ documentId }) => documentId)));
  }

  /** An answer that is rubbish may be the fault of one text: it is found by halving, and passed over. */
  async function embedOrHalve(
    batch: readonly Unembedded[],
    signal: AbortSignal,
  ): Promise<{ chunkId: string; vector: Float32Array }[]> {
    try {
      const texts = batch.map(({ text }) => text);
      const vectors = await embedder.documents(texts, signal);
      if (vectors.length !== batch.length)
        throw new LimnerError('model_answer', 'The model gave another number of vectors than of texts.');
      return batch.flatMap(({ chunkId }, at) => (vectors[at] ? [{ chunkId, vector: vectors[at] }] : []));
    } catch (error) {
      if (!isRubbish(error) || loop.failures() < 2) throw error;
      if (batch.length === 1) return refuse(batch, error);
      const half = Math.ceil(batch.length / 2);
      return [
        ...(await embedOrHalve(batch.slice(0, half), signal)),
        ...(await embedOrHalve(batch.slice(half), signal)),
      ];
    }
  }

  function refuse(batch: readonly Unembedded[], error: unknown): [] {
    for (const { chunkId, documentId } of batch) {
      refused.add(chunkId);
      log.warn(
        { document: documentId, reason: messageOf(error) },
        'a passage has no vector: the model fails on it',
      );
    }
    return [];
  }

  return {
    start: loop.start,
    /** Chunks were stored, or the embedder came. */
    wake: loop.wake,
    /** Chunks that the model could not embed since the start. */
    refused: () => refused.size,
    close: loop.close,
  };
}

function isRubbish(error: unknown): boolean {
  return error instanceof LimnerError && (error.code === 'model_answer' || error.code === 'input_too_long');
}
