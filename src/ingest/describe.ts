import { readFile } from 'node:fs/promises';
import { setTimeout as after } from 'node:timers/promises';
import { LimnerError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Describe } from '../models/describe.ts';
import type { Catalogue } from './catalogue.ts';
import type { Figures, Undescribed } from './figures.ts';
import type { Queue } from './queue.ts';
import { DOCUMENT_JOB } from './worker.ts';

export interface DescriptionParts {
  describe: Describe;
  /** Tells when the model may have come; gives what ends that. */
  onModels: (listener: () => void) => () => void;
  figures: Pick<Figures, 'undescribed' | 'describe' | 'pathOf'>;
  catalogue: Catalogue;
  queue: Queue;
  log: Log;
}

const LONGEST_PAUSE_MS = 600_000;
/** The server is there and the picture is the reason: it is passed over until the next start. */
const ITS_FAULT: ReadonlySet<string> = new Set(['model_answer', 'input_too_long']);

/**
 * Has figures described one after the other, whenever the model is there. Documents are searchable before and without
 * it; one whose figures are all described is made again, from the text that is kept, with what they show.
 */
export function createDescriptions(options: { firstRetryMs: number }, parts: DescriptionParts) {
  const { describe, figures, catalogue, queue, log } = parts;
  const stop = new AbortController();
  const refused = new Set<string>();
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
    const model = describe.ready();
    const next = model === undefined ? undefined : figures.undescribed(refused);
    if (model === undefined || !next) return false;
    try {
      const bytes = await readFile(figures.pathOf(next.id));
      const text = await describe.picture(bytes, next.mime, stop.signal);
      await figures.describe(next.id, model, text);
      failures = 0;
    } catch (error) {
      await passOver(next, error);
    }
    if (!figures.undescribed(refused, next.hash)) await makeAgain(next.hash);
    return true;
  }

  async function passOver(figure: Undescribed, error: unknown): Promise<void> {
    if (stop.signal.aborted) return;
    log.warn({ figure: figure.id, reason: messageOf(error) }, 'a figure was not described');
    if (!(error instanceof LimnerError) || ITS_FAULT.has(error.code)) return void refused.add(figure.id);
    const pause = Math.min(LONGEST_PAUSE_MS, options.firstRetryMs * 2 ** failures++);
    await after(pause, undefined, { signal: stop.signal }).catch(() => undefined);
  }

  async function makeAgain(hash: string): Promise<void> {
    if (stop.signal.aborted) return;
    for (const { id } of catalogue.ofContent(hash))
      await catalogue.change(id, (connection) => {
        catalogue.set(connection, id, { state: 'waiting', recipe: null });
        queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id });
      });
    queue.wake();
  }

  /** The model may be there, or a figure without words. */
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
