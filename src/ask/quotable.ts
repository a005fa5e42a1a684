import { sentencesOf } from './sentences.ts';

/** What may be quoted alone. `words` are its own, `shown` is how it reads without what stands around it. */
export interface Quotable {
  words: string;
  shown: string;
  /** It names what follows; quoted alone it would say nothing. */
  isHeading: boolean;
}

const ROW = /^\s*\|.*\|\s*$/;
const UNDER_HEADER = /^[\s|:-]+$/;
const HEADING = /^\s*#{1,6}\s+/;
const BULLET = /^\s*[-*+•]\s+/;
/** At the beginning of a line of running text it may be a date: it is an item only after another one. */
const NUMBERED = /^\s*\d{1,3}[.)]\s/;
/** `Subject: Boiler`, as a form has them, or `**Subject:** Boiler`, as the head of a message. */
const FIELD = /^\s*(?:\*\*)?\p{L}[\p{L}\p{N} _-]{0,30}:(?:\*\*)?\s/u;
const QUOTATION = /^(?:> ){1,3}/;

/**
 * The sentences of an extracted text in their order. A heading, an item of a list, a field and a row of a table is one of its
 * own, whatever ends it (`headings` are those that the document has there); a row is shown with what stands above its cells: `item: Oil · shelf: C1`.
 */
export function quotableIn(text: string, headings: readonly string[] = []): Quotable[] {
  const isHeading = (line: string): boolean => HEADING.test(line) || headings.includes(line.trim());
  return text
    .split(/\n\s*\n/u)
    .flatMap((paragraph) => blocksOf(paragraph, isHeading).flatMap((lines) => partsOf(lines, isHeading)));
}

/** Lines that belong together: those of a table, or those that one sentence may run over. */
function blocksOf(paragraph: string, isHeading: (line: string) => boolean): string[][] {
  const blocks: string[][] = [];
  let isTable = false;
  for (const line of paragraph.split('\n')) {
    const isRow = ROW.test(line);
    const last = blocks.at(-1);
    const isApart = isHeading(line) || isHeading(last?.[0] ?? '') || begins(line, last?.[0] ?? '');
    if (last && isRow === isTable && !isApart) last.push(line);
    else blocks.push([line]);
    isTable = isRow;
  }
  return blocks;
}

function begins(line: string, before: string): boolean {
  return BULLET.test(line) || FIELD.test(line) || (NUMBERED.test(line) && NUMBERED.test(before));
}

function partsOf(lines: readonly string[], isHeading: (line: string) => boolean): Quotable[] {
  const [first = ''] = lines;
  if (ROW.test(first)) return rowsOf(lines);
  const text = lines
    .map((line) => line.replace(QUOTATION, ''))
    .join(' ')
    .replace(HEADING, '')
    .replace(BULLET, '');
  return sentencesOf(text)
    .filter((words) => words !== '')
    .map((words) => ({ words, shown: words, isHeading: isHeading(first) }));
}

function rowsOf(lines: readonly string[]): Quotable[] {
  const hasHeader = UNDER_HEADER.test(lines[1] ?? '');
  const header = hasHeader ? cellsOf(lines[0] ?? '') : [];
  const rows = lines.filter((line, at) => !UNDER_HEADER.test(line) && !(hasHeader && at === 0));
  // A table that is only a header still says something.
  if (rows.length === 0) return [{ words: header.join(' '), shown: header.join(' · '), isHeading: true }];
  return rows.map((row) => {
    const cells = cellsOf(row);
    const shown = cells
      .map((cell, at) => (header[at] && cell ? `${header[at]}: ${cell}` : cell))
      .filter(Boolean)
      .join(' · ');
    return { words: cells.join(' '), shown, isHeading: false };
  });
}

/** The cells of a row in Markdown; a `\|` is a sign of its cell. */
const cellsOf = (row: string): string[] =>
  row
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/u)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
