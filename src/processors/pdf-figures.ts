import { createHash } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import type { PDFPageProxy, PageViewport } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { z } from 'zod';
import type { FoundFigure } from './processor.ts';
import { isFigureSize, MOST_FIGURES } from './figure-size.ts';

/** A figure takes at least this share of its page; less is an icon. */
const SMALLEST_SHARE = 0.012;
/** A picture behind the text of a whole page is a background, and one with nothing beside it a scan. */
const WHOLE_PAGE = 0.85;
/** pdf.js may never deliver a picture that it cannot decode. */
const DECODE_MS = 3000;

/** What pdf.js gives for a decoded picture. */
const Decoded = z.object({
  width: z.int().positive(),
  height: z.int().positive(),
  kind: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  data: z.union([z.instanceof(Uint8Array), z.instanceof(Uint8ClampedArray)]),
});
type Decoded = z.infer<typeof Decoded>;
type Bytes = Decoded['data'];

type Matrix = readonly [number, number, number, number, number, number];
const Numbers = z.array(z.number()).length(6);
const Painted = z.tuple([z.string()], z.unknown());

interface Placed {
  name: string;
  box: [x: number, y: number, width: number, height: number];
}

export interface FigureFinder {
  /** Whether there can be any more. */
  mayFind(): boolean;
  /** Figures of a page that did not come before; never more than a document keeps. */
  find(page: PDFPageProxy, number: number, viewport: PageViewport): Promise<FoundFigure[]>;
}

/** Finds pictures that a page shows as figures. `file` tells whether there can be any at all. */
export function createFigureFinder(file: Buffer): FigureFinder {
  // Dictionaries of streams are never inside other streams (PDF 32000-1, 7.5.7), so that this misses none.
  const hasPictures = /\/Subtype\s*\/Image\b/.test(file.toString('latin1'));
  const known = new Set<string>();
  /** Names of pictures that several pages share. */
  const shared = new Set<string>();

  return {
    mayFind: () => hasPictures && known.size < MOST_FIGURES,
    async find(page, number, viewport) {
      const found: FoundFigure[] = [];
      for (const placed of await placedPictures(page, viewport)) {
        if (shared.has(placed.name)) continue;
        if (isShared(placed.name)) shared.add(placed.name);
        const picture = await decoded(page, placed.name);
        if (!picture || !isFigureSize(picture.width, picture.height)) continue;
        const digest = createHash('sha256').update(picture.data).digest('hex');
        if (known.has(digest) || known.size >= MOST_FIGURES) continue;
        known.add(digest);
        found.push({ ...(await encoded(picture)), page: number, box: placed.box });
      }
      return found;
    },
  };
}

/** Pictures that a page paints, each with the rectangle it fills, in points from the top left corner. */
async function placedPictures(page: PDFPageProxy, viewport: PageViewport): Promise<Placed[]> {
  const { OPS } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const { fnArray, argsArray } = await page.getOperatorList();
  const stack: Matrix[] = [];
  const found: Placed[] = [];
  let matrix: Matrix = [1, 0, 0, 1, 0, 0];
  for (const [index, operator] of fnArray.entries()) {
    const operands: unknown = argsArray[index];
    if (operator === OPS.save || operator === OPS.paintFormXObjectBegin) stack.push(matrix);
    if (operator === OPS.restore || operator === OPS.paintFormXObjectEnd) matrix = stack.pop() ?? matrix;
    if (operator === OPS.transform) matrix = times(matrix, operands);
    if (operator === OPS.paintFormXObjectBegin && Array.isArray(operands))
      matrix = times(matrix, operands[0]);
    if (operator !== OPS.paintImageXObject) continue;
    const painted = Painted.safeParse(operands);
    const box = boxOf(matrix, viewport);
    if (painted.success && isShare(box, viewport)) found.push({ name: painted.data[0], box });
  }
  return found;
}

/** `before` followed by `more` (PDF 32000-1, 8.3.4); what is no matrix changes nothing. */
function times(before: Matrix, more: unknown): Matrix {
  const parsed = Numbers.safeParse(more);
  if (!parsed.success) return before;
  const [a = 1, b = 0, c = 0, d = 1, e = 0, f = 0] = parsed.data;
  const [A, B, C, D, E, F] = before;
  return [a * A + b * C, a * B + b * D, c * A + d * C, c * B + d * D, e * A + f * C + E, e * B + f * D + F];
}

/** A picture fills the unit square of its matrix. */
function boxOf([a, b, c, d, e, f]: Matrix, viewport: PageViewport): Placed['box'] {
  const corners = [
    [e, f],
    [a + e, b + f],
    [c + e, d + f],
    [a + c + e, b + d + f],
  ].map(([x = 0, y = 0]) => viewport.convertToViewportPoint(x, y));
  const xs = corners.map((corner) => Number(corner[0]));
  const ys = corners.map((corner) => Number(corner[1]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [right, bottom] = [Math.max(...xs), Math.max(...ys)];
  return [Math.round(left), Math.round(top), Math.round(right - left), Math.round(bottom - top)];
}

function isShare([, , width, height]: Placed['box'], viewport: PageViewport): boolean {
  const share = (width * height) / (viewport.width * viewport.height);
  return share >= SMALLEST_SHARE && share <= WHOLE_PAGE;
}

/** pdf.js keeps pictures of several pages for the document, under names that begin so. */
function isShared(name: string): boolean {
  return name.startsWith('g_');
}

async function decoded(page: PDFPageProxy, name: string): Promise<Decoded | undefined> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  (isShared(name) ? page.commonObjs : page.objs).get(name, resolve);
  const clock = new AbortController();
  const late = after(DECODE_MS, undefined, { signal: clock.signal }).catch(() => undefined);
  const object = await Promise.race([promise, late]);
  clock.abort();
  return Decoded.safeParse(object).data;
}

/** As it is kept; pdf.js gives one bit, three bytes or four bytes for each pixel. */
async function encoded({ width, height, kind, data }: Decoded): Promise<Omit<FoundFigure, 'page'>> {
  const { createCanvas } = await import('@napi-rs/canvas');
  const { toFigure } = await import('./picture.ts');
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const image = context.createImageData(width, height);
  if (kind === 1) spreadBits(data, image.data, width);
  else if (kind === 2) spreadBytes(data, image.data);
  else image.data.set(data.subarray(0, image.data.length));
  context.putImageData(image, 0, 0);
  return toFigure(canvas);
}

/** Rows of bits, each begun at a whole byte; 1 is white. */
function spreadBits(bits: Bytes, pixels: Uint8ClampedArray, width: number): void {
  const row = (width + 7) >> 3;
  for (let to = 0; to < pixels.length; to += 4) {
    const [x, y] = [(to / 4) % width, Math.floor(to / 4 / width)];
    const isWhite = ((bits[y * row + (x >> 3)] ?? 0) & (128 >> (x & 7))) !== 0;
    pixels.fill(isWhite ? 255 : 0, to, to + 3);
    pixels[to + 3] = 255;
  }
}

function spreadBytes(bytes: Bytes, pixels: Uint8ClampedArray): void {
  for (let from = 0, to = 0; to < pixels.length; from += 3, to += 4) {
    pixels[to] = bytes[from] ?? 0;
    pixels[to + 1] = bytes[from + 1] ?? 0;
    pixels[to + 2] = bytes[from + 2] ?? 0;
    pixels[to + 3] = 255;
  }
}
