import { setTimeout as after } from 'node:timers/promises';
import type { Chunk } from '../document.ts';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Situated, WritePreface } from '../models/preface.ts';
import type { Store } from '../store/store.ts';
import type { Catalogue } from './catalogue.ts';
import { situate, type Prefaces } from './prefaces.ts';
import type { Queue } from './queue.ts';
import { DOCUMENT_JOB } from './worker.ts';

export interface PrefaceParts {
  writer: WritePreface;
  /** Tells when the model may have come; gives what ends that. */
  onModels: (listener: () => void) => () => void;
  prefaces: Prefaces;
  store: Pick<Store, 'chunks'>;
  catalogue: Catalogue;
  queue: Queue;
  log: Log;
}

const LONGEST_PAUSE_MS = 600_000;
const CHUNK_PAGE = 500;
/** The server is there and the passage is the reason: it goes without. */
const ITS_FAULT: ReadonlySet<string> = new Set(['model_answer', 'input_too_long']);

/**
 * Has passages described one after the other, whenever the model is there. Documents are searchable before and without it;
 * one whose passages are all described is made again, from the text that is kept.
 */
export function createPrefaceLoop(options: { firstRetryMs: number }, parts: PrefaceParts) {
  const { writer, prefaces, store, catalogue, queue, log } = parts;
  const stop = new AbortController();
  const failed = new Set<string>();
  let bell = Promise.withResolvers<void>();
  let running: Promise<void> | undefined;
  let deafen: (() => void) | undefined;
  let failures = 0;

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      const rung = bell.promise;
      if (!(await step())) await rung;
    }
  }

  /** False when there is nothing to do until the bell rings. */
  async function step(): Promise<boolean> {
    const model = writer.ready();
    const id = model === undefined ? undefined : prefaces.next(failed);
    if (model === undefined || id === undefined) return false;
    try {
      const title = catalogue.get(id)?.title;
      const isNews = title !== undefined && (await describe(id, title, model));
      await prefaces.done(id);
      if (isNews) await makeAgain(id);
      failures = 0;
    } catch (error) {
      await passOver(id, error);
    }
    return true;
  }

  /** Whether there is something to say of a passage that the store does not have. */
  async function describe(id: string, title: string, model: string): Promise<boolean> {
    const chunks = await allChunks(id);
    let isNews = false;
    for (const [at, { preface = '' }] of chunks.entries()) {
      const situated = situate(title, chunks, at);
      const text = prefaces.of(situated) ?? (await write(situated, model, { document: id, passage: at }));
      isNews ||= text !== preface;
    }
    return isNews;
  }

  /** A passage that the model cannot describe goes without, and is not asked about again. */
  async function write(situated: Situated, model: string, about: object): Promise<string> {
    const text = await writer.write(situated, stop.signal).catch((error: unknown) => {
      if (!(error instanceof LimnerError) || !ITS_FAULT.has(error.code)) throw error;
      log.warn({ ...about, reason: error.message }, 'a passage was not described');
      return '';
    });
    await prefaces.keep(situated, model, text);
    return text;
  }

  async function allChunks(id: string): Promise<Chunk[]> {
    const all: Chunk[] = [];
    for (;;) {
      const page = await store.chunks(id, { offset: all.length, limit: CHUNK_PAGE });
      all.push(...page);
      if (page.length < CHUNK_PAGE) return all;
    }
  }

  async function makeAgain(id: string): Promise<void> {
    await catalogue.change(id, (connection) => {
      catalogue.set(connection, id, { state: 'waiting', recipe: null });
      queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id });
    });
    queue.wake();
  }

  /** What is not the server's fault is a bug: that document waits for the next start. */
  async function passOver(id: string, error: unknown): Promise<void> {
    if (stop.signal.aborted) return;
    log.warn({ document: id, reason: messageOf(error) }, 'passages were not described');
    if (!(error instanceof LimnerError)) failed.add(id);
    const pause = Math.min(LONGEST_PAUSE_MS, options.firstRetryMs * 2 ** failures++);
    await after(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  function wake(): void {
    bell.resolve();
    bell = Promise.withResolvers<void>();
  }

  return {
    start(): void {
      const unlisten = parts.onModels(wake);
      catalogue.changes.on('change', wake);
      deafen = () => {
        unlisten();
        catalogue.changes.off('change', wake);
      };
      running = loop();
    },
    async close(): Promise<void> {
      deafen?.();
      stop.abort();
      wake();
      await running;
    },
  };
}
