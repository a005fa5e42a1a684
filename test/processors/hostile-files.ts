import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

/** An entry of a ZIP file; `declared` is a size that the headers claim instead of the true one. */
export interface ZipEntry {
  name: string;
  data: Buffer;
  declared?: number;
}

/** A ZIP file with deflated entries (APPNOTE 4.3). */
export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const packed = deflateRawSync(entry.data, { level: 6 });
    const common = zipFields(entry, packed.length);
    const name = Buffer.from(entry.name);
    const local = Buffer.concat([Buffer.from('504b030414000000', 'hex'), common, name, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from('504b0102140014000000', 'hex'), common, tail, name);
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('504b0506', 'hex');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** What the local and the central header share: method, time, checksum, sizes, name length, no extra field. */
function zipFields(entry: ZipEntry, packed: number): Buffer {
  const fields = Buffer.alloc(22);
  fields.writeUInt16LE(8, 0);
  fields.writeUInt32LE(crc32(entry.data), 6);
  fields.writeUInt32LE(packed, 10);
  fields.writeUInt32LE(entry.declared ?? entry.data.length, 14);
  fields.writeUInt16LE(Buffer.byteLength(entry.name), 18);
  return fields;
}

const WORD = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';

/** A Word document with this body; `extra` entries are added to the container, `head` stands before the root. */
export function makeDocx(body: Buffer | string, extra: readonly ZipEntry[] = [], head = ''): Buffer {
  const types = `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`;
  const rels = `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="r1" Type="${OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>`;
  const document = Buffer.concat([
    Buffer.from(`${head}<w:document xmlns:w="${WORD}" xmlns:r="${OFFICE}"><w:body>`),
    Buffer.from(body),
    Buffer.from('</w:body></w:document>'),
  ]);
  return makeZip([
    { name: '[Content_Types].xml', data: Buffer.from(types) },
    { name: '_rels/.rels', data: Buffer.from(rels) },
    { name: 'word/document.xml', data: document },
    ...extra,
  ]);
}

export function wordParagraph(text: string): string {
  return `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`;
}

/** `depth` tables, each in the cell of the one before. */
export function nestedWordTables(depth: number): string {
  const open = '<w:tbl><w:tr><w:tc>'.repeat(depth);
  return `${open}${wordParagraph('core')}${'</w:tc></w:tr></w:tbl>'.repeat(depth)}`;
}

/** A PDF of these objects, numbered from 1; the first is the catalog (PDF 32000-1, 7.5). */
export function makePdf(objects: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  const offsets: number[] = [];
  let offset = parts[0]?.length ?? 0;
  for (const [index, object] of objects.entries()) {
    const part = Buffer.concat([
      Buffer.from(`${index + 1} 0 obj\n`),
      Buffer.from(object),
      Buffer.from('\nendobj\n'),
    ]);
    offsets.push(offset);
    parts.push(part);
    offset += part.length;
  }
  const rows = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  const xref = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`;
  const trailer = `trailer\n<</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${offset}\n%%EOF\n`;
  return Buffer.concat([...parts, Buffer.from(xref + trailer)]);
}

export function pdfStream(content: string | Buffer, entries = ''): Buffer {
  const data = deflateSync(content);
  const head = Buffer.from(`<<${entries}/Filter/FlateDecode/Length ${data.length}>>\nstream\n`);
  return Buffer.concat([head, data, Buffer.from('\nendstream')]);
}

export interface PdfPlan {
  /** Content stream of each page. */
  pages: readonly (string | Buffer)[];
  /** What `/Kids` says instead of each page once. */
  kids?: string;
  /** What `/Count` says instead of the number of pages. */
  count?: number;
  /** Entries added to every page. */
  pageEntries?: string;
  /** Objects added at the end, the first numbered 4 + 2 × pages. */
  more?: readonly (string | Buffer)[];
  /** Entries added to the resources of every page. */
  resources?: string;
}

/** Objects: 1 catalog, 2 pages, 3 font, then for each page the page and its content. */
export function planPdf({
  pages,
  kids,
  count,
  pageEntries = '',
  more = [],
  resources = '',
}: PdfPlan): Buffer {
  const own = pages.map((_, index) => `${4 + index * 2} 0 R`).join(' ');
  const objects: (string | Buffer)[] = [
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Kids[${kids ?? own}]/Count ${count ?? pages.length}>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>',
  ];
  for (const [index, content] of pages.entries()) {
    objects.push(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>${resources}>>/Contents ${5 + index * 2} 0 R${pageEntries}>>`,
      pdfStream(content),
    );
  }
  return makePdf([...objects, ...more]);
}

