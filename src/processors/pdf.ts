import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PDFDocumentLoadingTask, PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import { ocrLateWarning, ocrLimitWarning } from './ocr.ts';
import { readAttachments, readPinned } from './pdf-attachments.ts';
import { inflateInPlace } from './pdf-inflate.ts';
import { createFigureFinder, type FigureFinder } from './pdf-figure-finder.ts';
import { markHeadings, readOutline, type Outline } from './pdf-outline.ts';
import { readPageText, type PageText } from './pdf-page.ts';
import { createScanner } from './pdf-scan.ts';
import { readTitle } from './pdf-title.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner, type Sectioner } from './sectioner.ts';

/** PDF: sections by page, parted where the outline has headings. Pages that cannot be read are left out. */
export const pdf: Processor = {
  name: 'pdf',
  version: 10,
  kinds: ['pdf'],
  label: 'a PDF',
  extensions: ['pdf'],
  native: true,
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits, from = 1): AsyncGenerator<Part> {
  const bytes = await readFile(file.path);
  // pdf.js takes the bytes for itself.
  const finder = createFigureFinder(file, bytes, limits);
  const task = await startLoading(new Uint8Array(bytes), limits);
  const putBack = inflateInPlace();
  try {
    const document = await load(task);
    const scanned = new Set<number>();
    // Pictures may have been too much for the reader before: then no words wait behind them.
    const isBeside = from === 1;
    for await (const part of readPages(document, bytes, from, scanned, limits)) {
      yield part;
      if (isBeside && part.finished && !scanned.has(part.finished))
        await look(document, part.finished, finder);
    }
    for await (const member of readAttachments(document, limits)) yield { members: [member] };
    for (let number = 1; !isBeside && number <= Math.min(document.numPages, limits.pages); number += 1)
      if (!scanned.has(number)) await look(document, number, finder);
    if (finder) for await (const figures of finder.all()) yield { figures };
  } finally {
    finder?.close();
    await task.destroy();
    putBack();
  }
}

/** Names a page whose figures are wanted, unless it is damaged. */
async function look(
  document: PDFDocumentProxy,
  number: number,
  finder: FigureFinder | undefined,
): Promise<void> {
  const page = finder && (await document.getPage(number).catch(() => undefined));
  if (!page) return;
  const { width, height, transform } = page.getViewport({ scale: 1 });
  finder?.look({ number, width, height, transform: transform.map(Number) });
}

async function startLoading(data: Uint8Array, limits: Limits): Promise<PDFDocumentLoadingTask> {
  const { getDocument } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const root = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
  return getDocument({
    data,
    cMapUrl: join(root, 'cmaps/'),
    cMapPacked: true,
    standardFontDataUrl: join(root, 'standard_fonts/'),
    wasmUrl: join(root, 'wasm/'),
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    maxImageSize: limits.picturePixels,
    verbosity: 0,
  });
}

async function load(task: PDFDocumentLoadingTask): Promise<PDFDocumentProxy> {
  try {
    return await task.promise;
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'PasswordException') {
      throw new LimnerError('encrypted', 'The PDF is locked with a password; save a copy without one.', {
        cause,
      });
    }
    throw damaged(cause);
  }
}

function damaged(cause?: unknown): LimnerError {
  const message = 'The PDF is damaged or was cut short; copy it here again or export it anew.';
  return new LimnerError('corrupt', message, { cause });
}

/** What happened to the pages that were read so far. */
interface Progress {
  /** Those that OCR read, and how many it looked at. */
  scanned: Set<number>;
  looks: number;
  failed: number;
  lastFailed: number;
  unscanned: number;
  isEmpty: boolean;
}

/** No more than `limits.pages` pages: a file can point at one page any number of times. */
async function* readPages(
  document: PDFDocumentProxy,
  bytes: Buffer,
  from: number,
  scanned: Set<number>,
  limits: Limits,
): AsyncGenerator<Part> {
  const title = await readTitle(document);
  yield { pages: document.numPages, ...(title && { title }) };
  const outline = await readOutline(document);
  const sectioner = createSectioner();
  for (let number = 1; number < from; number += 1)
    for (const heading of outline.get(number) ?? []) sectioner.add({ text: '', heading });
  yield { finished: from - 1 };
  const scanner = createScanner(bytes, limits);
  const count = Math.min(document.numPages, limits.pages);
  const none = { looks: 0, failed: 0, lastFailed: 0, unscanned: 0 };
  const progress: Progress = { scanned, ...none, isEmpty: from === 1 };
  try {
    for (let number = from; number <= count; number += 1) {
      const mayScan = progress.looks < limits.ocrPages;
      const page = await readPageText(document, number, scanner, mayScan).catch(() => undefined);
      yield { ...partOf(page, number, outline, sectioner, progress), finished: number };
      for await (const member of readPinned(document, page?.pinned ?? [], number, limits))
        yield { members: [member] };
    }
  } finally {
    await scanner.close();
  }
  if (progress.failed === count) throw damaged();
  yield { warnings: warningsOf(document.numPages, progress, limits) };
}

/** The sections that this page finishes. What fails on one page is noted and costs only that page. */
function partOf(
  page: PageText | undefined,
  number: number,
  outline: Outline,
  sectioner: Sectioner,
  progress: Progress,
): Part {
  sectioner.turnTo(number);
  for (const line of markHeadings(page?.text ?? '', outline.get(number) ?? [])) sectioner.add(line);
  const sections = sectioner.finish();
  progress.isEmpty &&= sections.length === 0;
  return {
    sections,
    warnings: note(page, number, progress),
    ...(page && page.words.runs.length > 0 && { words: [page.words] }),
    ...(page?.ocr && { ocr: page.ocr }),
  };
}

/** Told one by one, so that nothing is lost where a later page ends the reader. */
const MOST_NAMED = 20;

function note(page: PageText | undefined, number: number, progress: Progress): string[] {
  if (!page) {
    progress.failed += 1;
    progress.lastFailed = number;
    return progress.failed <= MOST_NAMED ? [`Page ${number} could not be read.`] : [];
  }
  if (page.unread === 'limit') progress.unscanned += 1;
  if (page.ocr) progress.looks += 1;
  if (page.ocr?.pages) progress.scanned.add(number);
  return page.unread === 'late' ? [ocrLateWarning(number)] : [];
}

function warningsOf(pages: number, progress: Progress, limits: Limits): string[] {
  const { failed, lastFailed, unscanned, isEmpty } = progress;
  const warnings: string[] = [];
  if (failed > MOST_NAMED) warnings.push(`${failed - MOST_NAMED} more pages could not be read.`);
  // In a damaged page tree pdf.js counts the pages up to the damage and no further.
  if (lastFailed === pages) warnings.push(`The PDF is damaged; pages after page ${pages} may be missing.`);
  if (unscanned > 0 && limits.ocrPages > 0) warnings.push(ocrLimitWarning(limits));
  if (isEmpty) warnings.push(emptyWarning(limits));
  if (pages > limits.pages)
    warnings.push(
      `Only the first ${limits.pages} of ${pages} pages are searchable (${LIMIT_SETTINGS.pages}).`,
    );
  return warnings;
}

function emptyWarning({ ocrPages }: Limits): string {
  return ocrPages > 0
    ? 'No page holds text, and none could be read from its picture.'
    : `No page holds text; they may be scanned pictures (OCR is off, ${LIMIT_SETTINGS.ocrPages}).`;
}
