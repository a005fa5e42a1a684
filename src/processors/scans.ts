import { posix } from 'node:path';
import { imageSize } from 'image-size';
import { inkLength, type Section } from '../document.ts';
import type { Limits } from './limits.ts';
import { ocrLimitWarning } from './ocr.ts';
import type { Member } from './processor.ts';
import type { Archive } from './zip.ts';

/** A document, or a slide, with no more text than this for each of its pictures: then these may be scans. */
const LITTLE_TEXT = 60;
/** A page of text that can be read has at least this many pixels on its short side. */
const SMALLEST_SCAN = 300;
const PICTURE = /\.(?:png|jpe?g|gif|bmp|tiff?|webp)$/i;

/** Pictures that stand where text is to be expected, as files inside the document, which OCR reads. */
export interface Scans {
  members: Member[];
  warnings: string[];
}

/** The pictures in a folder of a document without pages, if there is little other text in it. */
export async function scansOf(
  archive: Archive,
  folder: string,
  text: string,
  limits: Limits,
): Promise<Scans> {
  const names = archive.names.filter((name) => name.startsWith(folder) && PICTURE.test(name));
  const ink = inkLength(text);
  if (limits.ocrPages === 0 || ink > LITTLE_TEXT * names.length) return { members: [], warnings: [] };
  const found = await scansAmong(archive, names.toSorted(byNumber));
  return within(ink > LITTLE_TEXT * found.length ? [] : found, limits);
}

/** The same of pictures that are at hand. */
export function scansIn(pictures: readonly Member[], text: string, limits: Limits): Scans {
  if (limits.ocrPages === 0) return { members: [], warnings: [] };
  const found = pictures.filter(({ name, bytes }) => PICTURE.test(name) && isLarge(bytes));
  return within(inkLength(text) > LITTLE_TEXT * found.length ? [] : found, limits);
}

/** The pictures of slides with little other text; `pictures` are names in the archive by slide, from 1. */
export async function scansOnSlides(
  archive: Archive,
  pictures: ReadonlyMap<number, readonly string[]>,
  sections: readonly Section[],
  limits: Limits,
): Promise<Scans> {
  if (limits.ocrPages === 0) return { members: [], warnings: [] };
  const found: Member[] = [];
  for (const [slide, names] of pictures) {
    const own = sections.filter((section) => section.slide === slide);
    if (own.reduce((sum, { text }) => sum + inkLength(text), 0) > LITTLE_TEXT) continue;
    const headings = own.find((section) => section.headings)?.headings;
    const place = { page: slide, slide, ...(headings && { headings }) };
    const scans = await scansAmong(
      archive,
      names.filter((name) => PICTURE.test(name)),
    );
    found.push(...scans.map((scan) => Object.assign(scan, { place })));
  }
  return within(found, limits);
}

async function scansAmong(archive: Archive, names: readonly string[]): Promise<Member[]> {
  const found: Member[] = [];
  for (const name of names) {
    const bytes = await archive.read(name);
    if (bytes && isLarge(bytes)) found.push({ name: posix.basename(name), bytes });
  }
  return found;
}

function isLarge(bytes: Uint8Array): boolean {
  try {
    const { width, height } = imageSize(bytes);
    return Math.min(width, height) >= SMALLEST_SCAN;
  } catch (error) {
    // The package throws a TypeError at what is no picture or a damaged one.
    if (error instanceof Error) return false;
    throw error;
  }
}

/** image2 before image10. */
function byNumber(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function within(found: readonly Member[], limits: Limits): Scans {
  const isMore = found.length > limits.ocrPages;
  return { members: found.slice(0, limits.ocrPages), warnings: isMore ? [ocrLimitWarning(limits)] : [] };
}
