import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Block, Line, Word, Worker } from 'tesseract.js';
import { inkLength } from '../document.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import { languageFolder } from './ocr-languages.ts';
import { joinHyphens } from './pdf-layout.ts';

/** What was read from a picture. */
export interface Recognized {
  /** Lines as they stand, paragraphs parted by a blank line; empty where nothing was found. */
  text: string;
  /** As in `PageWords`, in pixels of the picture. */
  runs: number[];
  /** Mean of the words that were kept, weighted by their letters and digits; 0 to 100. */
  confidence: number;
}

export interface Ocr {
  /** Reads a picture (PNG, JPEG, PNM, ...). Nothing where that takes longer than a page may, or than `ms`. */
  read(picture: Uint8Array, ms?: number): Promise<Recognized | undefined>;
  close(): Promise<void>;
}

/** Words below this are shadows, stains and pictures taken for letters. */
const WORST_WORD = 35;
/** Tesseract in a thread of this process, started when first needed. Fetches nothing. */
export function createOcr({ ocrLanguages, ocrPageMs }: Pick<Limits, 'ocrLanguages' | 'ocrPageMs'>): Ocr {
  let engine: Promise<Worker> | undefined;

  async function close(): Promise<void> {
    const running = engine;
    engine = undefined;
    await (await running)?.terminate();
  }

  return {
    close,
    async read(picture, ms = ocrPageMs) {
      engine ??= startEngine(ocrLanguages);
      const worker = await engine;
      const clock = new AbortController();
      const late = after(ms, undefined, { signal: clock.signal }).catch(() => undefined);
      const reading = worker.recognize(Buffer.from(picture), {}, { blocks: true, text: false });
      const done = await Promise.race([reading, late]);
      clock.abort();
      // A thread in the middle of a page hears nothing, so it goes.
      if (!done) await close();
      return done && recognized(done.data.blocks ?? []);
    },
  };
}

/**
 * The package loads all languages from one folder, and each comes in a package of its own: those after the first are
 * put where Tesseract looks for them. The list is the worker's own, so that it does not ask for them again.
 */
async function startEngine(languages: readonly string[]): Promise<Worker> {
  const { createWorker } = await import('tesseract.js');
  const [first = 'eng', ...others] = languages;
  const loaded = [first];
  const worker = await createWorker(loaded, 1, {
    langPath: languageFolder(first) ?? '',
    cacheMethod: 'none',
    errorHandler: () => undefined, // the calls reject as well
  });
  for (const code of others) {
    const packed = await readFile(join(languageFolder(code) ?? '', `${code}.traineddata.gz`));
    await worker.FS('writeFile', [`./${code}.traineddata`, await promisify(gunzip)(packed)]);
    loaded.push(code);
  }
  if (others.length > 0) await worker.reinitialize(languages.join('+'));
  return worker;
}

function recognized(blocks: readonly Block[]): Recognized {
  const paragraphs = blocks.flatMap((block) => block.paragraphs.map(({ lines }) => keptLines(lines)));
  const words = paragraphs.flat(2);
  const letters = words.reduce((sum, { text }) => sum + lettersOf(text), 0);
  const sure = words.reduce((sum, { text, confidence }) => sum + confidence * lettersOf(text), 0);
  const text = paragraphs
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => line.map((word) => word.text).join(' ')).join('\n'))
    .join('\n\n');
  return { text: joinHyphens(text), runs: words.flatMap(runOf), confidence: sure / (letters || 1) };
}

/** Dots that lead to a page number tell nothing, and Tesseract is never sure of them. */
function lettersOf(text: string): number {
  return text.replaceAll(/[^\p{L}\p{N}]/gu, '').length;
}

/** Lines without a word that has a letter or a digit are rules, frames and dirt. */
function keptLines(lines: readonly Line[]): Word[][] {
  return lines
    .map(({ words }) =>
      words.filter(({ confidence, text }) => confidence >= WORST_WORD && text.trim() !== ''),
    )
    .filter((words) => words.some(({ text }) => /[\p{L}\p{N}]/u.test(text)));
}

function runOf({ text, bbox: { x0, y0, x1, y1 } }: Word): number[] {
  return [inkLength(text), x0, y0, x1 - x0, y1 - y0];
}

export function ocrLateWarning(page: number): string {
  return `Reading the picture of page ${page} took too long, so its words are not searchable (${LIMIT_SETTINGS.ocrPageMs}).`;
}

export function ocrLimitWarning({ ocrPages }: Limits): string {
  return `Only the first ${ocrPages} pages that are pictures were read (${LIMIT_SETTINGS.ocrPages}).`;
}
