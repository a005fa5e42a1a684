import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import * as hostile from './hostile-files.ts';

/** A file that means harm, or met with some, and how it may end: a state of the ledger or the code of its failure. */
export interface HostileKind {
  name: string;
  ends: readonly string[];
  make: () => Buffer | string;
}

function sample(ending: string): Buffer {
  return readFileSync(new URL(`../fixtures/sample.${ending}`, import.meta.url));
}

function kind(name: string, ends: string, make: () => Buffer | string): HostileKind {
  return { name, ends: ends.split(' '), make };
}

const EMPTY = 'pdf docx xlsx html csv eml zip json'
  .split(' ')
  .map((ending) => kind(`empty.${ending}`, 'empty', () => ''));

const CUT = 'pdf docx xlsx pptx epub msg'
  .split(' ')
  .flatMap((ending) => [
    kind(`half.${ending}`, 'corrupt', () => part(sample(ending), 0.5)),
    kind(`most.${ending}`, ending === 'msg' ? 'corrupt searchable' : 'corrupt', () =>
      part(sample(ending), 0.95),
    ),
  ]);

function part(data: Buffer, share: number): Buffer {
  return data.subarray(0, Math.floor(data.length * share));
}

const TURNED = 'pdf docx xls odt rtf zip'
  .split(' ')
  .map((ending) =>
    kind(`turned.${ending}`, 'searchable empty corrupt unsupported', () =>
      hostile.flipBits(sample(ending), Math.max(7, Math.floor(sample(ending).length / 200))),
    ),
  );

const MISNAMED = [
  kind('is-pdf.docx', 'searchable', () => sample('pdf')),
  kind('is-docx.pdf', 'searchable', () => sample('docx')),
  kind('is-xlsx.csv', 'searchable', () => sample('xlsx')),
  kind('is-noise.pdf', 'unsupported', () => noise(5000)),
  kind('is-encrypted.docx', 'encrypted', () => hostile.makeOle(['EncryptionInfo', 'EncryptedPackage'])),
];

function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * at * 7919) >> 3));
}

