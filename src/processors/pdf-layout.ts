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
 * where it moves far, blanks where there is a gap. Words parted by a hyphen at a line's end are joined.
 */
export function assemble(runs: readonly TextRun[]): string {
  const text: string[] = [];
  let previous: Placed | undefined;
  let ended = false;
  for (const run of runs) {
    if (run.str !== '') {
      const placed = place(run);
      if (previous) text.push(between(previous, placed, ended));
      text.push(run.str);
      previous = placed;
      ended = false;
    }
    ended ||= run.hasEOL;
  }
  return joinHyphens(text.join(''));
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
  if (gap > WIDE_BLANK) return '  ';
  return gap > BLANK || gap < STEP_BACK ? ' ' : '';
}

/** "exam-", line end, "ple": only between small letters, so that ranges and compound names stay. */
export function joinHyphens(text: string): string {
  return text.replace(/(\p{Ll})[-\u00ad\u2010]\n(?=\p{Ll})/gu, '$1');
}
