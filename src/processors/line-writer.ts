import { pieces } from './cut.ts';
import { MAX_LINE, type Line } from './lines.ts';

/** Mails carry the replies to replies. */
const MAX_QUOTES = 3;

/** Its signs are written with the first word inside and right behind the last one. */
interface Mark {
  sign: string;
  tail: string;
  state: 'awaited' | 'open' | 'over';
}

/** Writes flowing text as lines. */
export interface LineWriter {
  /** Text of the current block; white space runs together outside of code. */
  text(value: string): void;
  lineBreak(): void;
  /** Ends the current block; with `apart` a blank line follows. Inside a row it is a blank only. */
  block(apart: boolean): void;
  /** Goes before the next block. */
  prefix(sign: string): void;
  /** What is written until `closeMark` stands between `sign` and `tail`, as far as the end of its block. */
  openMark(sign: string, tail: string): void;
  closeMark(): void;
  /** One level deeper into quotations, or out of them. */
  quote(by: 1 | -1): void;
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
  // So is a blank at the end, which marks are closed before.
  let blank = '';
  const marks: Mark[] = [];
  let quotes = 0;
  let written = 0;
  let sign = '';
  let level = 0;
  let codes = 0;
  let row: { isHeader: boolean; cells: number } | undefined;
  let isApart = true;

  function append(value: string): void {
    if (value === '') return;
    buffer += blank + value;
    blank = '';
    last = value.charAt(value.length - 1);
    written += value.trim() === '' ? 0 : value.length;
  }

  /** Text without white space other than single blanks. */
  function flow(value: string): void {
    if (value === '') return;
    const from = value.startsWith(' ') ? 1 : 0;
    const to = value.endsWith(' ') ? value.length - 1 : value.length;
    if (from === 1) blank = last = ' ';
    if (to <= from) return;
    append(openAwaited() + value.slice(from, to));
    if (to < value.length) blank = last = ' ';
  }

  function openAwaited(): string {
    let signs = '';
    for (const mark of marks) {
      if (mark.state !== 'awaited') continue;
      mark.state = 'open';
      signs += mark.sign;
    }
    return signs;
  }

  function close(mark: Mark): void {
    if (mark.state === 'open') {
      buffer += mark.tail;
      if (blank === '') last = mark.tail.slice(-1);
    }
    mark.state = 'over';
  }

  function flush(): void {
    for (const mark of marks.toReversed()) if (mark.state === 'open') close(mark);
    const content = codes > 0 ? buffer : buffer.trim();
    buffer = '';
    blank = '';
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
    emit({ text: `${'#'.repeat(level)} ${title}`, heading: { level, title: withoutLinks(title) } });
    if (content.length > title.length) emitLine(content.slice(title.length));
  }

  function emitLine(content: string): void {
    const parts = [...pieces('> '.repeat(Math.min(quotes, MAX_QUOTES)) + content, MAX_LINE)];
    for (const [index, text] of parts.entries()) emit({ text, more: index < parts.length - 1 });
  }

  function block(apart: boolean): void {
    if (row) {
      if (last !== ' ') blank = last = ' ';
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
      flow(last === ' ' || last === '\n' ? joined.trimStart() : joined);
    },
    lineBreak: () => append(row ? ' ' : '\n'),
    block,
    prefix(next) {
      // In a cell a number says more than a bullet.
      if (!row) sign = next;
      else if (!next.startsWith('*') && !next.startsWith(' ')) append(next);
    },
    openMark(sign, tail) {
      const isPlain = codes > 0 || ((level > 0 || row?.isHeader === true) && !sign.startsWith('['));
      marks.push({ sign, tail, state: isPlain ? 'over' : 'awaited' });
    },
    closeMark() {
      const mark = marks.pop();
      if (mark) close(mark);
    },
    quote(by) {
      quotes += by;
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

/** A heading is told by its words alone. */
function withoutLinks(title: string): string {
  return title.replaceAll(/\[([^[\]]*)\]\([^()\s]*(?: "[^"]*")?\)/g, '$1');
}
