import { createHash } from 'node:crypto';
import type { PDFDocumentProxy, PageViewport } from 'pdfjs-dist/legacy/build/pdf.mjs';
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

interface Source {
  file: Buffer;
  document: PDFDocumentProxy;
  /** Pages that were read as pictures of text. */
  except: ReadonlySet<number>;
  limits: Limits;
}

/**
 * The pictures that pages of a PDF show as figures, page by page: large enough, each once, never more than a document
 * keeps.  Found by PDFium: pdf.js would decode every picture in JavaScript.
 */
export async function* findFigures(source: Source): AsyncGenerator<FoundFigure[]> {
  const { file } = source;
  if (!hasPictures(file)) return;
  const pdfium = await runningPdfium();
  const open = openPdf(pdfium, file);
  if (!open) return;
  try {
    yield* throughPages(pdfium, open.document, source);
    open.close();
  } catch (error) {
    dropPdfium();
    // What WebAssembly throws where a file is too much for it; the text is there, and nothing else is told of figures.
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
    yield [];
  }
}

/** Pages whose pictures wait to be compressed: as many as there are threads for that. */
const MOST_WAITING = 4;

/** While pictures are compressed in other threads, those of the next pages are drawn. */
async function* throughPages(
  pdfium: Pdfium,
  open: number,
  { file, document, except, limits }: Source,
): AsyncGenerator<FoundFigure[]> {
  const known = new Set<string>();
  let room = MOST_FIGURE_BYTES;
  const waiting: Promise<FoundFigure[]>[] = [];
  const last = Math.min(document.numPages, limits.pages);
  for (let number = 1; number <= last && known.size < MOST_FIGURES && room > 0; number += 1) {
    if (except.has(number)) continue;
    const viewport = async (): Promise<PageViewport> =>
      (await document.getPage(number)).getViewport({ scale: 1 });
    const found = Promise.all(await onPage(pdfium, open, number, viewport, { file, known, limits }));
    // Told where it is awaited.
    found.catch(() => undefined);
    waiting.push(found);
    if (waiting.length <= MOST_WAITING) continue;
    const ready = (await waiting.shift()) ?? [];
    room -= ready.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (ready.length > 0) yield ready;
  }
  for (const found of waiting) yield await found;
}

/** Dictionaries of streams are never inside other streams (PDF 32000-1, 7.5.7), so that this misses none. */
function hasPictures(file: Buffer): boolean {
  return /\/Subtype\s*\/Image\b/.test(file.toString('latin1'));
}

async function onPage(
  pdfium: Pdfium,
  document: number,
  number: number,
  viewportOf: () => Promise<PageViewport>,
  { file, known, limits }: { file: Buffer; known: Set<string>; limits: Limits },
): Promise<Promise<FoundFigure>[]> {
  const { calls } = pdfium;
  const page = calls.FPDF_LoadPage(document, number - 1);
  if (page === 0) return [];
  const found: Promise<FoundFigure>[] = [];
  try {
    for (const picture of picturesOf(pdfium, page)) {
      if (!isFigureSize(picture.width, picture.height)) continue;
      if (picture.width * picture.height > limits.picturePixels) continue;
      const viewport = await viewportOf();
      const box = boxOf(picture.corners, viewport);
      if (!isShare(box, viewport)) continue;
      const kept = known.size < MOST_FIGURES && (await keep(picture, box, { file, known }, document, page));
      if (kept) found.push(kept().then((figure) => ({ ...figure, page: number, box })));
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
  { file, known }: { file: Buffer; known: Set<string> },
  document: number,
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

/** The rectangle around points of the page as the viewport shows it, in whole points from the top left corner. */
function boxOf(corners: PagePicture['corners'], viewport: PageViewport): Box {
  const shown = corners.map(([x, y]) => viewport.convertToViewportPoint(x, y).map(Number));
  const [xs, ys] = [shown.map(([x = 0]) => x), shown.map(([, y = 0]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [right, bottom] = [Math.max(...xs), Math.max(...ys)];
  return [Math.round(left), Math.round(top), Math.round(right - left), Math.round(bottom - top)];
}

function isShare([, , width, height]: Box, viewport: PageViewport): boolean {
  const share = (width * height) / (viewport.width * viewport.height);
  return share >= SMALLEST_SHARE && share <= WHOLE_PAGE;
}
