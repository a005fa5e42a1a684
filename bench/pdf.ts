/**
 * Compares what reads PDF here with pdf-parse, and both with poppler's pdftotext where that is installed.
 *
 *     node bench/pdf.ts [folder]        (default: test/fixtures)
 *
 * OCR is off, since neither of the others has it. Prints for each: files read and failed, pages per second, and how near its words are to those of pdftotext, which is
 * a reference and not the truth: F1 of the words as a bag, and of neighbouring pairs of words for their order.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import { joinSections, type Extraction } from '../src/document.ts';
import { messageOf } from '../src/errors.ts';
import { DEFAULT_LIMITS } from '../src/processors/limits.ts';
import { pdf } from '../src/processors/pdf.ts';
import { merge } from '../src/processors/processor.ts';

interface Read {
  text: string;
  pages: number;
}

interface Engine {
  name: string;
  read(path: string): Promise<Read>;
}

const ENGINES: readonly Engine[] = [
  { name: 'limner', read: (path) => readWithLimner(path, true) },
  { name: 'limner, up to the words of the last page', read: (path) => readWithLimner(path, false) },
  { name: 'pdfjs-dist, words only', read: readPlainly },
  { name: 'pdf-parse 2.4.5', read: readWithPdfParse },
];

/** Figures come behind the text. */
async function readWithLimner(path: string, withFigures: boolean): Promise<Read> {
  const extraction: Extraction = { sections: [], warnings: [] };
  const file = { path, name: basename(path), bytes: statSync(path).size };
  for await (const part of pdf.read(file, { ...DEFAULT_LIMITS, ocrPages: 0 })) {
    merge(extraction, part);
    if (!withFigures && part.finished !== undefined && part.finished === extraction.pages) break;
  }
  return { text: joinSections(extraction.sections), pages: extraction.pages ?? 0 };
}

/** What pdf.js gives with the least work: the runs of each page in their order. */
async function readPlainly(path: string): Promise<Read> {
  const { getDocument } = await import('pdfjs-dist/legacy/build/pdf.mjs');
  const root = dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json'));
  const urls = {
    cMapUrl: join(root, 'cmaps/'),
    standardFontDataUrl: join(root, 'standard_fonts/'),
    wasmUrl: join(root, 'wasm/'),
  };
  const task = getDocument({ data: new Uint8Array(readFileSync(path)), ...urls, verbosity: 0 });
  try {
    const document = await task.promise;
    const texts: string[] = [];
    const pages = Math.min(document.numPages, DEFAULT_LIMITS.pages);
    for (let number = 1; number <= pages; number += 1)
      texts.push(await plainPage(document, number).catch(() => ''));
    return { text: texts.join('\n'), pages: document.numPages };
  } finally {
    await task.destroy();
  }
}

async function plainPage(document: PDFDocumentProxy, number: number): Promise<string> {
  const page = await document.getPage(number);
  const { items } = await page.getTextContent();
  page.cleanup();
  return items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('');
}

async function readWithPdfParse(path: string): Promise<Read> {
  const { PDFParse } = await import('pdf-parse');
  const parser = new PDFParse({ data: new Uint8Array(readFileSync(path)), verbosity: 0 });
  try {
    const result = await parser.getText({ pageJoiner: '' });
    return { text: result.text, pages: result.total };
  } finally {
    await parser.destroy();
  }
}

/** What pdftotext says of a file; nothing where it fails or is not installed. */
function reference(path: string): string | undefined {
  try {
    return execFileSync('pdftotext', ['-enc', 'UTF-8', path, '-'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1e9,
    });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}

function wordsOf(text: string): string[] {
  return (
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}

function pairsOf(words: readonly string[]): string[] {
  return words.slice(1).map((word, index) => `${words[index]} ${word}`);
}

/** F1 of two bags: twice what they share over what they hold together. */
function f1(found: readonly string[], wanted: readonly string[]): number {
  const counts = new Map<string, number>();
  for (const word of wanted) counts.set(word, (counts.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of found) {
    const left = counts.get(word) ?? 0;
    if (left > 0) shared += 1;
    counts.set(word, left - 1);
  }
  return found.length + wanted.length === 0 ? 1 : (2 * shared) / (found.length + wanted.length);
}

interface Scores {
  ok: number;
  failed: string[];
  pages: number;
  ms: number;
  words: number[];
  pairs: number[];
}

async function measure(
  engine: Engine,
  paths: readonly string[],
  texts: ReadonlyMap<string, string>,
): Promise<Scores> {
  const scores: Scores = { ok: 0, failed: [], pages: 0, ms: 0, words: [], pairs: [] };
  for (const path of paths) {
    const start = performance.now();
    try {
      const { text, pages } = await engine.read(path);
      scores.ms += performance.now() - start;
      scores.pages += pages;
      scores.ok += 1;
      compare(scores, text, texts.get(path));
    } catch (error) {
      scores.failed.push(`${basename(path)}: ${messageOf(error)}`);
    }
  }
  return scores;
}

/** Files with fewer words than this tell nothing about words. */
const FEWEST_WORDS = 20;

function compare(scores: Scores, text: string, wanted: string | undefined): void {
  const words = wordsOf(wanted ?? '');
  if (words.length < FEWEST_WORDS) return;
  const found = wordsOf(text);
  scores.words.push(f1(found, words));
  scores.pairs.push(f1(pairsOf(found), pairsOf(words)));
}

function mean(values: readonly number[]): string {
  if (values.length === 0) return '-';
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(3);
}

async function report(
  engine: Engine,
  paths: readonly string[],
  texts: ReadonlyMap<string, string>,
): Promise<void> {
  // The first file pays for loading the library.
  if (paths[0]) await engine.read(paths[0]).catch((error: unknown) => console.error(messageOf(error)));
  const { ok, failed, pages, ms, words, pairs } = await measure(engine, paths, texts);
  const speed = ms > 0 ? ((pages / ms) * 1000).toFixed(0) : '-';
  console.log(
    `${engine.name}: ${ok} read, ${failed.length} failed, ${pages} pages, ${speed} pages/s, ` +
      `word F1 ${mean(words)}, pair F1 ${mean(pairs)} over ${words.length} files`,
  );
  for (const reason of failed) console.log(`  ${reason}`);
}

async function main(folder: string, name: string | undefined): Promise<void> {
  const engine = ENGINES.find((candidate) => candidate.name === name);
  if (!engine) {
    // Two versions of pdf.js in one process find each other's worker, so each has a process of its own.
    for (const each of ENGINES) {
      execFileSync(process.execPath, [import.meta.filename, folder, each.name], { stdio: 'inherit' });
    }
    return;
  }
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.toLowerCase().endsWith('.pdf'))
    .map((path) => join(folder, path));
  const texts = new Map<string, string>();
  for (const path of paths) {
    const text = reference(path);
    if (text !== undefined) texts.set(path, text);
  }
  await report(engine, paths, texts);
}

await main(process.argv[2] ?? 'test/fixtures', process.argv[3]);
