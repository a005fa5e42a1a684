import { createCanvas, ImageData, type Canvas } from '@napi-rs/canvas';
import type { Limits } from './limits.ts';
import { checkPixels } from './picture.ts';

/** The main picture of a HEIC or HEIF file, upright. Throws an error where it is damaged, LimnerError `limit`. */
export async function readHeic(bytes: Uint8Array, limits: Limits): Promise<Canvas> {
  const { default: libheif } = await import('libheif-js/wasm-bundle.js');
  await libheif.ready;
  const images = new libheif.HeifDecoder().decode(bytes);
  const image = images.find((one) => one.is_primary()) ?? images[0];
  if (!image) throw new Error('libheif finds no picture.');
  const [width, height] = [image.get_width(), image.get_height()];
  checkPixels(width, height, limits);
  const pixels = new ImageData(new Uint8ClampedArray(4 * width * height), width, height);
  const shown = await new Promise((resolve) => image.display(pixels, resolve));
  for (const each of images) each.free();
  if (!shown) throw new Error('libheif cannot decode the picture.');
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  return canvas;
}
