import { pieces } from './cut.ts';
import { MAX_LINE, type Line } from './lines.ts';

/** Writes flowing text as lines. */
export interface LineWriter {
  /** Text of the current block; white space runs together outside of code. */
  text(value: string): void;
  lineBreak(): void;
  /** Ends the current block; with `apart` a blank line follows. Inside a row it is a blank only. */
  block(apart: boolean): void;
  /** Goes before the next block. */
  prefix(sign: string): void;
  openHeading(level: number): void;
  openCode(): void;
  closeCode(): void;
  openRow(isHeader: boolean): void;
  closeCell(): void;
  closeRow(): void;
  /** UTF-16 units given to `text` that show. */
  readonly written: number;
}

export function createLineWriter(emit: (line: Line) => void): LineWriter {
  let buffer = '';
  // The last character is kept aside: looking it up would copy the whole buffer at every word.
  let last = '\n';
  let written = 0;
  let sign = '';
  let level = 0;
  let codes = 0;
  let row: { isHeader: boolean; cells: number } | undefined;
  let isApart = true;

  function append(value: string): void {
    if (value === '') return;
    buffer += value;
    last = value.charAt(value.length - 1);
    written += value.trim() === '' ? 0 : value.length;
  }

  function flush(): void {
    const content = codes > 0 ? buffer : buffer.trim();
    buffer = '';
    last = '\n';
    if (content !== '') emitBlock(content);
  }

  function emitBlock(content: string): void {
    if (level > 0) emitHeading(content.replaceAll('\n', ' '));
    else for (const line of (sign + content).split('\n')) emitLine(codes > 0 ? line : line.trimEnd());
    level = 0;
    sign = '';
    isApart = false;
  }

  function emitHeading(content: string): void {
    const [title = ''] = pieces(content, MAX_LINE);
    emit({ text: `${'#'.repeat(level)} ${title}`, heading: { level, title } });
    if (content.length > title.length) emitLine(content.slice(title.length));
  }

  function emitLine(content: string): void {
    const parts = [...pieces(content, MAX_LINE)];
    for (const [index, text] of parts.entries()) emit({ text, more: index < parts.length - 1 });
  }

  function block(apart: boolean): void {
    if (row) {
      if (last !== ' ') append(' ');
      return;
    }
    flush();
    if (apart && !isApart && codes === 0) {
      emit({ text: '' });
      isApart = true;
    }
  }

  function fence(): void {
    emit({ text: '```' });
    isApart = false;
  }

  return {
    text(value) {
      if (codes > 0 && !row) return append(value);
      const joined = value.replace(/[ \t\n\r\f]+/g, ' ');
      append(last === ' ' || last === '\n' ? joined.trimStart() : joined);
    },
    lineBreak: () => append(row ? ' ' : '\n'),
    block,
    prefix(next) {
      // In a cell a number says more than a bullet.
      if (!row) sign = next;
      else if (!next.startsWith('-') && !next.startsWith(' ')) append(next);
    },
    openHeading: (next) => void (level = next),
    openCode() {
      if (codes === 0 && !row) fence();
      codes += 1;
    },
    closeCode() {
      if (codes === 1 && !row) {
        flush();
        fence();
      }
      codes = Math.max(0, codes - 1);
    },
    openRow(isHeader) {
      row = { isHeader, cells: 0 };
      append('| ');
    },
    closeCell() {
      if (!row) return;
      row.cells += 1;
      append(last === ' ' ? '| ' : ' | ');
    },
    closeRow() {
      if (!row) return;
      const rule = row.isHeader ? `|${' --- |'.repeat(row.cells)}` : '';
      row = undefined;
      flush();
      if (rule) emit({ text: rule });
    },
    get written() {
      return written;
    },
  };
}
