import type { Canvas } from '@napi-rs/canvas';
import type { PDFPageProxy, PageViewport } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { inkLength } from '../document.ts';
import type { Limits } from './limits.ts';
import { createOcr, type Recognized } from './ocr.ts';
import type { ReadUpright } from './ocr-turn.ts';
import type { PageDrawer } from './pdf-draw.ts';

/** Fewer characters than this are a page number or a stamp on a scan. */
const LITTLE_TEXT = 24;
/** A share of characters without meaning above this is a font that tells no letters. */
const BAD_SHARE = 0.2;
/** Outlines of letters: a page without text and pictures is read as well if it has so many drawings. */
const MANY_PATHS = 60;

const POINTS_PER_INCH = 72;
/** Letters of 8 points are 22 pixels high; finer costs more time than it finds words. */
const RESOLUTION = 200;
const LONGEST_SIDE = 3500;

/** Reads pages that are pictures of text. */
export interface Scanner {
  /** Whether the page has too little or bad text of its own, and something to read instead. */
  wants(page: PDFPageProxy, text: string): Promise<boolean>;
  /** Runs are in points. Nothing where that takes longer than a page may. */
  read(page: PDFPageProxy, viewport: PageViewport): Promise<Recognized | undefined>;
  close(): Promise<void>;
}

/** `file` is the PDF. */
export function createScanner(file: Uint8Array, limits: Limits): Scanner {
  const ocr = createOcr(limits);
  let drawer: PageDrawer | undefined;
  let readUpright: ReadUpright | undefined;
  return {
    async close() {
      drawer?.close();
      await ocr.close();
    },
    async wants(page, text) {
      if (limits.ocrPages === 0) return false;
      if (isBad(text)) return true;
      return inkLength(text) < LITTLE_TEXT && (await showsSomething(page));
    },
    async read(page, { width, height }) {
      const scale = Math.min(RESOLUTION / POINTS_PER_INCH, LONGEST_SIDE / Math.max(width, height));
      const { createUpright } = await import('./ocr-turn.ts');
      const { createPageDrawer } = await import('./pdf-draw.ts');
      readUpright ??= createUpright(ocr, limits.ocrPageMs);
      drawer ??= createPageDrawer(file);
      const [columns, rows] = [width, height].map((side) => Math.max(1, Math.ceil(side * scale)));
      const drawn = await drawer.draw(page.pageNumber, columns ?? 1, rows ?? 1);
      // What PDFium cannot open, or not this page of, pdf.js may.
      return readUpright(drawn ?? (await pictureOf(page, scale)), 1 / scale);
    },
  };
}

/** Private characters, replacement characters and controls stand where a font does not tell its letters. */
function isBad(text: string): boolean {
  const bad = text.match(/[\p{Co}\p{Cn}\uFFFD]|(?!\s)\p{Cc}/gu)?.length ?? 0;
  return bad > BAD_SHARE * inkLength(text) && bad >= LITTLE_TEXT;
}

async function showsSomething(page: PDFPageProxy): Promise<boolean> {
  const { OPS } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const { fnArray } = await page.getOperatorList();
  const pictures = new Set<number>([
    OPS.paintImageXObject,
    OPS.paintInlineImageXObject,
    OPS.paintImageXObjectRepeat,
    OPS.paintImageMaskXObject,
    OPS.paintImageMaskXObjectGroup,
    OPS.paintImageMaskXObjectRepeat,
    OPS.paintInlineImageXObjectGroup,
  ]);
  if (fnArray.some((operator) => pictures.has(operator))) return true;
  return fnArray.filter((operator) => operator === OPS.constructPath).length >= MANY_PATHS;
}

async function pictureOf(page: PDFPageProxy, scale: number): Promise<Canvas> {
  const { createCanvas } = await import('@napi-rs/canvas');
  const viewport = page.getViewport({ scale });
  const canvas = createCanvas(
    Math.max(1, Math.ceil(viewport.width)),
    Math.max(1, Math.ceil(viewport.height)),
  );
  // @ts-expect-error: a canvas of this package is what pdf.js itself draws on outside a browser.
  await page.render({ canvas, viewport, background: '#fff' }).promise;
  return canvas;
}
