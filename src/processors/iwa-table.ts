import { bytesIn, messagesIn, numberIn, refIn, textIn, type Fields, type IwaObject } from './iwa.ts';

type Objects = ReadonlyMap<number, IwaObject>;

/** Kinds of objects. */
const RICH_TEXT = 6218;
const TEXT = 2001;
/** The year that dates are counted from. */
const EPOCH_MS = Date.UTC(2001, 0, 1);
/** Wider than any table that people make. */
const MOST_COLUMNS = 1000;

/** The rows of a table (TST.TableModelArchive) as lines of Markdown; none of a table without cells. */
export function tableLines(table: IwaObject, objects: Objects): string[] {
  const [store] = messagesIn(table.fields, 4);
  const strings = entriesOf(store, 4, objects);
  const richTexts = entriesOf(store, 17, objects);
  const said = (cell: Buffer): string => cellText(cell, strings, richTexts, objects);
  const rows = [...rowsOf(store, objects)].map((cells) => cells.map((cell) => (cell ? said(cell) : '')));
  const filled = rows.filter((cells) => cells.some((cell) => cell !== ''));
  const lines = filled.map((cells) => `| ${cells.join(' | ')} |`);
  const rule = `|${' --- |'.repeat(filled[0]?.length ?? 0)}`;
  if (lines.length > 0 && numberIn(table.fields, 9) > 0) lines.splice(1, 0, rule);
  return lines;
}

/** The entries of a list that cells point into, by their keys. */
function entriesOf(store: Fields | undefined, field: number, objects: Objects): Map<number, Fields> {
  const list = objects.get(refIn(store, field));
  return new Map(messagesIn(list?.fields, 3).map((entry) => [numberIn(entry, 1), entry]));
}

function* rowsOf(store: Fields | undefined, objects: Objects): Generator<(Buffer | undefined)[]> {
  const [tiles] = messagesIn(store, 3);
  for (const tile of messagesIn(tiles, 1)) {
    const rows = messagesIn(objects.get(refIn(tile, 2))?.fields, 5);
    for (const row of rows.toSorted((one, other) => numberIn(one, 1) - numberIn(other, 1)))
      yield cellsOf(row);
  }
}

/** Cells lie one after the other, and a list says where each begins; two forms of them may stand side by side. */
function cellsOf(row: Fields): (Buffer | undefined)[] {
  const [today, offsetsToday] = [bytesIn(row, 6)[0], bytesIn(row, 7)[0]];
  const [cells, offsets] =
    today?.length && offsetsToday ? [today, offsetsToday] : [bytesIn(row, 3)[0], bytesIn(row, 4)[0]];
  if (!cells || !offsets) return [];
  const scale = numberIn(row, 8) === 1 ? 4 : 1;
  const found: (Buffer | undefined)[] = [];
  for (let column = 0; column < MOST_COLUMNS && column * 2 + 2 <= offsets.length; column += 1) {
    const offset = offsets.readInt16LE(column * 2);
    found.push(offset < 0 ? undefined : cells.subarray(offset * scale));
  }
  return found.slice(0, found.findLastIndex((cell) => cell !== undefined) + 1);
}

/** What a cell shows: a text of the list, a number, a date. Formulas have what they came to. */
function cellText(
  cell: Buffer,
  strings: ReadonlyMap<number, Fields>,
  richTexts: ReadonlyMap<number, Fields>,
  objects: Objects,
): string {
  const { string, rich, number, date } = cell[0] === 5 ? valuesOf(cell) : oldValuesOf(cell);
  if (rich !== undefined) return richText(richTexts.get(rich), objects);
  if (string !== undefined) return oneLine(textIn(strings.get(string), 3));
  if (date !== undefined) return dateText(date);
  return number === undefined ? '' : String(Number(number.toPrecision(15)));
}

function richText(entry: Fields | undefined, objects: Objects): string {
  const payload = objects.get(refIn(entry, 9));
  const refs = payload?.type === RICH_TEXT ? payload.refs : [];
  const texts = refs.map((id) => objects.get(id)).filter((object) => object?.type === TEXT);
  return oneLine(texts.map((text) => textIn(text?.fields, 3)).join(' '));
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

interface Values {
  string?: number;
  rich?: number;
  number?: number;
  /** Seconds. */
  date?: number;
}

/** Bits tell which values follow the head of twelve bytes, each of a length of its own. */
function valuesOf(cell: Buffer): Values {
  if (cell.length < 12) return {};
  const flags = cell.readUInt32LE(8);
  const next = stepper(cell, 12);
  const decimal = flags & 0x1 ? next(16) : undefined;
  const double = flags & 0x2 ? next(8) : undefined;
  const date = flags & 0x4 ? next(8) : undefined;
  const string = flags & 0x8 ? next(4) : undefined;
  const rich = flags & 0x10 ? next(4) : undefined;
  const number = decimal ? decimalOf(decimal) : double?.readDoubleLE();
  return {
    ...(number !== undefined && { number }),
    ...(date && { date: date.readDoubleLE() }),
    ...(string && { string: string.readUInt32LE() }),
    ...(rich && { rich: rich.readUInt32LE() }),
  };
}

/** Those of the first years: behind the head numbers of styles and formats, then the values in another order. */
function oldValuesOf(cell: Buffer): Values {
  if (cell.length < 12) return {};
  const flags = cell.readUInt32LE(4);
  const next = stepper(cell, 12 + 4 * bitsOf(flags & 0x0d8e));
  const rich = flags & 0x200 ? next(4) : undefined;
  next(4 * bitsOf(flags & 0x3000));
  const string = flags & 0x10 ? next(4) : undefined;
  const number = flags & 0x20 ? next(8) : undefined;
  const date = flags & 0x40 ? next(8) : undefined;
  return {
    ...(rich && { rich: rich.readUInt32LE() }),
    ...(string && { string: string.readUInt32LE() }),
    ...(number && { number: number.readDoubleLE() }),
    ...(date && { date: date.readDoubleLE() }),
  };
}

/** Gives so many bytes of a cell each time; none beyond its end. */
function stepper(cell: Buffer, start: number): (length: number) => Buffer | undefined {
  let at = start;
  return (length) => {
    at += length;
    return at <= cell.length ? cell.subarray(at - length, at) : undefined;
  };
}

function bitsOf(value: number): number {
  return value.toString(2).replaceAll('0', '').length;
}

/** Decimal numbers of 128 bits (IEEE 754-2008, 3.5): a sign, an exponent of ten, and a whole number. */
function decimalOf(bytes: Buffer): number {
  const high = bytes.readUInt16LE(14);
  const exponent = ((high & 0x7fff) >> 1) - 0x1820;
  let whole = high & 1;
  for (let at = 13; at >= 0; at -= 1) whole = whole * 256 + (bytes[at] ?? 0);
  return Number(`${high & 0x8000 ? '-' : ''}${whole}e${exponent}`);
}

function dateText(seconds: number): string {
  const date = new Date(EPOCH_MS + seconds * 1000);
  return Number.isNaN(date.getTime())
    ? ''
    : date
        .toISOString()
        .replace('T', ' ')
        .replace(/(?: 00:00)?:00\.000Z$/, '');
}
