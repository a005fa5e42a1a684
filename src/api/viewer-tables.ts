import type { Span } from '../document.ts';

const ROW = /^[ \t]*\|.*\|[ \t]*$/;
const UNDER_HEADER = /^[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$/;

/** Lines of a text that are shown alike; `span` counts in that text, the last line break left out. */
export interface Block {
  kind: 'text' | 'table';
  span: Span;
}

/** The text cut at the tables in it, which are those of Markdown: a header, a line of dashes, rows. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = linesOf(text);
  for (let at = 0; at < lines.length;) {
    const isTable = opensTable(lines, at);
    let next = at + 1;
    while (next < lines.length && (isTable ? lines[next]?.isRow : !opensTable(lines, next))) next++;
    blocks.push({
      kind: isTable ? 'table' : 'text',
      span: [lines[at]?.span[0] ?? 0, lines[next - 1]?.span[1] ?? 0],
    });
    at = next;
  }
  return blocks;
}

interface Line {
  span: Span;
  isRow: boolean;
  isRule: boolean;
}

const opensTable = (lines: readonly Line[], at: number): boolean =>
  lines[at]?.isRow === true && lines[at + 1]?.isRule === true;

function linesOf(text: string): Line[] {
  let start = 0;
  return text.split('\n').map((line) => {
    const span: Span = [start, start + line.length];
    start = span[1] + 1;
    return { span, isRow: ROW.test(line), isRule: UNDER_HEADER.test(line) };
  });
}

/** The rows of a table as the spans of their cells; the line of dashes is none. The first one is the header. */
export function rowsOf(text: string, [start, end]: Span): Span[][] {
  return linesOf(text.slice(start, end))
    .filter(({ isRule }) => !isRule)
    .map(({ span }) => cellsOf(text, [start + span[0], start + span[1]]));
}

function cellsOf(text: string, [start, end]: Span): Span[] {
  const bars = [...text.slice(start, end).matchAll(/(?<!\\)\|/g)].map(({ index }) => start + index);
  return bars.slice(0, -1).map((bar, at) => trimmed(text, [bar + 1, bars[at + 1] ?? end]));
}

function trimmed(text: string, [start, end]: Span): Span {
  const cell = text.slice(start, end);
  const first = start + cell.length - cell.trimStart().length;
  return [first, first + cell.trim().length];
}
