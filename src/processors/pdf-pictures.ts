import type { Pdfium } from './pdfium.ts';

/** One picture that a page shows. */
export interface PagePicture {
  /** Pixels of the picture itself. */
  width: number;
  height: number;
  /** Where its corners stand, in the page's own units. */
  corners: [x: number, y: number][];
  /** A JPEG in shades of grey or in red, green and blue, and nothing around it. */
  isPlainJpeg(page: number): boolean;
  /** Its bytes as they stand in the file. */
  raw(): Uint8Array<ArrayBuffer>;
  /** Its pixels, with no longer side than that; nothing where it is damaged. */
  draw(document: number, page: number, longest: number): Pixels | undefined;
}

/** Red, green, blue and opacity of each pixel, a byte each; on white, so that nothing shows through. */
export interface Pixels {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** Kinds of page objects (fpdf_edit.h). */
const IMAGE = 3;
const FORM = 5;
/** Forms in forms in forms. */
const DEEPEST = 4;
/** Objects looked at on one page; maps have a million lines. */
const MOST_OBJECTS = 20_000;
/** A picture is drawn no larger than it is kept. */
const LONGEST_SIDE = 1600;

type Matrix = readonly number[];
const UNIT: Matrix = [1, 0, 0, 1, 0, 0];

/** The pictures of an open page, those in its forms too. */
export function* picturesOf(pdfium: Pdfium, page: number): Generator<PagePicture> {
  const { calls } = pdfium;
  const count = Math.min(calls.FPDFPage_CountObjects(page), MOST_OBJECTS);
  for (let index = 0; index < count; index += 1)
    yield* picturesIn(pdfium, calls.FPDFPage_GetObject(page, index), UNIT, DEEPEST);
}

function* picturesIn(pdfium: Pdfium, object: number, around: Matrix, depth: number): Generator<PagePicture> {
  const { calls } = pdfium;
  const type = calls.FPDFPageObj_GetType(object);
  if (type === IMAGE) yield pictureOf(pdfium, object, around);
  if (type !== FORM || depth === 0) return;
  const inside = times(around, matrixOf(pdfium, object));
  const count = Math.min(calls.FPDFFormObj_CountObjects(object), MOST_OBJECTS);
  for (let index = 0; index < count; index += 1)
    yield* picturesIn(pdfium, calls.FPDFFormObj_GetObject(object, index), inside, depth - 1);
}

function matrixOf({ calls, lend, floatsAt }: Pdfium, object: number): Matrix {
  return lend(24, (at) => (calls.FPDFPageObj_GetMatrix(object, at) ? floatsAt(at, 6) : UNIT));
}

/** `before` followed by `more` (PDF 32000-1, 8.3.4). */
function times(before: Matrix, more: Matrix): Matrix {
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = more;
  const [A = 1, B = 0, C = 0, D = 1, E = 0, F = 0] = before;
  return [a * A + b * C, a * B + b * D, c * A + d * C, c * B + d * D, e * A + f * C + E, e * B + f * D + F];
}

function pictureOf(pdfium: Pdfium, object: number, around: Matrix): PagePicture {
  const { calls, lend, wholeAt, bytesAt } = pdfium;
  const matrix = times(around, matrixOf(pdfium, object));
  const [width = 0, height = 0] = lend(8, (at) =>
    calls.FPDFImageObj_GetImagePixelSize(object, at, at + 4) ? wholeAt(at, 2) : [],
  );
  return {
    width,
    height,
    corners: cornersOf(matrix),
    isPlainJpeg: (page) => isPlainJpeg(pdfium, page, object),
    raw() {
      const length = calls.FPDFImageObj_GetImageDataRaw(object, 0, 0);
      return lend(Math.max(1, length), (at) => {
        calls.FPDFImageObj_GetImageDataRaw(object, at, length);
        return bytesAt(at, length);
      });
    },
    draw(document, page, longest) {
      const scale = Math.min(1, Math.min(longest, LONGEST_SIDE) / Math.max(width, height));
      calls.FPDFImageObj_SetMatrix(object, width * scale, 0, 0, height * scale, 0, 0);
      return rendered(pdfium, document, page, object);
    },
  };
}

/** A picture fills the unit square of its matrix. */
function cornersOf([a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: Matrix): [number, number][] {
  return [
    [e, f],
    [a + e, b + f],
    [c + e, d + f],
    [a + c + e, b + d + f],
  ];
}

/** FPDF_IMAGEOBJ_METADATA (fpdf_edit.h): bits of a pixel are its fifth field, after two sizes and two resolutions. */
const METADATA_BYTES = 28;
const BITS_AT = 4;
const SHADES_OR_COLOURS = new Set([8, 24]);

function isPlainJpeg({ calls, lend, wholeAt, bytesAt }: Pdfium, page: number, object: number): boolean {
  if (calls.FPDFImageObj_GetImageFilterCount(object) !== 1) return false;
  const filter = lend(32, (at) => {
    const length = calls.FPDFImageObj_GetImageFilter(object, 0, at, 32);
    return Buffer.from(bytesAt(at, Math.max(0, Math.min(length, 32) - 1))).toString('latin1');
  });
  if (filter !== 'DCTDecode') return false;
  return lend(METADATA_BYTES, (at) => {
    const known = calls.FPDFImageObj_GetImageMetadata(object, page, at);
    return known && SHADES_OR_COLOURS.has(wholeAt(at, BITS_AT + 1)[BITS_AT] ?? 0);
  });
}

/** Formats of bitmaps (fpdfview.h). */
const GREY = 1;
const BGR = 2;
const BGR_OPACITY = 4;

function rendered(
  { calls, viewAt }: Pdfium,
  document: number,
  page: number,
  object: number,
): Pixels | undefined {
  const bitmap = calls.FPDFImageObj_GetRenderedBitmap(document, page, object);
  if (bitmap === 0) return undefined;
  try {
    const [width, height] = [calls.FPDFBitmap_GetWidth(bitmap), calls.FPDFBitmap_GetHeight(bitmap)];
    const row = calls.FPDFBitmap_GetStride(bitmap);
    const format = calls.FPDFBitmap_GetFormat(bitmap);
    const bytes = viewAt(calls.FPDFBitmap_GetBuffer(bitmap), row * height);
    const step = format === GREY ? 1 : format === BGR ? 3 : 4;
    const hasOpacity = format === BGR_OPACITY;
    return { width, height, data: onWhite(bytes, { width, height, row, step, hasOpacity }) };
  } finally {
    calls.FPDFBitmap_Destroy(bitmap);
  }
}

interface BitmapShape {
  width: number;
  height: number;
  /** Bytes of a row and of a pixel. */
  row: number;
  step: number;
  hasOpacity: boolean;
}

/** PDFium gives blue first, or shades of grey, in rows that may be longer than their pixels. */
function onWhite(
  bytes: Uint8Array,
  { width, height, row, step, hasOpacity }: BitmapShape,
): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
  const [red, green] = step === 1 ? [0, 0] : [2, 1];
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let from = y * row, end = from + width * step; from < end; from += step, to += 4) {
      const opacity = hasOpacity ? (bytes[from + 3] ?? 0) : 255;
      if (opacity === 0) continue;
      const white = 255 - opacity;
      pixels[to] = (bytes[from + red] ?? 0) + white;
      pixels[to + 1] = (bytes[from + green] ?? 0) + white;
      pixels[to + 2] = (bytes[from] ?? 0) + white;
    }
  }
  return pixels;
}
