import iconv from 'iconv-lite';

/** What another reader of RTF leaves out, and the text itself for files in which that finds none. */
export interface RtfText {
  body: string;
  /** Lines of page headers and footers, footnotes and annotations. */
  around: string[];
}

/** Destinations by what becomes of their text (RTF 1.9.1); those with a star that are not listed are passed over. */
const AROUND = new Set(
  'header headerl headerr headerf footer footerl footerr footerf footnote annotation'.split(' '),
);
const UNSEEN = new Set(
  (
    'fonttbl colortbl stylesheet info pict object objdata themedata datastore latentstyles rsidtbl generator ' +
    'xmlnstbl listtable listoverridetable revtbl fldinst filetbl pntext pntxtb pntxta bkmkstart bkmkend nonshppict'
  ).split(' '),
);
const SEEN = new Set(['shptxt', 'shprslt', 'fldrslt', 'result']);

const SIGNS: Readonly<Record<string, string>> = {
  par: '\n',
  line: '\n',
  row: '\n',
  sect: '\n',
  page: '\n',
  tab: '\t',
  cell: '\t',
  emdash: '—',
  endash: '–',
  bullet: '•',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  emspace: ' ',
  enspace: ' ',
};

/** Code pages for the character sets of fonts (1.9.1, Font Table). */
const CHARSETS: Readonly<Record<number, string>> = {
  128: 'cp932',
  129: 'cp949',
  134: 'cp936',
  136: 'cp950',
  161: 'cp1253',
  162: 'cp1254',
  163: 'cp1258',
  177: 'cp1255',
  178: 'cp1256',
  186: 'cp1257',
  204: 'cp1251',
  222: 'cp874',
  238: 'cp1250',
};

interface Group {
  target: 'body' | 'around' | 'none' | 'fonts';
  font: number;
  /** Characters that stand for one given by its number, for readers that do not know it. */
  skip: number;
}

/** A control word with its number, a sign behind a backslash, a brace, or a stretch of text. */
const TOKEN = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-f]{2})|\\([^a-z])|([{}])|([^\\{}\r\n]+)|[\r\n]+/gi;

/** Reads RTF in one pass, in time and memory in proportion to it. */
export function readRtf(data: Buffer): RtfText {
  const source = data.toString('latin1');
  const fonts = new Map<number, string>();
  const out = { body: '', around: '' };
  const stack: Group[] = [];
  let group: Group = { target: 'body', font: -1, skip: 1 };
  let codePage = 'cp1252';
  let starred = false;
  /** Nothing of the group was read yet: a star tells of the whole group there, and nothing further in. */
  let isFresh = false;
  let skipping = 0;
  let bytes: number[] = [];

  function write(text: string): void {
    if (group.target === 'body' || group.target === 'around') out[group.target] += text;
  }

  /** Bytes of one character may be told apart by the next control word only. */
  function flush(): void {
    if (bytes.length > 0) write(iconv.decode(Buffer.from(bytes), fonts.get(group.font) ?? codePage));
    bytes = [];
  }

  function enter(word: string): void {
    if (word === 'fonttbl') group.target = 'fonts';
    else if (UNSEEN.has(word)) group.target = 'none';
    else if (AROUND.has(word) && group.target === 'body') {
      group.target = 'around';
      out.around += '\n';
    } else if (starred && !SEEN.has(word) && !AROUND.has(word)) group.target = 'none';
    starred = false;
  }

  function control(word: string, number: number): void {
    if (word === 'ansicpg' && iconv.encodingExists(`cp${number}`)) codePage = `cp${number}`;
    if (word === 'f') group.font = number;
    if (word === 'fcharset' && CHARSETS[number] && group.target === 'fonts')
      fonts.set(group.font, CHARSETS[number]);
    if (word === 'uc') group.skip = number;
    if (word === 'u') {
      write(String.fromCharCode(number < 0 ? number + 65_536 : number));
      skipping = group.skip;
    } else write(SIGNS[word] ?? '');
  }

  TOKEN.lastIndex = 0;
  for (let found = TOKEN.exec(source); found; found = TOKEN.exec(source)) {
    const [, word, number, hex, sign, brace, text] = found;
    if (hex === undefined) flush();
    const wasFresh = isFresh;
    isFresh = brace === '{' || (isFresh && found[0].trim() === '');
    if (brace === '{') {
      stack.push({ ...group });
      skipping = 0;
    } else if (brace === '}') {
      group = stack.pop() ?? group;
      skipping = 0;
      starred = false;
    } else if (word === 'bin') TOKEN.lastIndex += Math.max(0, Number(number ?? 0));
    else if (word !== undefined) {
      enter(word);
      control(word, Number(number ?? 0));
    } else if (sign === '*') starred = wasFresh;
    else if (skipping > 0 && (hex ?? sign) !== undefined) skipping -= 1;
    else if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (sign !== undefined)
      write(sign === '~' ? ' ' : sign === '_' ? '-' : /[{}\\]/.test(sign) ? sign : '');
    else if (text !== undefined) {
      write(text.slice(skipping));
      skipping = 0;
    }
  }
  flush();
  const lines = out.around.split('\n').map((line) => line.trim());
  return { body: out.body, around: lines.filter((line) => /[\p{L}\p{N}]/u.test(line)) };
}
