import type { Canvas } from '@napi-rs/canvas';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';

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
