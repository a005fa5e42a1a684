/** First word of the main stream of Word 6 and 95 files, and of those from Word 97 on ([MS-DOC] 2.5.2). */
export const WORD_95 = 0xa5dc;
export const WORD_97 = 0xa5ec;

/** Offsets in the file information block of Word 6. */
const LANGUAGE = 6;
const FLAGS = 10;
const TEXT_START = 24;
const TEXT_END = 28;
const CHARACTERS = 20;
const IS_MACINTOSH = 256;
const PIECES = 0x160;
const IS_FAST_SAVED = 4;

/**
 * The text of a Word 6 or 95 file, notes and headers after the body: 8-bit characters in one stretch, or, where the
 * file was saved fast, in pieces. Without `charset` it is not known.
 */
export function readWord95(stream: Buffer): { bytes: Buffer; charset: string | undefined } {
  if (stream.length < PIECES + 8) return { bytes: stream.subarray(0, 0), charset: undefined };
  const isFastSaved = (stream.readUInt16LE(FLAGS) & IS_FAST_SAVED) !== 0;
  const bytes = isFastSaved
    ? joinPieces(stream)
    : stream.subarray(stream.readUInt32LE(TEXT_START), stream.readUInt32LE(TEXT_END));
  const isMac = stream.readUInt16LE(CHARACTERS) === IS_MACINTOSH;
  return { bytes, charset: isMac ? 'macintosh' : charsetOf(stream.readUInt16LE(LANGUAGE), bytes) };
}

/** The piece table is the entry of type 2 in the complex part ([MS-DOC] 2.8.35, with 8-bit text throughout). */
function joinPieces(stream: Buffer): Buffer {
  const start = stream.readUInt32LE(PIECES);
  const table = stream.subarray(start, start + stream.readUInt32LE(PIECES + 4));
  let at = 0;
  while (at + 3 <= table.length && table[at] === 1) at += 3 + table.readUInt16LE(at + 1);
  if (at + 5 > table.length || table[at] !== 2) return stream.subarray(0, 0);
  const entries = table.subarray(at + 5, at + 5 + table.readUInt32LE(at + 1));
  const count = Math.floor((entries.length - 4) / 12);
  const found: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = entries.readUInt32LE((index + 1) * 4) - entries.readUInt32LE(index * 4);
    const from = entries.readUInt32LE((count + 1) * 4 + index * 8 + 2);
    if (length > 0 && length <= stream.length) found.push(stream.subarray(from, from + length));
  }
  return concat(found);
}

function concat(pieces: readonly Buffer[]): Buffer {
  const [first] = pieces;
  // Pieces may overlap without end in a hostile file: no more than the stream could hold ten times.
  let room = (first?.buffer.byteLength ?? 0) * 10;
  const fitting = pieces.filter((piece) => (room -= piece.length) >= 0);
  return Buffer.concat(fitting);
}

/** Windows code pages by primary language ([MS-LCID]). */
const CHARSETS: readonly [charset: string, languages: readonly number[]][] = [
  ['windows-1250', [0x05, 0x0e, 0x15, 0x18, 0x1a, 0x1b, 0x1c, 0x24]],
  ['windows-1251', [0x02, 0x19, 0x22, 0x23, 0x2f]],
  ['windows-1253', [0x08]],
  ['windows-1254', [0x1f]],
  ['windows-1255', [0x0d]],
  ['windows-1256', [0x01]],
  ['windows-1257', [0x25, 0x26, 0x27]],
  ['cp932', [0x11]],
  ['cp949', [0x12]],
  ['gb18030', [0x04]],
];

/** Western languages are what programs name without being asked, so the text must look like one. */
function charsetOf(language: number, bytes: Buffer): string | undefined {
  if (language === 0x0404) return 'big5';
  const found = CHARSETS.find(([, languages]) => languages.includes(language & 0x3ff));
  if (found) return found[0];
  const accents = bytes.filter((byte) => byte >= 0xc0).length;
  return accents * 5 < bytes.length ? 'windows-1252' : undefined;
}

const FIELD = '\x13';
const SHOWN = '\x14';
const FIELD_END = '\x15';
/** Cell, line and page breaks, a hyphen that breaks nothing; what is not named here and no text is left out. */
const SIGNS: Readonly<Record<string, string>> = {
  '\x07': '\t',
  '\t': '\t',
  '\n': '\n',
  '\r': '\n',
  '\v': '\n',
  '\f': '\n',
  '\x1e': '-',
};

/** Paragraphs and cells as lines; of a field only what it shows ([MS-DOC] 2.8.25). */
export function plainText(text: string): string {
  const shows: boolean[] = [];
  let hidden = 0;
  let plain = '';
  for (const sign of text) {
    if (sign === FIELD) hidden += shows.push(false) > 0 ? 1 : 0;
    else if (sign === SHOWN && shows.at(-1) === false) {
      shows[shows.length - 1] = true;
      hidden -= 1;
    } else if (sign === FIELD_END) hidden -= shows.pop() === false ? 1 : 0;
    else if (hidden === 0 && sign !== SHOWN) plain += sign >= ' ' ? sign : (SIGNS[sign] ?? '');
  }
  return plain;
}
