import { joinLines, type Cell, type LaidLine } from './pdf-columns.ts';

/** A run of text on a page as pdf.js gives it. */
export interface TextRun {
  str: string;
  /** `rtl` where the run goes from right to left. */
  dir: string;
  /** The text matrix [a, b, c, d, e, f] of the PDF reference: (a, b) points along the line, (e, f) is its start. */
  transform: readonly number[];
  /** Length along the line and size of the font, in points. */
  width: number;
  height: number;
  hasEOL: boolean;
}

/** Distances in multiples of the font size. */
const NEW_LINE = 0.6;
const NEW_PARAGRAPH = 2.2;
const BLANK = 0.18;
const WIDE_BLANK = 2;
const STEP_BACK = -1.5;

/** A gap between columns. */
const WIDE = '  ';

interface Placed {
  run: TextRun;
  /** Direction of writing in radians, rounded so that equal ones are equal. */
  angle: number;
  /** Where the run starts along its direction, and how far its baseline is from the origin. */
  along: number;
  baseline: number;
}

/**
 * Puts the runs of a page together in the order of its content stream: lines where the baseline moves, blank lines
 * where it moves far, blanks where there is a gap, bars between columns. Words parted by a hyphen at a line's end are
 * joined.
 */
export function assemble(runs: readonly TextRun[]): string {
  const lines: LaidLine[] = [];
  let previous: Placed | undefined;
  let ended = false;
  for (const run of runs) {
    if (run.str !== '') {
      const placed = place(run);
      append(lines, placed, previous ? between(previous, placed, ended) : '\n');
      previous = placed;
      ended = false;
    }
    ended ||= run.hasEOL;
  }
  return joinHyphens(joinLines(lines));
}

/** Puts a run where what stands before it says: on a new line, in a new cell, or at the end of the last one. */
function append(lines: LaidLine[], { run, along }: Placed, before: string): void {
  const size = run.height || 1;
  const cell = { text: run.str, start: along, end: along + run.width };
  const line = lines.at(-1);
  const last = line?.cells.at(-1);
  if (!line || !last || before.startsWith('\n')) return void lines.push({ cells: [cell], size, before });
  // pdf.js gives some gaps as a blank as wide as they are.
  const isGap = run.str.trim() === '' && run.width > WIDE_BLANK * (last.text === '' ? size : line.size);
  if (isGap) line.cells.push({ text: '', start: cell.end, end: cell.end });
  else if (before === WIDE) line.cells.push(cell);
  else extend(last, cell, before);
}

function extend(last: Cell, more: Cell, before: string): void {
  last.start = last.text === '' ? more.start : Math.min(last.start, more.start);
  last.text += before + more.text;
  if (more.text.trim() !== '') last.end = Math.max(last.end, more.end);
}

function place(run: TextRun): Placed {
  const [a = 1, b = 0, , , x = 0, y = 0] = run.transform;
  const angle = Math.round(Math.atan2(b, a) * 100) / 100;
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return { run, angle, along: x * cos + y * sin, baseline: y * cos - x * sin };
}

/** What stands between two runs: nothing, blanks, or line ends. */
function between(before: Placed, after: Placed, ended: boolean): string {
  const size = Math.max(before.run.height, after.run.height) || 1;
  const moved = Math.abs(after.baseline - before.baseline);
  if (after.angle !== before.angle) return '\n';
  if (moved > NEW_PARAGRAPH * size) return '\n\n';
  if (moved > NEW_LINE * size || ended) return '\n';
  return blanks(gapBetween(before, after) / size, before.run.str, after.run.str);
}

function gapBetween(before: Placed, after: Placed): number {
  return after.run.dir === 'rtl'
    ? before.along - (after.along + after.run.width)
    : after.along - (before.along + before.run.width);
}

function blanks(gap: number, before: string, after: string): string {
  if (before.endsWith(' ') || after.startsWith(' ')) return '';
  if (gap > WIDE_BLANK) return WIDE;
  return gap > BLANK || gap < STEP_BACK ? ' ' : '';
}

/** "exam-", line end, "ple": only between small letters, so that ranges and compound names stay. */
export function joinHyphens(text: string): string {
  return text.replace(/(\p{Ll})[-\u00ad\u2010]\n(?=\p{Ll})/gu, '$1');
}
