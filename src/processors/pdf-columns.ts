/** A stretch of a line without a wide gap; `start` and `end` are along the line, in points. */
export interface Cell {
  text: string;
  start: number;
  end: number;
}

export interface LaidLine {
  cells: Cell[];
  /** Of the font, in points. */
  size: number;
  /** What stands between this line and the one before it: `\n`, or `\n\n` where it is far. */
  before: string;
}

/** Fewer aligned lines than this are a heading with a date, a signature or chance; ... */
const FEWEST_ROWS = 3;
/** ... with so many columns two are enough. */
const MANY_COLUMNS = 3;
/** How far cells of a column may be off, in font sizes. */
const OFF = 0.7;

/** The lines as text. Cells of lines that stand in columns are parted by bars, those of others by blanks. */
export function joinLines(lines: readonly LaidLine[]): string {
  const text: string[] = [];
  for (let at = 0; at < lines.length;) {
    const rows = rowsFrom(lines, at);
    const isTable = rows.length > 0;
    for (const [index, line] of (isTable ? rows : lines.slice(at, at + 1)).entries()) {
      const inside = isTable && index > 0;
      text.push(inside ? '\n' : text.length > 0 ? line.before : '', cellsOf(line, isTable ? ' | ' : '  '));
    }
    at += Math.max(1, rows.length);
  }
  return text.join('');
}

function cellsOf({ cells }: LaidLine, between: string): string {
  return cells
    .map(({ text }) => text.trim())
    .filter((text) => text !== '')
    .join(between);
}

/** The rows of a table that begins at line `at`; none where it does not. */
function rowsFrom(lines: readonly LaidLine[], at: number): readonly LaidLine[] {
  const columns: Cell[] = [];
  let end = at;
  for (let line = lines[end]; line && line.cells.length > 1; line = lines[end]) {
    if (end > at && !fits(line, columns)) break;
    for (const cell of line.cells) if (!columnOf(cell, columns, line.size)) columns.push(cell);
    end += 1;
  }
  const enough = columns.length >= MANY_COLUMNS ? FEWEST_ROWS - 1 : FEWEST_ROWS;
  return end - at >= enough ? lines.slice(at, end) : [];
}

/** All cells but one stand in columns that are known; that one may be the first of a column. */
function fits({ cells, size }: LaidLine, columns: readonly Cell[]): boolean {
  const known = cells.filter((cell) => columnOf(cell, columns, size)).length;
  return known >= 2 && known >= cells.length - 1;
}

/** Cells of a column begin, end or have their middle at the same place. */
function columnOf(cell: Cell, columns: readonly Cell[], size: number): Cell | undefined {
  const near = (one: number, other: number): boolean => Math.abs(one - other) <= OFF * size;
  return columns.find(
    ({ start, end }) =>
      near(start, cell.start) || near(end, cell.end) || near((start + end) / 2, (cell.start + cell.end) / 2),
  );
}
