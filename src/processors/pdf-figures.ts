import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Figure } from '../document.ts';
import { isFigureSize, MOST_FIGURE_BYTES, MOST_FIGURES } from './figure-size.ts';
import type { Limits } from './limits.ts';
import { picturesOf, type PagePicture } from './pdf-pictures.ts';
import { dropPdfium, openPdf, runningPdfium, type Pdfium } from './pdfium.ts';
import type { FoundFigure } from './processor.ts';

/** A figure takes at least this share of its page; less is an icon. */
const SMALLEST_SHARE = 0.012;
/** A picture behind the text of a whole page is a background, and one with nothing beside it a scan. */
const WHOLE_PAGE = 0.85;
/** A JPEG up to this size is kept as it stands in the file. */
const MOST_OWN_BYTES = 1024 * 1024;

/** A page as it is shown, in points: what pdf.js calls a viewport of the scale 1. */
export interface ShownPage {
  /** From 1. */
  number: number;
  width: number;
  height: number;
  /** From the page's own units to points from the top left corner (PDF 32000-1, 8.3.4). */
  transform: readonly number[];
}

interface Source {
  file: Buffer;
  pages: AsyncIterable<ShownPage>;
  limits: Pick<Limits, 'picturePixels'>;
}

/**
 * The pictures that pages of a PDF show as figures, page by page: large enough, each once, never more than a document
 * keeps. Found by PDFium: pdf.js would decode every picture in JavaScript.
 */
export async function* findFigures({ file, pages, limits }: Source): AsyncGenerator<FoundFigure[]> {
  const pdfium = await runningPdfium();
  const open = openPdf(pdfium, file);
  if (!open) return;
  const shelf = { pdfium, document: open.document, file, known: new Set<string>(), limits };
  let isSound = true;
  try {
    yield* throughPages(shelf, pages);
  } catch (error) {
    isSound = false;
    dropPdfium();
    // What WebAssembly throws where a file is too much for it; nothing else is told of figures.
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
  } finally {
    if (isSound) open.close();
  }
}

/** What is known while a document is looked through. */
interface Shelf {
  pdfium: Pdfium;
  /** As PDFium has it open. */
  document: number;
  file: Buffer;
  /** Digests of the pictures so far. */
  known: Set<string>;
  limits: Source['limits'];
}

/** Pages whose pictures wait to be compressed: as many as there are threads for that. */
const MOST_WAITING = 4;

/** While pictures are compressed in other threads, those of the next pages are drawn. */
async function* throughPages(shelf: Shelf, pages: Source['pages']): AsyncGenerator<FoundFigure[]> {
  let room = MOST_FIGURE_BYTES;
  const waiting: Promise<FoundFigure[]>[] = [];
  for await (const page of pages) {
    if (shelf.known.size >= MOST_FIGURES || room <= 0) break;
    const found = Promise.all(await onPage(shelf, page));
    // Told where it is awaited.
    found.catch(() => undefined);
    waiting.push(found);
    // Others have a turn, too: whoever asked may want no more.
    await setImmediate();
    if (waiting.length <= MOST_WAITING) continue;
    const ready = (await waiting.shift()) ?? [];
    room -= ready.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (ready.length > 0) yield ready;
  }
  for (const found of waiting) yield await found;
}

async function onPage(shelf: Shelf, shown: ShownPage): Promise<Promise<FoundFigure>[]> {
  const { pdfium, document, known, limits } = shelf;
  const { calls } = pdfium;
  const page = calls.FPDF_LoadPage(document, shown.number - 1);
  if (page === 0) return [];
  const found: Promise<FoundFigure>[] = [];
  try {
    for (const picture of picturesOf(pdfium, page)) {
      if (!isFigureSize(picture.width, picture.height)) continue;
      if (picture.width * picture.height > limits.picturePixels) continue;
      const box = boxOf(picture.corners(), shown);
      if (!isShare(box, shown)) continue;
      const kept = known.size < MOST_FIGURES && (await keep(picture, box, shelf, page));
      if (kept) found.push(kept().then((figure) => ({ ...figure, page: shown.number, box })));
    }
  } finally {
    calls.FPDF_ClosePage(page);
  }
  return found;
}

/** Makes the figure, unless it came before: a JPEG as it is, others drawn. */
async function keep(
  picture: PagePicture,
  box: Box,
  { document, file, known }: Shelf,
  page: number,
): Promise<(() => Promise<Omit<FoundFigure, 'page'>>) | undefined> {
  const raw = picture.raw();
  const digest = createHash('sha256').update(raw).digest('hex');
  if (known.has(digest)) return undefined;
  known.add(digest);
  const { width, height } = picture;
  if (raw.length <= MOST_OWN_BYTES && picture.isPlainJpeg(page) && isUnmasked(raw, file))
    return async () => ({ bytes: raw, mime: 'image/jpeg', width, height });
  const { keepPixels } = await import('./picture.ts');
  const drawn = picture.draw(document, page, FINEST * Math.max(box[2], box[3]));
  return drawn && (() => keepPixels(drawn));
}

type Box = NonNullable<Figure['box']>;

/** Pixels for a point of the page beyond which nobody sees more: 216 dpi. */
const FINEST = 3;

/** Longer dictionaries of pictures are none. */
const MOST_DICTIONARY = 4096;

/** Whether its dictionary, which stands before it in the file, names no mask that it is to be seen through. */
function isUnmasked(raw: Uint8Array, file: Buffer): boolean {
  const head = raw.subarray(0, 512);
  for (let at = file.indexOf(head); at !== -1; at = file.indexOf(head, at + 1)) {
    if (file.compare(raw, 0, raw.length, at, at + raw.length) !== 0) continue;
    const before = file.toString('latin1', Math.max(0, at - MOST_DICTIONARY), at);
    return !/\/S?Mask\b/.test(before.slice(before.lastIndexOf(' obj')));
  }
  // In a locked file it stands in another shape.
  return false;
}

/** The rectangle around points of the page, in whole points from the top left corner. */
function boxOf(corners: ReturnType<PagePicture['corners']>, { transform }: ShownPage): Box {
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = transform;
  const [xs, ys] = [corners.map(([x, y]) => a * x + c * y + e), corners.map(([x, y]) => b * x + d * y + f)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [right, bottom] = [Math.max(...xs), Math.max(...ys)];
  return [Math.round(left), Math.round(top), Math.round(right - left), Math.round(bottom - top)];
}

function isShare([, , width, height]: Box, page: ShownPage): boolean {
  const share = (width * height) / (page.width * page.height);
  return share >= SMALLEST_SHARE && share <= WHOLE_PAGE;
}
