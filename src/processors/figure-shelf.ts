import { createHash } from 'node:crypto';
import { imageSize } from 'image-size';
import type { Figure } from '../document.ts';
import { isFigureSize, MOST_FIGURE_BYTES, MOST_FIGURES } from './figure-size.ts';
import type { FoundFigure } from './processor.ts';
import type { Archive } from './zip.ts';

/** Kinds of pictures that are kept as they are, as image-size names them. */
const MIMES: Readonly<Record<string, Figure['mime']>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
};

/** Gathers the pictures of a document that are worth showing: large enough, each once, not too many. */
export interface FigureShelf {
  add(bytes: Uint8Array, about?: { description?: unknown; page?: number }): void;
  kept: FoundFigure[];
}

export function createFigureShelf(): FigureShelf {
  const known = new Set<string>();
  const kept: FoundFigure[] = [];
  let room = MOST_FIGURE_BYTES;
  return {
    kept,
    add(bytes, { description, page } = {}) {
      const found = figureOf(bytes);
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (!found || known.has(digest) || kept.length >= MOST_FIGURES || bytes.length > room) return;
      known.add(digest);
      room -= bytes.length;
      const said = typeof description === 'string' ? description.trim().slice(0, 10_000) : '';
      kept.push({ ...found, ...(said !== '' && { description: said }), ...(page !== undefined && { page }) });
    },
  };
}

/** The pictures of slides, by slide from 1; they are named as in the archive. */
export async function figuresOnSlides(
  archive: Archive,
  pictures: ReadonlyMap<number, readonly string[]>,
): Promise<FoundFigure[]> {
  const shelf = createFigureShelf();
  for (const [page, names] of pictures) {
    for (const name of names) {
      const bytes = await archive.read(name);
      if (bytes) shelf.add(bytes, { page });
    }
  }
  return shelf.kept;
}

function figureOf(bytes: Uint8Array): FoundFigure | undefined {
  try {
    const { width, height, type = '' } = imageSize(bytes);
    const mime = MIMES[type];
    return mime && isFigureSize(width, height) ? { bytes, mime, width, height } : undefined;
  } catch (error) {
    // The package throws a TypeError at what is no picture or a damaged one.
    if (error instanceof Error) return undefined;
    throw error;
  }
}
