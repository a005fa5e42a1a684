import { readFile } from 'node:fs/promises';
import type { CellObject, WorkSheet } from '@e965/xlsx';
import type { Place, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { cellAddress } from './cell-address.ts';
import { createFigureShelf } from './figure-shelf.ts';
import { MOST_FIGURES } from './figure-size.ts';
import { embeddedFiles, embeddedInOle } from './embedded.ts';
import { LIMIT_SETTINGS, type Limits } from './limits.ts';
import { oleStream, replaceStream, soundOle } from './ole-file.ts';
import { pageMargins } from './odf-pages.ts';
import type { Member, Part, Processor } from './processor.ts';
import { scansOf } from './scans.ts';
import { sheetMargins } from './sheet-margins.ts';
import { sweepXml } from './xml-text.ts';
import { createRowWriter } from './table-rows.ts';
import { xlsTexts } from './xls-records.ts';
import { unlockWorkbook } from './xls-lock.ts';
import { verifyTextParts, withArchive, type Archive } from './zip.ts';

const ZIP_MAGIC = '504b';
const BOOK = 'Workbook';
const NUMBERS_PART = 'Index/Document.iwa';

/** Workbooks: rows with their header, by sheet and cell range; then comments, page headers and footers, text of drawings, charts. */
export const spreadsheet: Processor = {
  name: 'spreadsheet',
  version: 9,
  kinds: ['xlsx', 'xls', 'ods', 'numbers', 'dbf'],
  label: 'a spreadsheet',
  extensions: ['xlsx', 'xlsm', 'xltx', 'xltm', 'xlsb', 'xls', 'xlt', 'ods', 'ots', 'numbers', 'dbf'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const data = await unlocked(await soundOle(await readFile(file.path)));
  const isZip = data.toString('hex', 0, 2) === ZIP_MAGIC;
  const { beside, members } = isZip
    ? await readBeside(file.path, limits)
    : { beside: xlsTexts(data), members: [] };
  const book = await readBook(data);
  const budget: Budget = { rows: limits.sheetRows, cells: limits.sheetCells };
  let start = beside.join('\n');
  for (const name of book.SheetNames) {
    const sheet = book.Sheets[name];
    if (!sheet) continue;
    for (const part of readSheet(name, sheet, budget)) {
      yield part;
      if (start.length < ENOUGH) start += (part.sections ?? []).map(({ text }) => text).join('\n');
    }
  }
  if (beside.length > 0) yield { sections: [{ text: beside.join('\n') }] };
  yield { members };
  for await (const member of embeddedInOle(data)) yield { members: [member] };
  if (isZip) yield await withArchive(file.path, limits, (archive) => pictured(archive, start, limits));
  if (budget.spent) yield { warnings: [limitWarning(budget.spent, limits)] };
  const title = book.Props?.Title?.trim();
  if (title) yield { title };
}

/** With more text than this beside them pictures are never read. */
const ENOUGH = 100_000;

/** Pictures of OOXML and OpenDocument workbooks as figures; where there is little text beside them, OCR reads them too. */
async function pictured(archive: Archive, text: string, limits: Limits): Promise<Part> {
  const shelf = createFigureShelf();
  for (const name of archive.names.filter((one) => PICTURES.test(one)).slice(0, MOST_FIGURES)) {
    const bytes = await archive.read(name);
    if (bytes) shelf.add(bytes);
  }
  const folder = archive.names.some((name) => name.startsWith('xl/')) ? 'xl/media/' : 'Pictures/';
  return { ...(await scansOf(archive, folder, text, limits)), figures: shelf.kept };
}

const PICTURES = /^(?:xl\/media|Pictures)\/[^/]+\.(?:png|jpe?g|gif|webp)$/i;

/** What stands beside the cells. Sizes are checked before the parser sees the file. */
function readBeside(path: string, limits: Limits): Promise<{ beside: string[]; members: Member[] }> {
  return withArchive(path, limits, async (archive) => {
    await verifyTextParts(archive);
    const drawn = await sweepXml(archive, ['xl/drawings/drawing', 'xl/charts/chart', 'xl/diagrams/data']);
    const margins = [...(await sheetMargins(archive)), ...(await pageMargins(archive))];
    return {
      beside: [...margins, drawn].filter((text) => text !== ''),
      members: await Array.fromAsync(embeddedFiles(archive)),
    };
  });
}

/** An old workbook that was locked without a password of somebody's own is open. */
async function unlocked(data: Buffer): Promise<Buffer> {
  const stream = oleStream(data, BOOK);
  const open = stream && unlockWorkbook(stream);
  return open ? replaceStream(data, BOOK, open) : data;
}

async function readBook(data: Buffer) {
  const { read: parse, set_cptable: setCharsets } = await import('@e965/xlsx');
  setCharsets(await import('@e965/xlsx/dist/cpexcel.full.mjs'));
  try {
    return parse(data, {
      type: 'buffer',
      dense: true,
      cellNF: true,
      cellHTML: false,
      cellFormula: false,
      // Numbers keeps no formats that would tell dates from numbers.
      cellDates: data.includes(NUMBERS_PART),
    });
  } catch (cause) {
    if (cause instanceof Error && /password|encrypt/i.test(cause.message)) {
      throw new LimnerError('encrypted', 'The workbook is locked with a password; save it without one.');
    }
    if (cause instanceof Error && /not supported/.test(cause.message))
      throw new LimnerError('unsupported', 'This sort of document is not read; export it as PDF.', { cause });
    const message =
      'The workbook is damaged; opening it in a spreadsheet program and saving it again may help.';
    throw new LimnerError('corrupt', message, { cause });
  }
}

interface Budget {
  rows: number;
  cells: number;
  /** The limit at which reading stopped, with cells left. */
  spent?: 'sheetRows' | 'sheetCells' | undefined;
}

/** Walks the cells that are stored: two of them can span the whole sheet. */
function* readSheet(name: string, sheet: WorkSheet, budget: Budget): Generator<Part> {
  const notes: string[] = [];
  let first = 0;
  const place = (from: number, to: number, columns: number): Pick<Place, 'sheet' | 'range'> => ({
    sheet: name,
    range: `${cellAddress(first, from)}:${cellAddress(first + columns - 1, to)}`,
  });
  const writer = createRowWriter(place, `## ${name}`);
  const rows = Object.entries(sheet['!data'] ?? []);
  first = firstColumn(rows);
  for (const [key, row] of rows) {
    budget.spent ??= spentLimit(budget);
    if (budget.spent) break;
    const number = Number(key) + 1;
    const cells = readRow(row, first, number, notes, budget);
    if (cells.length > 0) writer.add({ cells, number });
    yield { sections: writer.take() };
  }
  yield { sections: writer.finish() };
  if (notes.length > 0) yield { sections: [{ text: notes.join('\n'), sheet: name }] };
}

type StoredRow = readonly (CellObject | undefined)[] | undefined;

/** Columns left of everything are no part of the table. */
function firstColumn(rows: readonly [string, StoredRow][]): number {
  let first = Infinity;
  for (const [, row] of rows) {
    const key = Object.keys(row ?? []).find((column) => textOf(row?.[Number(column)]) !== '');
    if (key !== undefined) first = Math.min(first, Number(key));
  }
  return Number.isFinite(first) ? first : 0;
}

/** A gap wider than this is told by the column of the cell after it. */
const MAX_GAP = 30;
const MAX_LINK = 300;

function readRow(row: StoredRow, first: number, number: number, notes: string[], budget: Budget): string[] {
  const cells: string[] = [];
  budget.rows -= 1;
  for (const key of Object.keys(row ?? [])) {
    const column = Number(key);
    const cell = row?.[column];
    const text = textOf(cell);
    budget.cells -= 1;
    const note = noteOf(cell);
    if (note) notes.push(`${cellAddress(column, number)}: ${note}`);
    if (text === '') continue;
    const gap = column - first - cells.length;
    for (let missing = Math.min(gap, MAX_GAP); missing > 0; missing -= 1) cells.push('');
    cells.push(linked(cell, text));
  }
  return cells;
}

/** The formatted text of numbers and dates with a format, else the value as it is. */
function textOf(cell: CellObject | undefined): string {
  if (!cell || cell.v === undefined || cell.t === 'z') return '';
  if (cell.v instanceof Date && cell.w === undefined) return dateText(cell.v);
  const isPlain = cell.t === 'n' && (cell.z === undefined || cell.z === 'General');
  return isPlain ? plainNumber(cell.v) : (cell.w ?? String(cell.v)).trim();
}

/** Without its time where that is the beginning of the day. */
function dateText(date: Date): string {
  if (Number.isNaN(date.getTime())) return '';
  return date
    .toISOString()
    .replace('T', ' ')
    .replace(/(?: 00:00)?:00\.000Z$/, '');
}

/** Fifteen digits are all that programs keep; what is beyond them comes of counting in binary. */
function plainNumber(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(15))) : String(value);
}

/** With the address that a cell leads to, unless its text says it. */
function linked(cell: CellObject | undefined, text: string): string {
  const target = cell?.l?.Target ?? '';
  const isOutside = /^(?:https?:|mailto:)/i.test(target) && target.length <= MAX_LINK;
  return isOutside && !target.includes(text) ? `[${text}](${target})` : text;
}

function noteOf(cell: CellObject | undefined): string {
  return (cell?.c ?? [])
    .map(({ a: author, t }) => {
      const text = t?.replaceAll(/[\r\n]+/g, ' ').trim() ?? '';
      return author && text !== '' && !text.startsWith(author) ? `${author}: ${text}` : text;
    })
    .join(' ');
}

function spentLimit({ rows, cells }: Budget): Budget['spent'] {
  if (rows <= 0) return 'sheetRows';
  return cells <= 0 ? 'sheetCells' : undefined;
}

function limitWarning(limit: 'sheetRows' | 'sheetCells', limits: Limits): string {
  const what = limit === 'sheetRows' ? 'rows' : 'cells';
  return `Only the first ${limits[limit]} ${what} are searchable (${LIMIT_SETTINGS[limit]}).`;
}
