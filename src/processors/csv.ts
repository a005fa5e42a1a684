import { Readable } from 'node:stream';
import type { SourceFile } from '../document.ts';
import { readBytes } from './bytes.ts';
import { cellAddress } from './cell-address.ts';
import { decodeFile, detectCharset } from './charset.ts';
import type { Part, Processor } from './processor.ts';
import { createRowWriter } from './table-rows.ts';

const DELIMITERS = [',', '\t', ';', '|'];
/** Enough to see which sign parts the cells. */
const SAMPLE_BYTES = 16 * 1024;

/** Comma- and tab-separated values: rows with their header, by cell range. */
export const csv: Processor = {
  name: 'csv',
  version: 2,
  kinds: ['csv'],
  label: 'a table of comma-separated values',
  extensions: ['csv', 'tsv', 'tab'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const writer = createRowWriter((first, last, columns) => ({
    range: `${cellAddress(0, first)}:${cellAddress(columns - 1, last)}`,
  }));
  let number = 0;
  for await (const cells of readRows(file)) {
    number += 1;
    if (number === 1 && cells[0]?.toLowerCase().startsWith('sep=') && cells.length < 3) continue;
    if (cells.some((cell) => cell.trim() !== '')) writer.add({ cells, number });
    const sections = writer.take();
    if (sections.length > 0) yield { sections };
  }
  yield { sections: writer.finish() };
}

async function* readRows(file: SourceFile): AsyncGenerator<string[]> {
  const { default: papa } = await import('papaparse');
  const charset = await detectCharset(file.path);
  const sample = new TextDecoder(charset.startsWith('utf') ? charset : 'latin1').decode(
    await readBytes(file.path, SAMPLE_BYTES),
  );
  // Excel writes the sign into the first line of files that are not parted by the one of its country.
  const told = /^\uFEFF?"?sep=(.)"?\r?\n/i.exec(sample)?.[1];
  const guess = { preview: 20, delimitersToGuess: DELIMITERS, skipEmptyLines: true };
  const delimiter = told ?? papa.parse(sample, guess).meta.delimiter;
  const parser = papa.parse(papa.NODE_STREAM_INPUT, { delimiter });
  const source = Readable.from(decodeFile(file.path, charset));
  source.on('error', (error) => parser.destroy(error));
  for await (const row of source.pipe(parser)) if (isRow(row)) yield row;
}

function isRow(row: unknown): row is string[] {
  return Array.isArray(row) && row.every((cell) => typeof cell === 'string');
}
