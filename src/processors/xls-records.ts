import { oleStream } from './ole-file.ts';
import { marginLines } from './sheet-margins.ts';

/** Records of a workbook ([MS-XLS] 2.3) that SheetJS passes over, and the one that carries on the one before. */
const BEGIN = 0x809;
const HEADER = 0x14;
const FOOTER = 0x15;
const CONTINUE = 0x3c;
const TEXT_OBJECT = 0x1b6;
const SERIES_TEXT = 0x100d;
/** In a chart it keeps what the cells behind it say, which may lie in another workbook. */
const LABEL = 0x204;
const OF_CHART = 0x20;
/** The version in the first record that Excel 97 and later write. */
const EXCEL_97 = 0x600;

/** Page headers and footers, text boxes and the words of charts of an Excel 97 workbook, each once; none of another file. */
export function xlsTexts(data: Buffer): string[] {
  try {
    const stream = oleStream(data, 'Workbook');
    return stream ? [...new Set(textsOf(stream))] : [];
  } catch (error) {
    // A damaged file: the reader of the sheets tells of it, and a record may end beyond the file.
    if (error instanceof Error) return [];
    throw error;
  }
}

function* textsOf(stream: Buffer): Generator<string> {
  let awaited = 0;
  let isChart = false;
  for (const { type, data } of records(stream)) {
    if (type === BEGIN && data.readUInt16LE(0) !== EXCEL_97) return;
    if (type === BEGIN) isChart = data.readUInt16LE(2) === OF_CHART;
    if (type === LABEL && isChart) yield text(data, 8, data.readUInt16LE(6));
    if ((type === HEADER || type === FOOTER) && data.length > 3)
      yield* marginLines(text(data, 2, data.readUInt16LE(0)));
    if (type === SERIES_TEXT && data.length > 4) yield text(data, 3, data[2] ?? 0);
    if (type === TEXT_OBJECT) awaited = data.length >= 12 ? data.readUInt16LE(10) : 0;
    else if (type === CONTINUE && awaited > 0) {
      const found = text(data, 0, awaited).trim();
      if (found !== '') yield found;
      awaited = 0;
    }
  }
}

function* records(stream: Buffer): Generator<{ type: number; data: Buffer }> {
  for (let at = 0; at + 4 <= stream.length;) {
    const end = at + 4 + stream.readUInt16LE(at + 2);
    yield { type: stream.readUInt16LE(at), data: stream.subarray(at + 4, end) };
    at = end;
  }
}

/** Characters behind a byte that tells whether each has two bytes or one ([MS-XLS] 2.5.293). */
function text(data: Buffer, at: number, count: number): string {
  const isWide = ((data[at] ?? 0) & 1) === 1;
  return data.toString(isWide ? 'utf16le' : 'latin1', at + 1, at + 1 + count * (isWide ? 2 : 1));
}