/** A content stream that shows each line 20 points below the one before. */
export function pdfText(...lines: readonly string[]): string {
  return lines.map((line, index) => `BT /F1 12 Tf 50 ${800 - index * 20} Td (${line}) Tj ET`).join('\n');
}

/** A PDF whose pictures say that they are `side` pixels wide and high, in a few bytes each (ITU-T T.88, 7.2). */
export function jbig2Pdf(side: number, pictures: number): Buffer {
  const size = Buffer.alloc(8);
  size.writeUInt32BE(side, 0);
  size.writeUInt32BE(side, 4);
  const page = Buffer.concat([Buffer.from('00000000300001', 'hex'), uint32(19), size, Buffer.alloc(11)]);
  const coded = Buffer.concat([
    size,
    Buffer.alloc(8),
    Buffer.from('00', 'hex'),
    Buffer.from('0003fffdff02fefefe', 'hex'),
    Buffer.alloc(30, 0xaa),
  ]);
  const region = Buffer.concat([Buffer.from('00000001260001', 'hex'), uint32(coded.length), coded]);
  const data = Buffer.concat([page, region]).toString('latin1');
  const head = `<</Type/XObject/Subtype/Image/Width ${side}/Height ${side}/BitsPerComponent 1/ColorSpace/DeviceGray/Filter/JBIG2Decode/Length ${data.length}>>`;
  const names = Array.from({ length: pictures }, (_, at) => `/I${at} ${6 + at} 0 R`).join('');
  return planPdf({
    pages: [Array.from({ length: pictures }, (_, at) => `q 500 0 0 500 0 0 cm /I${at} Do Q`).join('\n')],
    resources: `/XObject<<${names}>>`,
    more: Array.from({ length: pictures }, () =>
      Buffer.from(`${head}\nstream\n${data}\nendstream`, 'latin1'),
    ),
  });
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A content stream of `bytes` bytes of text operators. */
export function operatorBomb(bytes: number): Buffer {
  return Buffer.alloc(bytes, 'BT /F1 12 Tf (A) Tj ET\n');
}

/** A copy with one bit turned in every `step`th byte. */
export function flipBits(data: Buffer, step: number): Buffer {
  const copy = Buffer.from(data);
  for (let at = step; at < copy.length; at += step) copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
  return copy;
}

/**
 * An OLE compound file ([MS-CFB]) with one allocation table, one directory sector and these names in its root.
 */
export function makeOle(names: readonly string[]): Buffer {
  const file = Buffer.alloc(512 * 3);
  file.write('d0cf11e0a1b11ae1', 'hex');
  file.writeUInt16LE(0x3e, 24);
  file.writeUInt16LE(3, 26);
  file.writeUInt16LE(0xfffe, 28);
  file.writeUInt16LE(9, 30);
  file.writeUInt16LE(6, 32);
  file.writeUInt32LE(1, 44);
  file.writeUInt32LE(1, 48);
  file.fill(0xff, 76, 512);
  file.writeUInt32LE(0, 76);
  file.fill(0xff, 512, 1024);
  file.writeUInt32LE(0xfffffffd, 512);
  file.writeUInt32LE(0xfffffffe, 516);
  for (const [index, name] of ['Root Entry', ...names].entries()) {
    const at = 1024 + index * 128;
    file.write(name, at, 'utf16le');
    file.writeUInt16LE(name.length * 2 + 2, at + 64);
    file.writeUInt8(index === 0 ? 5 : 2, at + 66);
    file.fill(0xff, at + 68, at + 80);
    if (index === 0) file.writeUInt32LE(names.length > 0 ? 1 : 0xffffffff, at + 76);
    else if (index < names.length) file.writeUInt32LE(index + 1, at + 72);
  }
  return file;
}

const SHEET = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const SLIDE = 'http://schemas.openxmlformats.org/presentationml/2006/main';
const DRAWING = 'http://schemas.openxmlformats.org/drawingml/2006/main';

function relationships(...targets: readonly [type: string, target: string][]): Buffer {
  const rows = targets.map(
    ([type, target], index) =>
      `<Relationship Id="r${index + 1}" Type="${OFFICE}/${type}" Target="${target}"/>`,
  );
  return Buffer.from(`<Relationships xmlns="${PACKAGE}/relationships">${rows.join('')}</Relationships>`);
}

function contentTypes(...parts: readonly [part: string, type: string][]): Buffer {
  const rows = parts.map(
    ([part, type]) =>
      `<Override PartName="${part}" ContentType="application/vnd.openxmlformats-officedocument.${type}+xml"/>`,
  );
  return Buffer.from(
    `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${rows.join('')}</Types>`,
  );
}

/** A workbook of one sheet with these rows. */
export function makeXlsx(rows: Buffer | string, extra: readonly ZipEntry[] = []): Buffer {
  const book = `<workbook xmlns="${SHEET}" xmlns:r="${OFFICE}"><sheets><sheet name="One" sheetId="1" r:id="r1"/></sheets></workbook>`;
  return makeZip([
    {
      name: '[Content_Types].xml',
      data: contentTypes(
        ['/xl/workbook.xml', 'spreadsheetml.sheet.main'],
        ['/xl/worksheets/sheet1.xml', 'spreadsheetml.worksheet'],
      ),
    },
    { name: '_rels/.rels', data: relationships(['officeDocument', 'xl/workbook.xml']) },
    { name: 'xl/workbook.xml', data: Buffer.from(book) },
    { name: 'xl/_rels/workbook.xml.rels', data: relationships(['worksheet', 'worksheets/sheet1.xml']) },
    {
      name: 'xl/worksheets/sheet1.xml',
      data: Buffer.concat([
        Buffer.from(`<worksheet xmlns="${SHEET}"><sheetData>`),
        Buffer.from(rows),
        Buffer.from('</sheetData></worksheet>'),
      ]),
    },
    ...extra,
  ]);
}

/** A presentation of one slide with this XML among its shapes. */
export function makePptx(shapes: string, extra: readonly ZipEntry[] = []): Buffer {
  const list = `<p:presentation xmlns:p="${SLIDE}" xmlns:r="${OFFICE}"><p:sldIdLst><p:sldId id="256" r:id="r1"/></p:sldIdLst></p:presentation>`;
  const slide = `<p:sld xmlns:p="${SLIDE}" xmlns:a="${DRAWING}" xmlns:r="${OFFICE}"><p:cSld><p:spTree>${shapes}</p:spTree></p:cSld></p:sld>`;
  return makeZip([
    {
      name: '[Content_Types].xml',
      data: contentTypes(['/ppt/presentation.xml', 'presentationml.presentation.main']),
    },
    { name: '_rels/.rels', data: relationships(['officeDocument', 'ppt/presentation.xml']) },
    { name: 'ppt/presentation.xml', data: Buffer.from(list) },
    { name: 'ppt/_rels/presentation.xml.rels', data: relationships(['slide', 'slides/slide1.xml']) },
    { name: 'ppt/slides/slide1.xml', data: Buffer.from(slide) },
    ...extra,
  ]);
}
