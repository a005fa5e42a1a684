import type { Pdfium } from './pdfium.ts';

/** One picture that a page shows. */
export interface PagePicture {
  /** Pixels of the picture itself. */
  width: number;
  height: number;
  /** Where its corners stand, in the page's own units; most pictures are too small to be asked. */
  corners(): [x: number, y: number][];
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
  const [width = 0, height = 0] = lend(8, (at) =>
    calls.FPDFImageObj_GetImagePixelSize(object, at, at + 4) ? wholeAt(at, 2) : [],
  );
  return {
    width,
    height,
    corners: () => cornersOf(times(around, matrixOf(pdfium, object))),
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

/** Four bytes a pixel: blue, green, red and opacity, which they are not multiplied with (fpdfview.h). */
const BGRA = 4;

function rendered(
  { calls, viewAt }: Pdfium,
  document: number,
  page: number,
  object: number,
): Pixels | undefined {
  const bitmap = calls.FPDFImageObj_GetRenderedBitmap(document, page, object);
  if (bitmap === 0) return undefined;
  try {
    if (calls.FPDFBitmap_GetFormat(bitmap) !== BGRA) return undefined;
    const [width, height] = [calls.FPDFBitmap_GetWidth(bitmap), calls.FPDFBitmap_GetHeight(bitmap)];
    const bytes = viewAt(calls.FPDFBitmap_GetBuffer(bitmap), 4 * width * height);
    return { width, height, data: onWhite(bytes) };
  } finally {
    calls.FPDFBitmap_Destroy(bitmap);
  }
}

/** Four bytes at a time, the first of them the lowest: there are a million pixels to a picture. */
function onWhite(bytes: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const from = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const to = new Uint32Array(from.length);
  for (let at = 0; at < from.length; at += 1) {
    const pixel = from[at] ?? 0;
    const opacity = pixel >>> 24;
    if (opacity === 255) to[at] = (pixel & 0xff00ff00) | ((pixel >>> 16) & 255) | ((pixel & 255) << 16);
    else if (opacity === 0) to[at] = 0xffffffff;
    else {
      const red = faded((pixel >>> 16) & 255, opacity);
      const green = faded((pixel >>> 8) & 255, opacity);
      to[at] = 0xff000000 | (faded(pixel & 255, opacity) << 16) | (green << 8) | red;
    }
  }
  return new Uint8ClampedArray(to.buffer);
}

/** A shade that lets the white behind it through. */
function faded(shade: number, opacity: number): number {
  return 255 - Math.round(((255 - shade) * opacity) / 255);
}
