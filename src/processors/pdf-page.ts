import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { inkLength, type OcrSummary, type PageWords } from '../document.ts';
import { notesOf, pinnedFiles } from './pdf-annotations.ts';
import { assemble, type TextRun } from './pdf-layout.ts';
import { inReadingOrder } from './pdf-order.ts';
import type { Scanner } from './pdf-scan.ts';
import { runsOf } from './pdf-words.ts';

export interface PageText {
  text: string;
  words: PageWords;
  /** Files that are pinned to the page. */
  pinned: { id: string; name: string }[];
  /** OCR looked at the page; the text comes from it where `pages` is 1. */
  ocr?: OcrSummary;
  /** The page is a picture and was not read: OCR took too long, or enough pages were read by it. */
  unread?: 'late' | 'limit';
}

/** Text, notes and places of one page; `mayScan` tells whether OCR may read one more. */
export async function readPageText(
  document: PDFDocumentProxy,
  number: number,
  scanner: Scanner,
  mayScan: boolean,
): Promise<PageText> {
  const page = await document.getPage(number);
  try {
    return await readText(page, number, scanner, mayScan);
  } finally {
    page.cleanup();
  }
}

async function readText(
  page: PDFPageProxy,
  number: number,
  scanner: Scanner,
  mayScan: boolean,
): Promise<PageText> {
  const { items } = await page.getTextContent();
  const runs = inReadingOrder(items.filter(isTextRun));
  const annotations = await page.getAnnotations();
  const notes = notesOf(annotations);
  const pinned = pinnedFiles(annotations);
  const viewport = page.getViewport({ scale: 1 });
  const text = assemble(runs);
  const whole = (body: string): string =>
    [body, notes.map((note) => note.text).join('\n')].filter((part) => part !== '').join('\n\n');
  const size = { page: number, width: Math.round(viewport.width), height: Math.round(viewport.height) };
  const own = { text: whole(text), pinned, words: { ...size, runs: runsOf(runs, notes, viewport) } };
  if (!(await scanner.wants(page, text))) return own;
  if (!mayScan) return { ...own, unread: 'limit' };
  const read = await scanner.read(page, viewport);
  if (!read) return { ...own, unread: 'late' };
  if (read.text === '' || inkLength(read.text) < inkLength(readable(text)))
    return { ...own, ocr: { pages: 0, confidence: 0 } };
  return {
    text: whole(read.text),
    pinned,
    words: { ...size, runs: [...read.runs, ...runsOf([], notes, viewport)] },
    ocr: { pages: 1, confidence: read.confidence },
  };
}

/** Characters that a font gives without saying what they are do not count. */
function readable(text: string): string {
  return text.replace(/[^\p{L}\p{N}\p{P}]/gu, '');
}

function isTextRun<Item extends object>(item: Item): item is Item & TextRun {
  return 'str' in item;
}
