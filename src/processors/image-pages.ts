import { createCanvas, loadImage, type Canvas } from '@napi-rs/canvas';
import { imageSize } from 'image-size';
import { LimnerError } from '../errors.ts';
import { readHeic } from './heic.ts';
import type { Limits } from './limits.ts';
import { checkPixels } from './picture.ts';
import { mendTiff } from './tiff-mend.ts';

/** Larger pictures are made smaller before OCR: that is 220 dpi on A4, and time grows with the area. */
const LONGEST_SIDE = 2600;
/** Smaller ones are made larger: Tesseract wants letters about 30 pixels high. */
const SHORT_SIDE = 1000;
const MOST_GROWTH = 2;

/** One page of a picture as it is to be looked at: turned upright, on white. */
export interface ImagePage {
  /** Pixels of the picture itself, upright. */
  width: number;
  height: number;
  /** How many pixels of the canvas one of the picture became. */
  scale: number;
  canvas: Canvas;
}

/** Turns by quarters for each value of the field Orientation (TIFF 6.0); mirrored pictures are not turned back. */
const QUARTERS: Readonly<Record<number, number>> = { 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3 };

/** Decodes a picture; all but TIFF are turned upright by what decodes them. Throws LimnerError `corrupt` or `limit`. */
export async function* imagePages(bytes: Buffer, isTiff: boolean, limits: Limits): AsyncGenerator<ImagePage> {
  if (isTiff) yield* tiffPages(bytes, limits);
  else yield await onlyPage(bytes, limits);
}

async function onlyPage(bytes: Buffer, limits: Limits): Promise<ImagePage> {
  try {
    const { width, height } = imageSize(bytes);
    checkPixels(width, height, limits);
    const image = isHeic(bytes) ? await readHeic(bytes, limits) : await loadImage(bytes);
    return drawn(image, image.width, image.height, 0);
  } catch (cause) {
    throw cause instanceof LimnerError ? cause : damaged(cause);
  }
}

/** Any brand of the HEIF family but AVIF's (ISO/IEC 23008-12), whose pictures every decoder here knows. */
function isHeic(bytes: Buffer): boolean {
  const [box, brand] = [bytes.toString('latin1', 4, 8), bytes.toString('latin1', 8, 12)];
  return box === 'ftyp' && brand !== 'avif' && brand !== 'avis';
}

async function* tiffPages(file: Buffer, limits: Limits): AsyncGenerator<ImagePage> {
  const bytes = mendTiff(file);
  const { default: utif } = await import('utif2');
  const directories = readable(() => utif.decode(bytes));
  for (const directory of directories.slice(0, limits.pages)) {
    const [width, height] = [numberOf(directory['t256']), numberOf(directory['t257'])];
    // A thumbnail or a mask stands beside its page; it is none (TIFF 6.0, NewSubfileType).
    if (width < 1 || height < 1 || (numberOf(directory['t254']) & 1) === 1) continue;
    checkPixels(width, height, limits);
    const pixels = readable(() => {
      utif.decodeImage(bytes, directory);
      return utif.toRGBA8(directory);
    });
    const plain = createCanvas(width, height);
    const context = plain.getContext('2d');
    const data = context.createImageData(width, height);
    data.data.set(pixels.subarray(0, data.data.length));
    context.putImageData(data, 0, 0);
    yield drawn(plain, width, height, QUARTERS[numberOf(directory['t274'])] ?? 0);
  }
}

/** The package throws plain errors of any kind at damaged files. */
function readable<Read>(read: () => Read): Read {
  try {
    return read();
  } catch (cause) {
    throw damaged(cause);
  }
}

/** A TIFF field is a list of values. */
function numberOf(field: unknown): number {
  const value: unknown = Array.isArray(field) || ArrayBuffer.isView(field) ? Reflect.get(field, 0) : field;
  return typeof value === 'number' ? value : 0;
}

function drawn(image: Parameters<typeof drawTurned>[1], w: number, h: number, quarters: number): ImagePage {
  const [width, height] = quarters % 2 === 1 ? [h, w] : [w, h];
  const growth = Math.min(MOST_GROWTH, Math.max(1, SHORT_SIDE / Math.max(1, Math.min(width, height))));
  const scale = Math.min(growth, LONGEST_SIDE / Math.max(width, height));
  const canvas = createCanvas(
    Math.max(1, Math.round(width * scale)),
    Math.max(1, Math.round(height * scale)),
  );
  drawTurned(canvas, image, [w * scale, h * scale], quarters);
  return { width, height, scale, canvas };
}

function drawTurned(
  canvas: Canvas,
  image: Awaited<ReturnType<typeof loadImage>> | Canvas,
  [width, height]: [width: number, height: number],
  quarters: number,
): void {
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(canvas.width / 2, canvas.height / 2);
  context.rotate((quarters * Math.PI) / 2);
  context.drawImage(image, -width / 2, -height / 2, width, height);
}

function damaged(cause: unknown): LimnerError {
  const message = 'The picture is damaged or was cut short; copy it here again or save it anew.';
  return new LimnerError('corrupt', message, { cause });
}
