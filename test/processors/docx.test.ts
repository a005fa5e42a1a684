import { CFB } from '@e965/xlsx';
import { describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { createFolder, createPool } from './bed.ts';
import { makeDocx, makePptx, makeXlsx, wordParagraph, type ZipEntry } from './hostile-files.ts';

const pool = createPool();
const write = createFolder();
const WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

async function textOf(body: string, extra: readonly ZipEntry[] = []): Promise<string> {
  return joinSections((await pool.extract(write('a.docx', makeDocx(body, extra)))).sections);
}

/** A paragraph at a level of a list, or of a style. */
function item(text: string, of: { list?: number; level?: number; style?: string }): string {
  const list =
    of.list === undefined
      ? ''
      : `<w:numPr><w:ilvl w:val="${of.level ?? 0}"/><w:numId w:val="${of.list}"/></w:numPr>`;
  const style = of.style === undefined ? '' : `<w:pStyle w:val="${of.style}"/>`;
  return `<w:p><w:pPr>${style}${list}</w:pPr><w:r><w:t>${text}</w:t></w:r></w:p>`;
}

function level(at: number, format: string, pattern: string, more = ''): string {
  return `<w:lvl w:ilvl="${at}"><w:start w:val="1"/><w:numFmt w:val="${format}"/>${more}<w:lvlText w:val="${pattern}"/></w:lvl>`;
}

const LISTS: ZipEntry[] = [
  {
    name: 'word/numbering.xml',
    data: Buffer.from(`<w:numbering ${WORD}>
      <w:abstractNum w:abstractNumId="1">${level(0, 'decimal', '%1.')}${level(1, 'lowerLetter', '%1%2)')}${level(2, 'upperRoman', '%3')}</w:abstractNum>
      <w:abstractNum w:abstractNumId="2">${level(0, 'bullet', '\u00b7')}</w:abstractNum>
      <w:abstractNum w:abstractNumId="3">${level(0, 'decimal', 'Article %1', '<w:pStyle w:val="Heading1"/>')}</w:abstractNum>
      <w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num>
      <w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>
      <w:num w:numId="3"><w:abstractNumId w:val="3"/></w:num>
      <w:num w:numId="4"><w:abstractNumId w:val="1"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride></w:num>
    </w:numbering>`),
  },
  {
    name: 'word/styles.xml',
    data: Buffer.from(`<w:styles ${WORD}>
      <w:style w:type="paragraph" w:styleId="Heading1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style>
      <w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="Heading1"/></w:style>
    </w:styles>`),
  },
  {
    name: 'word/_rels/document.xml.rels',
    data: Buffer.from(
      `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">${[
        'numbering',
        'styles',
      ]
        .map(
          (part) =>
            `<Relationship Id="${part}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/${part}" Target="${part}.xml"/>`,
        )
        .join('')}</Relationships>`,
    ),
  },
];

describe('automatic numbers', () => {
  test('are counted by level, go on after other text, and restart where the list says so', async () => {
    const body = [
      item('one', { list: 1 }),
      item('inner', { list: 1, level: 1 }),
      item('deep', { list: 1, level: 2 }),
      item('inner again', { list: 1, level: 1 }),
      wordParagraph('between'),
      item('two', { list: 1 }),
      item('seven', { list: 4 }),
      item('eight', { list: 4 }),
      item('dot', { list: 2 }),
    ].join('');
    expect((await textOf(body, LISTS)).split('\n').filter(Boolean)).toEqual([
      '1. one',
      '  1a) inner',
      '    I deep',
      '  1b) inner again',
      'between',
      '2. two',
      '7. seven',
      '8. eight',
      '* dot',
    ]);
  });

  test('of headings come from their style, also one that it is based on', async () => {
    const body = [
      item('First', { style: 'Heading1' }),
      wordParagraph('a'),
      item('Second', { style: 'Mine' }),
    ];
    const { sections } = await pool.extract(write('b.docx', makeDocx(body.join(''), LISTS)));
    expect(sections[0]?.headings).toEqual(['Article 1 First']);
    expect(joinSections(sections)).toContain('Article 2 Second');
  });

  test('stand in the cells of tables', async () => {
    const cell = `<w:tc>${item('rope', { list: 1 })}${item('tar', { list: 1 })}</w:tc>`;
    expect(await textOf(`<w:tbl><w:tr>${cell}</w:tr></w:tbl>`, LISTS)).toBe('| 1. rope 2. tar |');
  });
});

test('formulas, fields and annotated characters are text', async () => {
  const math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"';
  const run = (text: string): string => `<w:r><w:t>${text}</w:t></w:r>`;
  const body = `<w:p>${run('Figure ')}<w:fldSimple w:instr=" SEQ x ">${run('4')}</w:fldSimple></w:p>
    <w:p><m:oMath ${math}><m:r><m:t>E=m</m:t></m:r><m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e></m:sSup></m:oMath></w:p>
    <w:p><w:r><w:ruby><w:rt>${run('とうきょう')}</w:rt><w:rubyBase>${run('東京')}</w:rubyBase></w:ruby></w:r>${run('駅')}</w:p>`;
  expect((await textOf(body)).split('\n').filter(Boolean)).toEqual(['Figure 4', 'E=m c', '東京駅']);
});

test('comments are found', async () => {
  const comments = `<w:comments ${WORD}><w:comment w:id="0">${wordParagraph('ask the miller')}</w:comment></w:comments>`;
  const extra = [{ name: 'word/comments.xml', data: Buffer.from(comments) }];
  expect(await textOf(wordParagraph('flour'), extra)).toBe('flour\n\nask the miller');
});

/** An object as programs wrap it: a file with its name in an OLE container. */
function wrapped(name: string, bytes: Buffer): Buffer {
  const size = (value: number): Buffer => {
    const four = Buffer.alloc(4);
    four.writeUInt32LE(value);
    return four;
  };
  const path = Buffer.from(`C:\\tmp\\${name}\0`);
  const data = Buffer.concat([
    Buffer.from([2, 0]),
    Buffer.from(`${name}\0`),
    path,
    Buffer.from([0, 0, 3, 0]),
    size(path.length),
    path,
    size(bytes.length),
    bytes,
  ]);
  const file = CFB.utils.cfb_new();
  CFB.utils.cfb_add(file, '\u0001Ole10Native', Buffer.concat([size(data.length), data]));
  const written: unknown = CFB.write(file, { type: 'buffer' });
  if (!Buffer.isBuffer(written)) throw new Error('no bytes');
  return written;
}

describe('files inside Office documents', () => {
  const sheet = makeXlsx('<row r="1"><c r="A1" t="inlineStr"><is><t>anvil</t></is></c></row>');
  const embedded = (folder: string): ZipEntry[] => [
    { name: `${folder}/embeddings/Stores.xlsx`, data: sheet },
    { name: `${folder}/embeddings/oleObject1.bin`, data: wrapped('letter.txt', Buffer.from('the tongs')) },
    { name: `${folder}/embeddings/Chart.xlsx`, data: sheet },
    { name: `${folder}/charts/chart1.xml`, data: Buffer.from('<c:chart/>') },
    {
      name: `${folder}/charts/_rels/chart1.xml.rels`,
      data: Buffer.from(
        '<Relationships><Relationship Id="r1" Type="x/package" Target="../embeddings/Chart.xlsx"/></Relationships>',
      ),
    },
  ];

  test.each([
    ['a.docx', makeDocx(wordParagraph('forge'), embedded('word'))],
    ['a.pptx', makePptx('<p:sp><a:p><a:r><a:t>forge</a:t></a:r></a:p></p:sp>', embedded('ppt'))],
  ])('of %s are read, those behind charts are not', async (name, data) => {
    const { sections } = await pool.extract(write(name, data));
    expect(sections.map(({ text, member }) => [member, text])).toEqual([
      [undefined, 'forge'],
      ['Stores.xlsx', '## One\n| anvil |'],
      ['letter.txt', 'the tongs'],
    ]);
  });

  test('a damaged object costs nothing else', async () => {
    const torn = wrapped('letter.txt', Buffer.from('the tongs')).fill(0xff, 600);
    const extra = [{ name: 'word/embeddings/oleObject1.bin', data: torn }];
    expect(await textOf(wordParagraph('forge'), extra)).toBe('forge');
  });
});
