/** Finds the figures of PDFs in a thread of its own, one file after the other, while their words are read. */
import { on } from 'node:events';
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { parentPort, type MessagePort } from 'node:worker_threads';
import type { Limits } from './limits.ts';
import { findFigures, type ShownPage } from './pdf-figures.ts';
import type { FoundFigure } from './processor.ts';

/** A file whose figures are wanted; its pages come through `port`, and so does what they show. */
export interface FigureRequest {
  path: string;
  limits: Pick<Limits, 'picturePixels'>;
  port: MessagePort;
}

/** `end` stands behind the last page, ... */
export type PageMessage = ShownPage | 'end';
/** ... and behind the last figure. */
export type FigureMessage = FoundFigure[] | 'end';

async function answer({ path, limits, port }: FigureRequest): Promise<void> {
  const pages = pagesFrom(port);
  const file = await readFile(path);
  for await (const figures of findFigures({ file, pages, limits })) port.postMessage(figures);
  port.postMessage('end' satisfies FigureMessage);
  port.close();
}

/** Whoever closes the port wants no more figures. */
async function* pagesFrom(port: MessagePort): AsyncGenerator<ShownPage> {
  let isOpen = true;
  port.once('close', () => (isOpen = false));
  for await (const [message] of on(port, 'message', { close: ['close'] })) {
    const page: PageMessage = message;
    if (page === 'end' || !isOpen) return;
    yield page;
  }
}

let turn = Promise.resolve();
parentPort?.on('message', (request: FigureRequest) => {
  turn = turn.then(() => answer(request));
});
// A thread is ended from without, which keeps nothing.
flushCompileCache();
