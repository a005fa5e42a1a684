import type { TextRun } from './pdf-layout.ts';

/** Distances in multiples of the font size: below it runs are on one line, above it cells of it are apart. */
const NEW_LINE = 0.6;
const GUTTER = 0.8;
/** Lines farther apart than this are of different blocks, in multiples of the usual distance. */
const NEW_BLOCK = 1.35;
/** Columns of so many lines that were written in turns are no chance. */
const FEWEST_LINES = 6;
/** Lines of prose fill their column up to the last word: most of them, to so large a part. */
const MOST = 0.6;
const FULL = 0.8;
const LETTERS = 15;
/** And go on in the middle of a sentence, where the script tells. */
const GOING_ON = 0.3;

interface Line {
  runs: TextRun[];
  /** Stretches without a gutter inside, from left to right. */
  cells: [start: number, end: number][];
  baseline: number;
  size: number;
}

type Gap = [start: number, end: number];

/**
 * The runs of a page in the order in which they are read. Most programs write column after column; where they write
 * line by line across columns of prose, those are put after one another. Tables stay as they are.
 */
export function inReadingOrder(runs: readonly TextRun[]): readonly TextRun[] {
  if (runs.length < 2 * FEWEST_LINES) return runs;
  const lines = linesOf(runs);
  const ordered: TextRun[] = [];
  for (let at = 0; at < lines.length;) {
    const { end, gutters } = stretchFrom(lines, at);
    const stretch = lines.slice(at, end);
    const isWoven = gutters.length > 0 && isProse(stretch, gutters);
    for (const block of isWoven ? blocksOf(stretch) : [stretch])
      ordered.push(...(isWoven ? columnsOf(block, gutters).flat() : block.flatMap((line) => line.runs)));
    at = end;
  }
  return ordered;
}

function linesOf(runs: readonly TextRun[]): Line[] {
  const lines: Line[] = [];
  for (const run of runs) {
    const last = lines.at(-1);
    const [, b = 0, , , start = 0, baseline = 0] = run.transform;
    const size = run.height || 1;
    const isBlank = run.str.trim() === '';
    const isSame =
      last && b === 0 && Math.abs(baseline - last.baseline) <= NEW_LINE * Math.max(size, last.size);
    if (last && (isSame || isBlank)) last.runs.push(run);
    else lines.push({ runs: [run], cells: [], baseline, size });
    const line = lines.at(-1);
    if (line && !isBlank) addCell(line, b === 0 ? [start, start + run.width] : [-Infinity, Infinity]);
  }
  return lines;
}

/** Joins the cell with those that no gutter parts it from. */
function addCell(line: Line, cell: Gap): void {
  const reach = GUTTER * line.size;
  const near = line.cells.filter(([start, end]) => start < cell[1] + reach && cell[0] < end + reach);
  const joined: Gap = [
    Math.min(cell[0], ...near.map(([start]) => start)),
    Math.max(cell[1], ...near.map(([, end]) => end)),
  ];
  line.cells = [...line.cells.filter((one) => !near.includes(one)), joined].toSorted(([a], [b]) => a - b);
}

/** The lines from `at` on that leave the same gutters free; one line where there are none. */
function stretchFrom(lines: readonly Line[], at: number): { end: number; gutters: Gap[] } {
  let gutters = gapsOf(lines[at]);
  let end = at + 1;
  for (; end < lines.length && gutters.length > 0; end += 1) {
    const line = lines[end];
    const left = line ? gutters.flatMap((gap) => freeOf(gap, line)) : [];
    if (left.length === 0) break;
    gutters = left;
  }
  return { end, gutters };
}

function gapsOf(line: Line | undefined): Gap[] {
  const cells = line?.cells ?? [];
  return cells.slice(1).map(([start], index): Gap => [cells[index]?.[1] ?? start, start]);
}

