import type { Chunk } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Situated, WritePreface } from '../models/preface.ts';
import type { Store } from '../store/store.ts';
import type { Catalogue } from './catalogue.ts';
import { situate, type Prefaces } from './prefaces.ts';
import type { ReadAgain } from './read-again.ts';
import { createWorkLoop } from './work-loop.ts';

export interface PrefaceParts {
  writer: WritePreface;
  prefaces: Prefaces;
  store: Pick<Store, 'chunks'>;
  catalogue: Pick<Catalogue, 'get'>;
  readAgain: ReadAgain;
  log: Log;
}

const LONGEST_RETRY_MS = 600_000;
const CHUNK_PAGE = 500;
/** The server is there and the passage is the reason: it goes without. */
const ITS_FAULT: ReadonlySet<string> = new Set(['model_answer', 'input_too_long']);

/**
 * Has passages described one after the other, whenever the model is there. Documents are searchable before and without it;
 * one whose passages are all described is made again, from the text that is kept.
 */
export function createPrefaceLoop(options: { firstRetryMs: number }, parts: PrefaceParts) {
  const { writer, prefaces, store, catalogue, readAgain, log } = parts;
  /** Documents that met a bug; they wait for the next start. */
  const failed = new Set<string>();

  async function step(signal: AbortSignal): Promise<boolean> {
    const model = writer.ready();
    const id = model === undefined ? undefined : prefaces.next(failed);
    if (model === undefined || id === undefined) return false;
    try {
      const title = catalogue.get(id)?.title;
      const isNews = title !== undefined && (await describe(id, title, model, signal));
      await prefaces.done(id);
      if (isNews) await readAgain(id);
    } catch (error) {
      if (!(error instanceof LimnerError)) failed.add(id);
      throw error;
    }
    return true;
  }

  /** Whether there is something to say of a passage that the store does not have. */
  async function describe(id: string, title: string, model: string, signal: AbortSignal): Promise<boolean> {
    const chunks = await allChunks(id);
    let isNews = false;
    for (const [at, { preface = '' }] of chunks.entries()) {
      const situated = situate(title, chunks, at);
      const text =
        prefaces.of(situated) ?? (await write(situated, model, signal, { document: id, passage: at }));
      isNews ||= text !== preface;
    }
    return isNews;
  }

  /** A passage that the model cannot describe goes without, and is not asked about again. */
  async function write(
    situated: Situated,
    model: string,
    signal: AbortSignal,
    about: object,
  ): Promise<string> {
    const text = await writer.write(situated, signal).catch((error: unknown) => {
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

  return createWorkLoop(
    { ...options, longestRetryMs: LONGEST_RETRY_MS },
    { name: 'describing passages', step, log },
  );
}
