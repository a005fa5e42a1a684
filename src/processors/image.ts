import { readFile } from 'node:fs/promises';
import type { Section, SourceFile } from '../document.ts';
import { readPhotoFacts } from './exif.ts';
import type { ImagePage } from './image-pages.ts';
import type { Limits } from './limits.ts';
import { createOcr, ocrLateWarning, ocrLimitWarning, type Ocr, type Recognized } from './ocr.ts';
import type { FoundFigure, Part, Processor } from './processor.ts';

/** Pictures: the words on them by OCR, and what stands in them beside the pixels. */
export const image: Processor = {
  name: 'image',
  version: 5,
  kinds: ['png', 'apng', 'jpg', 'webp', 'gif', 'bmp', 'tif', 'avif', 'heic'],
  label: 'a picture',
  extensions: [
    'png',
    'apng',
    'jpg',
    'jpeg',
    'jpe',
    'jfif',
    'webp',
    'gif',
    'bmp',
    'tif',
    'tiff',
    'avif',
    'heic',
    'heif',
  ],
  native: true,
  read,
};

/** Larger files are made smaller. */
const MOST_OWN_BYTES = 8 * 1024 * 1024;

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const bytes = await readFile(file.path);
  const facts = await readPhotoFacts(bytes);
  const ocr = createOcr(limits);
  try {
    yield* readPages(bytes, ocr, limits);
  } finally {
    await ocr.close();
  }
  // Last, so that what is written on the picture comes first in its text.
  if (facts.text !== '') yield { sections: [{ text: facts.text }] };
  if (facts.title !== undefined) yield { title: facts.title };
}

/** Only TIFF has pages; another picture is one thing without a number. */
async function* readPages(bytes: Buffer, ocr: Ocr, limits: Limits): AsyncGenerator<Part> {
  const { imagePages } = await import('./image-pages.ts');
  const { createUpright } = await import('./ocr-turn.ts');
  const readUpright = createUpright(ocr, limits.ocrPageMs);
  const paged = isTiff(bytes);
  let number = 0;
  for await (const page of imagePages(bytes, paged, limits)) {
    number += 1;
    yield { ...(paged && { pages: number }), figures: [await figureOf(page, bytes, number, paged)] };
    if (number <= limits.ocrPages)
      yield partOf(page, await readUpright(page.canvas, 1 / page.scale), number, paged);
  }
  if (number > limits.ocrPages && limits.ocrPages > 0) yield { warnings: [ocrLimitWarning(limits)] };
}

function partOf(page: ImagePage, read: Recognized | undefined, number: number, paged: boolean): Part {
  if (!read) return { warnings: [ocrLateWarning(number)] };
  if (read.text === '') return { ocr: { pages: 0, confidence: 0 } };
  const section: Section = { text: read.text, ...(paged && { page: number }) };
  const { width, height } = page;
  return {
    sections: [section],
    ocr: { pages: 1, confidence: read.confidence },
    words: [{ page: number, width, height, runs: read.runs }],
  };
}

/** Kinds that are kept as they are: every browser shows them, and every vision model reads them. */
const KEPT: Readonly<Record<string, FoundFigure['mime']>> = { png: 'image/png', jpg: 'image/jpeg' };

/** The picture itself, so that an answer and the viewer can show it. */
async function figureOf(
  page: ImagePage,
  bytes: Buffer,
  number: number,
  paged: boolean,
): Promise<FoundFigure> {
  const { imageSize } = await import('image-size');
  const { toFigure } = await import('./picture.ts');
  const mime = paged || bytes.length > MOST_OWN_BYTES ? undefined : KEPT[imageSize(bytes).type ?? ''];
  const figure = mime
    ? { bytes, mime, width: page.width, height: page.height }
    : await toFigure(page.canvas, 1 / page.scale);
  return { ...figure, ...(paged && { page: number }) };
}

/** The first four bytes (TIFF 6.0, section 2), for both orders of bytes. */
function isTiff(bytes: Buffer): boolean {
  const magic = bytes.toString('latin1', 0, 4);
  return magic === 'II*\0' || magic === 'MM\0*';
}
