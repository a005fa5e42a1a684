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
/** Lines of one cell below its first. */
const MOST_LINES = 5;
/** How far cells of a column may be off, in font sizes. */
const OFF = 0.7;

/** The lines as text. Cells of lines that stand in columns are parted by bars, those of others by blanks. */
export function joinLines(lines: readonly LaidLine[]): string {
  const text: string[] = [];
  for (let at = 0; at < lines.length;) {
    const { rows, columns } = tableFrom(lines, at);
    const isTable = rows.length > 0;
    for (const [index, line] of (isTable ? rows : lines.slice(at, at + 1)).entries()) {
      const inside = isTable && index > 0;
      text.push(
        inside ? '\n' : text.length > 0 ? line.before : '',
        isTable ? rowOf(line, columns) : plain(line),
      );
    }
    at += Math.max(1, rows.length);
  }
  return text.join('');
}

function plain(line: LaidLine): string {
  return filled(line)
    .map(({ text }) => text.trim())
    .join('  ');
}

function filled({ cells }: LaidLine): Cell[] {
  return cells.filter(({ text }) => text.trim() !== '');
}

/**
 * The cells of a row between bars; where they stand in columns further on, nothing between the bars before. Their order is
 * never changed: places of words are counted off against the text.
 */
function rowOf(line: LaidLine, columns: readonly Cell[]): string {
  const ordered = columns.toSorted((one, other) => one.start - other.start);
  let row = '';
  let next = 0;
  for (const cell of filled(line)) {
    const column = ordered.findIndex((known, index) => index >= next && isIn(cell, known, line.size));
    if (row === '' && next === 0) row = '| '.repeat(Math.max(0, column)) + cell.text.trim();
    else row += ' |'.repeat(Math.max(0, column - next)) + ` | ${cell.text.trim()}`;
    next = Math.max(next, column) + 1;
  }
  return row;
}

interface Table {
  rows: readonly LaidLine[];
  columns: readonly Cell[];
}

/** The table that begins at line `at`; no rows where none does. */
function tableFrom(lines: readonly LaidLine[], at: number): Table {
  const columns: Cell[] = [];
  let end = at;
  let whole = 0;
  let lastWhole = at;
  for (let next = at; next < lines.length; next += 1) {
    const line = lines[next];
    if (!line) break;
    // The second line of a cell counts if the table goes on, or if it stands beside the first column.
    if (whole > 0 && next - lastWhole <= MOST_LINES && carriesOn(line, columns)) {
      if (!isFirst(line, columns)) end = next + 1;
      continue;
    }
    if (filled(line).length < 2 || (whole > 0 && !fits(line, columns))) break;
    for (const cell of filled(line)) if (!columnOf(cell, columns, line.size)) columns.push(cell);
    whole += 1;
    lastWhole = next;
    end = next + 1;
  }
  const enough = columns.length >= MANY_COLUMNS ? FEWEST_ROWS - 1 : FEWEST_ROWS;
  return { rows: whole >= enough ? lines.slice(at, end) : [], columns };
}

/** One cell in a column that is known, right below the line before. */
function carriesOn(line: LaidLine, columns: readonly Cell[]): boolean {
  const [cell, more] = filled(line);
  return (
    cell !== undefined && !more && line.before === '\n' && columnOf(cell, columns, line.size) !== undefined
  );
}

function isFirst(line: LaidLine, columns: readonly Cell[]): boolean {
  const leftmost = Math.min(...columns.map(({ start }) => start));
  return (filled(line)[0]?.start ?? 0) <= leftmost + OFF * line.size;
}

/** All cells but one stand in columns that are known; that one may be the first of a column. */
function fits(line: LaidLine, columns: readonly Cell[]): boolean {
  const cells = filled(line);
  const known = cells.filter((cell) => columnOf(cell, columns, line.size)).length;
  return known >= 2 && known >= cells.length - 1;
}

function columnOf(cell: Cell, columns: readonly Cell[], size: number): Cell | undefined {
  return columns.find((column) => isIn(cell, column, size));
}

/** Cells of a column begin, end or have their middle at the same place. */
function isIn(cell: Cell, { start, end }: Cell, size: number): boolean {
  const near = (one: number, other: number): boolean => Math.abs(one - other) <= OFF * size;
  return (
    near(start, cell.start) || near(end, cell.end) || near((start + end) / 2, (cell.start + cell.end) / 2)
  );
}
