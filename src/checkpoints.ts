import { Worker } from 'node:worker_threads';

/** Pages of log that are worth a checkpoint, 32 MB: pages that many commits have changed are copied once. */
const LONG = 8000;

/** A thread that had nothing to do for so long ends. */
const IDLE_MS = 20_000;

/** Brings a long log into the database file without keeping the event loop. */
export interface Checkpoints {
  /** Begins a checkpoint when the log, of so many pages, is long. */
  look(pages: number): void;
  /**
   * Before a write: resolves when it may begin. A log begins anew when all of it is in the file; so once most of it is,
   * writes wait for the little that came meanwhile.
   */
  turn(): Promise<void>;
  close(): Promise<void>;
}

export function createCheckpoints(path: string, long = LONG): Checkpoints {
  let state: 'short' | 'copying' | 'nearly' = 'short';
  let next = long;
  let copying: Promise<void> | undefined;
  let thread: Worker | undefined;
  let ending: NodeJS.Timeout | undefined;
  let answer: (() => void) | undefined;

  function start(): Worker {
    const worker = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData: path });
    worker.on('message', () => answer?.());
    // A checkpoint that fails loses nothing: the log stays longer, and the next one copies it.
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      if (thread === worker) thread = undefined;
      answer?.();
    });
    return worker;
  }

  async function checkpoint(): Promise<void> {
    clearTimeout(ending);
    const { promise, resolve } = Promise.withResolvers<void>();
    answer = resolve;
    const worker = (thread ??= start());
    worker.ref();
    worker.postMessage('checkpoint', []);
    await promise;
    worker.unref();
    ending = setTimeout(() => void worker.terminate(), IDLE_MS).unref();
  }

  async function copy(): Promise<void> {
    state = 'copying';
    await checkpoint();
    state = 'nearly';
  }

  return {
    look(pages) {
      if (pages < long) next = long;
      if (state !== 'short' || pages < next) return;
      // What a search is reading keeps a log from beginning anew; then it is tried again somewhat later.
      next = pages + long / 8;
      copying = copy();
    },
    async turn() {
      if (state !== 'nearly') return;
      await checkpoint();
      state = 'short';
    },
    async close() {
      await copying;
      state = 'short';
      clearTimeout(ending);
      await thread?.terminate();
    },
  };
}
