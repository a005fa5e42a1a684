import { on } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import { systemCode } from '../errors.ts';
import type { SourceFile } from '../document.ts';
import type { Limits } from './limits.ts';
import type { FigureMessage, FigureRequest, PageMessage } from './pdf-figure-thread.ts';
import type { ShownPage } from './pdf-figures.ts';
import type { FoundFigure } from './processor.ts';

/** Finds the figures of one PDF beside what else is done with it. */
export interface FigureFinder {
  /** Looks through one more page. */
  look(page: ShownPage): void;
  /** The figures of all pages that were named, page by page; no more pages can be named. */
  all(): AsyncGenerator<FoundFigure[]>;
  close(): void;
}

/** New objects of the thread before they are looked through; 48 MB by default. */
const YOUNG_MB = 8;
/** Pictures are no part of this. */
const HEAP_MB = 256;

let running: Worker | undefined;

/** PDFium takes as long to start as reading ten pages, so that its thread lives as long as the process. */
function runningThread(): Worker {
  if (running) return running;
  const worker = new Worker(new URL('./pdf-figure-thread.ts', import.meta.url), {
    execArgv: [],
    env: {},
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB, maxOldGenerationSizeMb: HEAP_MB },
  });
  worker.on('error', () => undefined);
  worker.on('exit', () => {
    if (running === worker) running = undefined;
  });
  worker.unref();
  running = worker;
  return worker;
}

/** None where the file, whose bytes these are, holds no pictures. */
export function createFigureFinder(
  file: SourceFile,
  bytes: Buffer,
  { picturePixels }: Limits,
): FigureFinder | undefined {
  if (!hasPictures(bytes)) return undefined;
  const worker = runningThread();
  const { port1: port, port2 } = new MessageChannel();
  const { promise: ended, resolve: end } = Promise.withResolvers<unknown>();
  worker.once('error', end).once('exit', end);
  const messages = on(port, 'message', { close: ['close'] });
  const request: FigureRequest = { path: file.path, limits: { picturePixels }, port: port2 };
  worker.postMessage(request, [port2]);
  const tell = (message: PageMessage): void => port.postMessage(message);
  return {
    look: tell,
    async *all() {
      tell('end');
      for await (const [message] of messages) {
        const found: FigureMessage = message;
        if (found === 'end') return;
        if (found.length > 0) yield found;
      }
      // The thread has ended. What was too much for it is left out, like what is too much for PDFium.
      const cause = await ended;
      if (systemCode(cause) !== 'ERR_WORKER_OUT_OF_MEMORY') throw cause;
    },
    close() {
      worker.off('error', end).off('exit', end);
      port.close();
    },
  };
}

/** Dictionaries of streams are never inside other streams (PDF 32000-1, 7.5.7), so that this misses none. */
function hasPictures(bytes: Buffer): boolean {
  for (let at = bytes.indexOf('/Image'); at !== -1; at = bytes.indexOf('/Image', at + 1))
    if (/\/Subtype\s*\/Image\b/.test(bytes.toString('latin1', Math.max(0, at - 40), at + 7))) return true;
  return false;
}
