import { createCanvas, ImageData, type Canvas } from '@napi-rs/canvas';
import { dropPdfium, openPdf, runningPdfium, type OpenPdf, type Pdfium } from './pdfium.ts';

/** Draws pages of a PDF for OCR. */
export interface PageDrawer {
  /** The page (from 1) with so many pixels, on white; nothing where PDFium cannot draw it. */
  draw(number: number, width: number, height: number): Promise<Canvas | undefined>;
  close(): void;
}

/** Four bytes a pixel, of which the last says nothing; annotations are drawn too (fpdfview.h). */
const BGRX = 3;
const ANNOTATIONS = 1;
const WHITE = 0xffffffff;

/** By PDFium, opened when the first page is drawn: pdf.js takes ten times as long, and minutes for some patterns. */
export function createPageDrawer(file: Uint8Array): PageDrawer {
  let opened: { pdfium: Pdfium; open: OpenPdf | undefined } | undefined;

  return {
    async draw(number, width, height) {
      if (!opened) {
        const pdfium = await runningPdfium();
        opened = { pdfium, open: openPdf(pdfium, file) };
      }
      const { pdfium, open } = opened;
      if (!open) return undefined;
      try {
        return drawn(pdfium, open.document, number, width, height);
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
        dropPdfium();
        opened.open = undefined;
        return undefined;
      }
    },
    close: () => opened?.open?.close(),
  };
}

function drawn(
  { calls, viewAt }: Pdfium,
  document: number,
  number: number,
  width: number,
  height: number,
): Canvas | undefined {
  const page = calls.FPDF_LoadPage(document, number - 1);
  const bitmap = page === 0 ? 0 : calls.FPDFBitmap_CreateEx(width, height, BGRX, 0, 0);
  if (bitmap === 0) return undefined;
  calls.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, WHITE);
  calls.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, ANNOTATIONS);
  const pixels = viewAt(calls.FPDFBitmap_GetBuffer(bitmap), 4 * width * height);
  const canvas = toCanvas(pixels, width, height);
  calls.FPDFBitmap_Destroy(bitmap);
  calls.FPDF_ClosePage(page);
  return canvas;
}

function toCanvas(bgr: Uint8Array, width: number, height: number): Canvas {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < data.length; at += 4) {
    data[at] = bgr[at + 2] ?? 0;
    data[at + 1] = bgr[at + 1] ?? 0;
    data[at + 2] = bgr[at] ?? 0;
    data[at + 3] = 255;
  }
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
  return canvas;
}
