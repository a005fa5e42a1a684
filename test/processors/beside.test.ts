import { CFB } from '@e965/xlsx';
import { describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { marginLines } from '../../src/processors/sheet-margins.ts';
import { xlsTexts } from '../../src/processors/xls-records.ts';
import { createFolder, createPool } from './bed.ts';
import { makeZip } from './hostile-files.ts';

const pool = createPool();
const write = createFolder();

const textOf = async (name: string, data: string | Uint8Array): Promise<string> =>
  joinSections((await pool.extract(write(name, data))).sections);

test('RTF has its headers, footers and comments, in the characters of their fonts', async () => {
  const fonts = '{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial;}}';
  const around = "{\\header Ferry notes}{\\footer \\f1 \\'cc\\'ee\\'f1\\'f2}{\\*\\generator Quill;}";
  const text = await textOf('a.rtf', `{\\rtf1\\ansi${fonts}${around}\\pard The boat is late.\\par}`);
  expect(text).toMatch(/^The boat is late\.\n\nFerry notes\nМост$/);
  // All of it stands in a header, where the main reader sees nothing.
  expect(await textOf('b.rtf', '{\\rtf1{\\header{\\b Only this}\\u233?}}')).toBe('Only thisé');
});

describe('workbooks', () => {
  test('codes of headers and footers are no text', () => {
    expect(marginLines('&L&"Arial,Bold"&12Stores && rigging&CPage &P of &N&R&D')).toEqual([
      'Stores & rigging',
    ]);
    expect(marginLines('&CSheet &A, kept by Ada Byron, page &P')).toEqual([
      'Sheet , kept by Ada Byron, page',
    ]);
  });

  test('Excel 97 has its headers, text boxes and chart titles', async () => {
    const record = (type: number, ...data: (number[] | Buffer)[]): Buffer => {
      const body = Buffer.concat(data.map((part) => Buffer.from(part)));
      const head = Buffer.alloc(4);
      head.writeUInt16LE(type, 0);
      head.writeUInt16LE(body.length, 2);
      return Buffer.concat([head, body]);
    };
    const stream = Buffer.concat([
      record(0x809, [0, 6, 5, 0]),
      record(0x14, [13, 0, 0], Buffer.from('&CTide tables')),
      record(0x1b6, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]),
      record(0x3c, [1], Buffer.from('buoy', 'utf16le')),
      record(0x100d, [0, 0, 5, 0], Buffer.from('Depth')),
      record(0x204, [0, 0, 0, 0, 0, 0, 4, 0, 0], Buffer.from('cell')),
      record(0x809, [0, 6, 0x20, 0]),
      record(0x204, [0, 0, 0, 0, 0, 0, 5, 0, 0], Buffer.from('Leith')),
    ]);
    const container = CFB.utils.cfb_new();
    CFB.utils.cfb_add(container, '/Workbook', stream);
    const data: unknown = CFB.write(container, { type: 'buffer' });
    if (!Buffer.isBuffer(data)) throw new TypeError('There is no file.');
    expect(xlsTexts(data)).toEqual(['Tide tables', 'buoy', 'Depth', 'Leith']);
    expect(xlsTexts(data.subarray(0, 700))).toEqual([]);
  });
});

test('comments on slides tell who made them', async () => {
  const relation = (id: string, type: string, target: string) =>
    `<Relationship Id="${id}" Type="http://x/${type}" Target="${target}"/>`;
  const relations = (...all: string[]) => `<Relationships>${all.join('')}</Relationships>`;
  const parts: Record<string, string> = {
    '[Content_Types].xml': '<Types/>',
    'ppt/presentation.xml': '<p:presentation><p:sldIdLst><p:sldId r:id="a"/></p:sldIdLst></p:presentation>',
    'ppt/_rels/presentation.xml.rels': relations(relation('a', 'slide', 'slides/slide1.xml')),
    'ppt/slides/slide1.xml': '<p:sld><p:sp><a:p><a:r><a:t>Tides</a:t></a:r></a:p></p:sp></p:sld>',
    'ppt/slides/_rels/slide1.xml.rels': relations(relation('b', 'comments', '../comments/c.xml')),
    'ppt/comments/c.xml':
      '<p188:cmLst><p188:cm authorId="{1}"><p188:replyLst><p188:reply authorId="{2}"><p188:txBody><a:p><a:r><a:t>Done</a:t></a:r></a:p></p188:txBody></p188:reply></p188:replyLst><p188:txBody><a:p><a:r><a:t>Check</a:t></a:r></a:p></p188:txBody></p188:cm></p188:cmLst>',
    'ppt/authors.xml':
      '<p188:authorLst><p188:author id="{1}" name="Ada"/><p188:author id="{2}" name="Ben"/></p188:authorLst>',
  };
  const data = makeZip(Object.entries(parts).map(([name, text]) => ({ name, data: Buffer.from(text) })));
  expect(await textOf('a.pptx', data)).toBe('Tides\n\nComment by Ada: Check\nComment by Ben: Done');
});

test('comments in OpenDocument texts stand apart from the sentence, with who made them', async () => {
  const office = 'urn:oasis:names:tc:opendocument:xmlns';
  const names = ['office', 'text'].map((name) => `xmlns:${name}="${office}:${name}:1.0"`).join(' ');
  const note =
    '<office:annotation office:name="1"><dc:creator>Edda Holm</dc:creator><dc:date>2026-11-21T10:00:00</dc:date>' +
    '<text:p>Which bar?</text:p></office:annotation>';
  const content = `<?xml version="1.0"?><office:document-content ${names} xmlns:dc="http://purl.org/dc/elements/1.1/"><office:body><office:text>
    <text:p>The ebb runs${note} at the bar<office:annotation-end office:name="1"/>.</text:p></office:text></office:body></office:document-content>`;
  const data = makeZip([
    { name: 'mimetype', data: Buffer.from('application/vnd.oasis.opendocument.text') },
    { name: 'content.xml', data: Buffer.from(content) },
  ]);
  expect(await textOf('a.odt', data)).toBe('The ebb runs at the bar.\n\nComment by Edda Holm: Which bar?');
});

describe('what Office saved as XML', () => {
  test('workbooks of 2003 have their cells', async () => {
    const cells = ['<Data ss:Type="String">Depth</Data>', '<Data ss:Type="Number">3.3000000000000003</Data>'];
    const rows = cells.map((cell) => `<Row><Cell>${cell}</Cell></Row>`).join('');
    const book = `<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
      xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="Tides"><Table>${rows}</Table></Worksheet></Workbook>`;
    expect(await textOf('tides.xml', book)).toBe('## Tides\n| Depth |\n| 3.3 |');
  });

  test('documents of 2003 have their paragraphs, without what was deleted', async () => {
    const run = (text: string): string => `<w:r><w:t>${text}</w:t></w:r>`;
    const gone = '<w:del><w:r><w:delText>early</w:delText></w:r></w:del>';
    const word = `<?xml version="1.0"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:body>
      <w:p>${run('The ebb is l')}${run('ate')}${gone}.</w:p><w:p>${run('So is the boat.')}</w:p></w:body></w:wordDocument>`;
    expect(await textOf('ebb.xml', word)).toBe('The ebb is late\nSo is the boat.');
  });
});
