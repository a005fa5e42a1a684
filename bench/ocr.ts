/**
 * How near OCR comes to the text of a PDF whose pages were made pictures, and how long it takes.
 *
 *     node bench/ocr.ts file.pdf [dots per inch, 150]        (needs poppler's pdftotext and pdftoppm)
 *
 * Prints for every page and for all: F1 of the words as a bag against pdftotext, confidence, milliseconds.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS } from '../src/processors/limits.ts';
import { createOcr } from '../src/processors/ocr.ts';

const wordsOf = (text: string): string[] =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .match(/[\p{L}\p{N}]+/gu) ?? [];

/** Twice what two bags share over what they hold together. */
function f1(found: readonly string[], wanted: readonly string[]): number {
  const left = Map.groupBy(wanted, (word) => word);
  const shared = found.filter((word) => left.get(word)?.pop() !== undefined).length;
  return (2 * shared) / (found.length + wanted.length);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function main(path: string, resolution: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'limner-ocr-'));
  const ocr = createOcr(DEFAULT_LIMITS);
  const scores: number[] = [];
  const times: number[] = [];
  try {
    execFileSync('pdftoppm', ['-r', resolution, '-gray', path, join(folder, 'page')]);
    for (const name of readdirSync(folder).toSorted()) {
      const number = /(\d+)\.pgm$/.exec(name)?.[1] ?? '1';
      const text = execFileSync('pdftotext', ['-f', number, '-l', number, path, '-'], { encoding: 'utf8' });
      if (wordsOf(text).length < 20) continue;
      const since = performance.now();
      const read = await ocr.read(readFileSync(join(folder, name)));
      times.push(performance.now() - since);
      scores.push(f1(wordsOf(read?.text ?? ''), wordsOf(text)));
      console.log(
        `page ${number}: F1 ${scores.at(-1)?.toFixed(3)}, confidence ${read?.confidence.toFixed(0)}, ${times.at(-1)?.toFixed(0)} ms`,
      );
    }
  } finally {
    await ocr.close();
    rmSync(folder, { recursive: true });
  }
  console.log(
    `${scores.length} pages at ${resolution} dpi: mean F1 ${mean(scores).toFixed(3)}, ${mean(times).toFixed(0)} ms a page`,
  );
}

await main(process.argv[2] ?? 'test/fixtures/sample.pdf', process.argv[3] ?? '150');