/** Ten levels of ten-fold references: a billion words where a parser unfolds them. */
const ENTITIES = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "lol">${Array.from(
  { length: 10 },
  (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`,
).join('')}]>`;

const OFFICE = [
  kind('entities.docx', 'corrupt limit searchable empty', () =>
    hostile.makeDocx(hostile.wordParagraph('&e10;'), [], ENTITIES),
  ),
  kind('paragraphs.docx', 'limit', () => hostile.makeDocx(hostile.wordParagraph('a').repeat(500_000))),
  kind('run.docx', 'limit', () => hostile.makeDocx(longRun(400_000_000))),
  kind('tables.docx', 'limit', () => hostile.makeDocx(hostile.nestedWordTables(2000))),
  kind('lying.docx', 'corrupt', () =>
    hostile.makeDocx('', [{ name: 'word/a.xml', data: Buffer.alloc(9_000_000), declared: 10 }]),
  ),
  kind('corner.xlsx', 'searchable', () =>
    hostile.makeXlsx(`${cell(1, 'A1')}${cell(1_048_576, 'XFD1048576')}`),
  ),
  kind('cell.xlsx', 'limit', () => hostile.makeXlsx(wideCell(450_000_000))),
  kind('rows.xlsx', 'searchable', () => hostile.makeXlsx(threeCells(300_000))),
  kind('nested.pptx', 'limit', () => hostile.makePptx('<a:x>'.repeat(5000))),
  kind(
    'groups.rtf',
    'searchable empty corrupt limit crashed',
    () => `{\\rtf1 ${'{'.repeat(100_000)}core${'}'.repeat(100_001)}`,
  ),
  kind('binary.rtf', 'searchable empty corrupt limit', () => '{\\rtf1 before {\\bin2000000000 x} after}'),
];

function longRun(bytes: number): Buffer {
  const [open, close] = hostile.wordParagraph('|').split('|');
  return Buffer.concat([Buffer.from(open ?? ''), Buffer.alloc(bytes, 'a'), Buffer.from(close ?? '')]);
}

function cell(row: number, address: string): string {
  return `<row r="${row}"><c r="${address}" t="inlineStr"><is><t>corner</t></is></c></row>`;
}

function wideCell(bytes: number): Buffer {
  const [open, close] = cell(1, 'A1').split('corner');
  return Buffer.concat([Buffer.from(open ?? ''), Buffer.alloc(bytes, ' '), Buffer.from(close ?? '')]);
}

function threeCells(rows: number): string {
  const one = (row: number): string =>
    `<row r="${row}"><c r="A${row}"><v>${row}</v></c><c r="B${row}"><v>${row * 7}</v></c><c r="C${row}"><v>${row % 13}</v></c></row>`;
  return Array.from({ length: rows }, (_, at) => one(at + 1)).join('');
}

const ARCHIVES = [
  kind('zeros.zip', 'limit', () => hostile.makeZip([{ name: 'a.bin', data: Buffer.alloc(210_000_000) }])),
  kind('nested.zip', 'empty', () => nestedZip(60)),
  kind('many.zip', 'searchable', () =>
    hostile.makeZip(Array.from({ length: 60_000 }, (_, at) => ({ name: `${at}`, data: Buffer.from('a') }))),
  ),
  kind('escape.zip', 'searchable', () =>
    hostile.makeZip([{ name: '../../escape.txt', data: Buffer.from('out') }]),
  ),
  kind('nested.gz', 'empty', () => nestedGzip(60)),
  kind('bomb.gz', 'limit', () => gzipSync(Buffer.alloc(600_000_000))),
];

function nestedZip(depth: number): Buffer {
  let data: Buffer = Buffer.from('the bottom');
  for (let level = 0; level < depth; level += 1)
    data = hostile.makeZip([{ name: level === 0 ? 'core.txt' : `${level}.zip`, data }]);
  return data;
}

/** As the gzip file unfolds that holds itself. */
function nestedGzip(depth: number): Buffer {
  let data: Buffer = Buffer.from('the bottom');
  for (let level = 0; level < depth; level += 1) data = gzipSync(data);
  return data;
}

const PAGES = [
  kind('divs-3000.html', 'searchable', () => `${'<div>'.repeat(3000)}core`),
  kind('divs-50000.html', 'limit', () => '<div>'.repeat(50_000)),
  kind('inline.html', 'searchable', () => `<p>${'<b><i>'.repeat(10_000)}core`),
  kind('table.html', 'searchable', () => `<table>${'<tr><td>a<td>b'.repeat(20_000)}</table>`),
  kind('links.html', 'searchable', () => '<a href="https://example.org/x">word</a> '.repeat(100_000)),
];

const DATA = [
  kind('arrays.json', 'searchable', () => '['.repeat(100_000) + ']'.repeat(100_000)),
  kind('aliases.yaml', 'searchable', aliases),
  kind('nested.xml', 'searchable limit', () => `${'<a>'.repeat(50_000)}core${'</a>'.repeat(50_000)}`),
  kind('entities.xml', 'searchable', () => `${ENTITIES}<x>&e10;</x>`),
];

function aliases(): string {
  const levels = Array.from({ length: 9 }, (_, at) =>
    at === 0 ? 'a0: &a0 [lol,lol]' : `a${at}: &a${at} [${`*a${at - 1},`.repeat(9)}]`,
  );
  return levels.join('\n');
}

const HEAD = 'From: a@b.example\nTo: c@d.example\n';

const MAIL = [
  kind('parts.eml', 'searchable limit', () => {
    const open = (_: unknown, at: number): string =>
      `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`;
    return `${HEAD}MIME-Version: 1.0\n${Array.from({ length: 500 }, open).join('')}\nbody`;
  }),
  kind('messages.eml', 'searchable limit', () => {
    const one = `${HEAD}Subject: s\nContent-Type: message/rfc822\n\n`;
    return `${one.repeat(300)}${HEAD}\nbody`;
  }),
  kind('subject.eml', 'limit', () => `${HEAD}Subject: ${'a'.repeat(20_000_000)}\n\nbody`),
];

const TEXTS = [
  kind('long.txt', 'searchable', () => Buffer.alloc(100_000_000, 'lorem ipsum dolor sit amet\n')),
  kind('line.txt', 'searchable', () => Buffer.alloc(100_000_000, 'word ')),
  kind('rows.csv', 'searchable', () => Buffer.alloc(45_000_000, '"a, quoted",123456,"b ""c"""\n')),
  kind('quotes.csv', 'searchable empty', () => Buffer.alloc(5_000_000, '"')),
  kind('quotes.md', 'searchable', () => `${'>'.repeat(20_000)} core`),
  kind('brackets.md', 'searchable', () => '['.repeat(50_000)),
  kind('stars.md', 'searchable', () => '*a '.repeat(50_000)),
  kind('nul.txt', 'unsupported', () => Buffer.alloc(1000)),
];

const PDF = [
  kind('operators.pdf', 'timeout limit', () =>
    hostile.planPdf({ pages: [hostile.operatorBomb(200_000_000)] }),
  ),
  kind('late.pdf', 'searchable', () =>
    hostile.planPdf({ pages: [hostile.pdfText('The first page'), hostile.operatorBomb(200_000_000)] }),
  ),
  kind('shared.pdf', 'searchable', () =>
    hostile.planPdf({ pages: [hostile.pdfText('shared')], kids: '4 0 R '.repeat(60_000), count: 60_000 }),
  ),
  kind('count.pdf', 'searchable', () =>
    hostile.planPdf({ pages: [hostile.pdfText('one page')], count: 1_000_000_000 }),
  ),
  kind('decoder.pdf', 'searchable empty', () => hostile.jbig2Pdf(100_000, 4)),
  kind('encrypted.pdf', 'encrypted', () =>
    readFileSync(new URL('../fixtures/encrypted.pdf', import.meta.url)),
  ),
];

/** Every kind of file that parsers are known to hang, crash or lie about; none is kept as a file. */
export const HOSTILE: readonly HostileKind[] = [
  ...EMPTY,
  ...CUT,
  ...TURNED,
  ...MISNAMED,
  ...OFFICE,
  ...ARCHIVES,
  ...PAGES,
  ...DATA,
  ...MAIL,
  ...TEXTS,
  ...PDF,
];