/** What a line leaves of a gutter. */
function freeOf([start, end]: Gap, { cells, size }: Line): Gap[] {
  let [from, to] = [start, end];
  for (const [left, right] of cells) {
    if (right <= from || left >= to) continue;
    if (left <= from) from = right;
    else to = left;
  }
  return to - from >= GUTTER * size ? [[from, to]] : [];
}

/** Columns of prose whose lines were written in turns. */
function isProse(lines: readonly Line[], gutters: readonly Gap[]): boolean {
  const both = lines.filter(({ cells }) => cells.length > 1).length;
  const columns = columnsOf(lines, gutters);
  if (both < FEWEST_LINES && turnsOf(lines, gutters) < 2 * FEWEST_LINES) return false;
  return columns.every((column) => isColumnOfProse(linesOf(column)));
}

/** How often the writing goes back to a column on the left. */
function turnsOf(lines: readonly Line[], gutters: readonly Gap[]): number {
  const order = lines.flatMap(({ runs }) => runs.filter(({ str }) => str.trim() !== ''));
  const columns = order.map((run) => columnOf(run, gutters));
  return columns.filter((column, index) => column !== (columns[index - 1] ?? column)).length;
}

function isColumnOfProse(lines: readonly Line[]): boolean {
  if (lines.length < FEWEST_LINES) return false;
  const widths = lines.map(({ cells }) => (cells.at(-1)?.[1] ?? 0) - (cells[0]?.[0] ?? 0));
  const widest = widths.reduce((most, width) => Math.max(most, width), 0);
  const texts = lines.map(({ runs }) =>
    runs
      .map(({ str }) => str)
      .join('')
      .trim(),
  );
  const full = widths.filter((width) => width >= FULL * widest).length;
  const letters = texts.reduce((sum, text) => sum + (text.match(/\p{L}/gu)?.length ?? 0), 0);
  const small = texts.filter((text) => /^\p{Ll}/u.test(text)).length;
  const cased = texts.filter((text) => /^[\p{Ll}\p{Lu}]/u.test(text)).length;
  return (
    full >= MOST * lines.length && letters >= LETTERS * lines.length && small >= GOING_ON * Math.max(1, cased)
  );
}

/** Parted where all columns leave more room than between lines. */
function blocksOf(lines: readonly Line[]): Line[][] {
  const steps = lines.slice(1).map(({ baseline }, index) => (lines[index]?.baseline ?? 0) - baseline);
  const usual = steps.filter((step) => step > 1).toSorted((one, other) => one - other)[
    Math.floor(steps.length / 2)
  ];
  const blocks: Line[][] = [];
  for (const [index, line] of lines.entries()) {
    const step = index === 0 ? Infinity : (steps[index - 1] ?? 0);
    if (step > NEW_BLOCK * (usual ?? Infinity) || index === 0) blocks.push([]);
    blocks.at(-1)?.push(line);
  }
  return blocks;
}

/** The runs of each column, from left to right, or from right to left where most of them are written so. */
function columnsOf(lines: readonly Line[], gutters: readonly Gap[]): TextRun[][] {
  const columns = Array.from({ length: gutters.length + 1 }, (): TextRun[] => []);
  const runs = lines.flatMap((line) => line.runs);
  for (const run of runs) if (!isAcross(run, gutters)) columns[columnOf(run, gutters)]?.push(run);
  const isRight = runs.filter(({ dir }) => dir === 'rtl').length * 2 > runs.length;
  return isRight ? columns.toReversed() : columns;
}

/** A blank as wide as the gutter. */
function isAcross(run: TextRun, gutters: readonly Gap[]): boolean {
  const start = run.transform[4] ?? 0;
  return (
    run.str.trim() === '' &&
    gutters.some(([from, to]) => start < to && start + run.width > from && run.width > 0)
  );
}

function columnOf({ transform, width }: TextRun, gutters: readonly Gap[]): number {
  const middle = (transform[4] ?? 0) + width / 2;
  return gutters.filter(([start, end]) => middle > (start + end) / 2).length;
}
