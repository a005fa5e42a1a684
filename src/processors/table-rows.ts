import type { Section } from '../document.ts';

/** A section of a table is closed after this many characters, so that it makes one passage with its header. */
const TARGET_LENGTH = 900;
/** A header longer than this is not said again. */
const MAX_HEADER = 300;
/** Further down it is no header any more. */
const LAST_HEADER_ROW = 10;

export interface Row {
  cells: readonly string[];
  /** The place of the row alone, joined to that of the section by the caller. */
  number: number;
}

/** Where a section of rows stands: the numbers of its first and last row, and its columns, from 0. */
export type PlaceOfRows = (first: number, last: number, columns: number) => Omit<Section, 'text'>;

export interface RowWriter {
  add(row: Row): void;
  /** The sections closed since the last call. */
  take(): Section[];
  finish(): Section[];
}

/**
 * Gathers rows to sections of modest length, a line each in the manner of Markdown. Where the first row of several cells
 * looks like a header, every section begins with it, so that a found row says what its cells mean. The first begins with
 * `caption`.
 */
export function createRowWriter(place: PlaceOfRows, caption?: string): RowWriter {
  const done: Section[] = [];
  let header: string | undefined;
  let lines: string[] = caption === undefined ? [] : [caption];
  let length = 0;
  let columns = 0;
  let rows = 0;
  let range: [number, number] | undefined;

  function close(): void {
    if (range) done.push({ text: lines.join('\n'), ...place(range[0], range[1], columns) });
    lines = header ? [header] : [];
    length = header?.length ?? 0;
    range = undefined;
    columns = 0;
  }

  return {
    add({ cells, number }) {
      const line = toLine(cells);
      // Lines of one cell above the table are its caption.
      const opens = header === undefined && (filled(cells) > 1 || rows >= LAST_HEADER_ROW);
      rows += 1;
      if (opens) header = isHeader(cells) ? `${line}\n|${' --- |'.repeat(cells.length)}` : '';
      if (range && length + line.length > TARGET_LENGTH) close();
      lines.push(opens && header ? header : line);
      length += line.length + 1;
      columns = Math.max(columns, cells.length);
      range = [range?.[0] ?? number, number];
      if (opens && line.length > MAX_HEADER) header = '';
    },
    take: () => done.splice(0),
    finish() {
      close();
      return done.splice(0);
    },
  };
}

function toLine(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll(/[\r\n]+/g, ' ')).join(' | ')} |`;
}

/** Two names or more, and no number among them. */
function isHeader(cells: readonly string[]): boolean {
  const names = cells.filter((cell) => cell.trim() !== '');
  return names.length > 1 && names.every((cell) => Number.isNaN(Number(cell)));
}

function filled(cells: readonly string[]): number {
  return cells.filter((cell) => cell.trim() !== '').length;
}
