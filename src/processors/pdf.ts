import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { PDFDocumentLoadingTask, PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import { annotationText } from './pdf-annotations.ts';
import { assemble, type TextRun } from './pdf-layout.ts';
import { markHeadings, readOutline, type Outline } from './pdf-outline.ts';
import { readTitle } from './pdf-title.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner, type Sectioner } from './sectioner.ts';

/** PDF: sections by page, parted where the outline has headings. Pages that cannot be read are left out. */
export const pdf: Processor = {
  name: 'pdf',
  version: 1,
  kinds: ['pdf'],
  label: 'a PDF',
  extensions: ['pdf'],
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const task = await startLoading(new Uint8Array(await readFile(file.path)));
  try {
    yield* readDocument(await load(task), limits.pages);
  } finally {
    await task.destroy();
  }
}

async function startLoading(data: Uint8Array): Promise<PDFDocumentLoadingTask> {
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

/** No more than `maxPages` pages: a file can point at one page any number of times. */
async function* readDocument(document: PDFDocumentProxy, maxPages: number): AsyncGenerator<Part> {
  const title = await readTitle(document);
  yield { pages: document.numPages, ...(title && { title }) };
  const outline = await readOutline(document);
  const sectioner = createSectioner();
  const count = Math.min(document.numPages, maxPages);
  const failed: number[] = [];
  let isEmpty = true;
  for (let number = 1; number <= count; number += 1) {
    const sections = await readPage(document, number, outline, sectioner, failed);
    isEmpty &&= sections.length === 0;
    yield { sections };
  }
  if (failed.length === count) throw damaged();
  yield {
    warnings: [
      ...warningsOf(document.numPages, failed, isEmpty),
      ...limitWarning(document.numPages, maxPages),
    ],
  };
}

/** The sections that this page finishes. What fails on one page is noted and costs only that page. */
async function readPage(
  document: PDFDocumentProxy,
  number: number,
  outline: Outline,
  sectioner: Sectioner,
  failed: number[],
): Promise<Section[]> {
  sectioner.turnTo(number);
  const text = await textOfPage(document, number).catch(() => void failed.push(number));
  for (const line of markHeadings(text ?? '', outline.get(number) ?? [])) sectioner.add(line);
  return sectioner.finish();
}

async function textOfPage(document: PDFDocumentProxy, number: number): Promise<string> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  const text = assemble(items.filter(isTextRun));
  const notes = annotationText(await page.getAnnotations());
  page.cleanup();
  return [text, notes].filter((part) => part !== '').join('\n\n');
}

function isTextRun<Item extends object>(item: Item): item is Item & TextRun {
  return 'str' in item;
}

function warningsOf(pages: number, failed: readonly number[], isEmpty: boolean): string[] {
  const warnings: string[] = [];
  if (failed.length > 0) warnings.push(`Pages that could not be read: ${listOf(failed)}.`);
  // In a damaged page tree pdf.js counts the pages up to the damage and no further.
  if (failed.at(-1) === pages) warnings.push(`The PDF is damaged; pages after page ${pages} may be missing.`);
  if (isEmpty) warnings.push('No page holds text; they may be scanned pictures.');
  return warnings;
}

function limitWarning(pages: number, maxPages: number): string[] {
  const text = `Only the first ${maxPages} of ${pages} pages are searchable (${LIMIT_SETTINGS.pages}).`;
  return pages > maxPages ? [text] : [];
}

function listOf(pages: readonly number[]): string {
  const shown = pages.slice(0, 20).join(', ');
  return pages.length > 20 ? `${shown} and ${pages.length - 20} more` : shown;
}
