import { createCanvas, ImageData, type Canvas } from '@napi-rs/canvas';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import type { Pixels } from './pdf-pictures.ts';
import type { FoundFigure } from './processor.ts';

/** Throws LimnerError `limit` for a picture that unpacks to more pixels than are read. */
export function checkPixels(width: number, height: number, { picturePixels }: Limits): void {
  if (width * height <= picturePixels) return;
  throw new LimnerError(
    'limit',
    `The picture has ${width} times ${height} pixels; up to ${picturePixels / 1e6} million are read (${LIMIT_SETTINGS.picturePixels}).`,
  );
}

/** The shade of every pixel as a PGM file (netpbm, P5), which is what Tesseract takes with the least work. */
export function toPgm(canvas: Canvas): Buffer {
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const head = Buffer.from(`P5\n${width} ${height}\n255\n`, 'latin1');
  const file = Buffer.allocUnsafe(head.length + width * height);
  head.copy(file);
  for (let from = 0, to = head.length; from < data.length; from += 4, to += 1) {
    // ITU-R BT.601, in 256ths.
    file[to] = ((data[from] ?? 0) * 77 + (data[from + 1] ?? 0) * 150 + (data[from + 2] ?? 0) * 29) >> 8;
  }
  return file;
}

/** Figures are shown beside answers: larger ones are made smaller. */
const LONGEST_FIGURE_SIDE = 1600;
const QUALITY = 85;

/** A picture as it is kept: JPEG (five times as fast as WebP), on white, no larger than it is shown, and `shrink` times its size at most. */
export async function toFigure(canvas: Canvas, shrink = 1): Promise<Omit<FoundFigure, 'page'>> {
  const scale = Math.min(1, shrink, LONGEST_FIGURE_SIDE / Math.max(canvas.width, canvas.height));
  const width = Math.max(1, Math.round(canvas.width * scale));
  const height = Math.max(1, Math.round(canvas.height * scale));
  const kept = createCanvas(width, height);
  const context = kept.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(canvas, 0, 0, width, height);
  return { bytes: await kept.encode('jpeg', QUALITY), mime: 'image/jpeg', width, height };
}

/** Pixels as they are kept. */
export async function keepPixels({ width, height, data }: Pixels): Promise<Omit<FoundFigure, 'page'>> {
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').putImageData(new ImageData(data, width, height), 0, 0);
  return { bytes: await canvas.encode('jpeg', QUALITY), mime: 'image/jpeg', width, height };
}
