import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { LimnerError } from '../../src/errors.ts';
import { createFolder, createPool, fixture, readingProcesses } from './bed.ts';
import * as hostile from './hostile-files.ts';

const write = createFolder();
const pool = createPool({ size: 1 });
const hasty = createPool({ size: 1, timeoutMs: 2500 });

const pdf = readFileSync(fixture('sample.pdf').path);
const docx = readFileSync(fixture('sample.docx').path);

/** Whatever a file did, the next one is read. */
afterEach(async () => {
  const { sections } = await pool.extract(fixture('sample.md'));
  if (sections.length !== 7) throw new Error('The file after a hostile one was not read.');
});

function part(data: Buffer, share: number): Buffer {
  return data.subarray(0, Math.floor(data.length * share));
}

function repeatRun(bytes: number): Buffer {
  return Buffer.concat([
    Buffer.from('<w:p><w:r><w:t>'),
    Buffer.alloc(bytes, 'a'),
    Buffer.from('</w:t></w:r></w:p>'),
  ]);
}

const refused: [name: string, code: string, make: () => Buffer | string][] = [
  ['half.pdf', 'corrupt', () => part(pdf, 0.5)],
  ['most.pdf', 'corrupt', () => part(pdf, 0.95)],
  ['half.docx', 'corrupt', () => part(docx, 0.5)],
  ['most.docx', 'corrupt', () => part(docx, 0.95)],
  ['flipped.docx', 'corrupt', () => hostile.flipBits(docx, 150)],
  [
    'noise.pdf',
    'unsupported',
    () => Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * at * 7919) >> 3)),
  ],
  ['nul.txt', 'unsupported', () => Buffer.alloc(1000)],
  ['old.doc', 'unsupported', () => hostile.makeOle(['WordDocument'])],
  ['locked.docx', 'encrypted', () => hostile.makeOle(['EncryptionInfo', 'EncryptedPackage'])],
  ['locked.pdf', 'encrypted', () => hostile.makeOle(['EncryptedPackage'])],
  ['paragraphs.docx', 'limit', () => hostile.makeDocx(hostile.wordParagraph('a').repeat(500_000))],
  ['run.docx', 'limit', () => hostile.makeDocx(repeatRun(400_000_000))],
  ['nested.docx', 'limit', () => hostile.makeDocx(hostile.nestedWordTables(2000))],
  [
    'lying.docx',
    'corrupt',
    () => hostile.makeDocx('', [{ name: 'word/a.xml', data: Buffer.alloc(9_000_000), declared: 10 }]),
  ],
  ['divs.html', 'limit', () => '<div>'.repeat(50_000)],
  ['menus.html', 'limit', () => '<menu>'.repeat(50_000)],
  ['templates.html', 'limit', () => '<p><template>'.repeat(50_000)],
];

test.each(refused)('%s is %s', async (name, code, make) => {
  const file = write(name, make());
  const error: unknown = await pool.extract(file).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code, message: expect.stringMatching(/^[A-Z][^\n]{20,160}\.$/) });
  expect(error).not.toMatchObject({ message: expect.stringContaining(file.path) });
});

test.each(['pdf', 'docx', 'html', 'md', 'txt'])(
  'an empty .%s file is an extraction without sections',
  async (ending) => {
    expect(await pool.extract(write(`empty.${ending}`, ''))).toEqual({
      sections: [],
      warnings: [],
      words: [],
      figures: [],
      processor: 'none',
    });
  },
);

test('a PDF with turned bits gives what it still holds or is corrupt', async () => {
  // Fonts that tell no letters any more make its pages pictures, and OCR takes its time for each.
  const patient = createPool({ timeoutMs: 60_000, pageMs: 30_000 });
  const outcomes = [];
  for (const step of [150, 500, 2000]) {
    const file = write(`flipped-${step}.pdf`, hostile.flipBits(pdf, step));
    outcomes.push(await patient.extract(file).then(() => 'read', codeOf));
  }
  expect(['read', 'corrupt']).toEqual(expect.arrayContaining(outcomes));
}, 90_000);

function codeOf(error: unknown): unknown {
  return error instanceof LimnerError ? error.code : error;
}

test('content goes before the extension', async () => {
  const misnamed = await Promise.all([
    pool.extract(write('is-pdf.docx', pdf)),
    pool.extract(write('is-docx.pdf', docx)),
    pool.extract(write('is-text.pdf', 'Only words.')),
    pool.extract(write('is-page.pdf', '<!doctype html><p>Only words.')),
    pool.extract(write('no-extension', pdf)),
    pool.extract(write('strange.zzz', 'Only words.')),
  ]);
  expect(misnamed.map(({ processor }) => processor)).toEqual(['pdf', 'docx', 'text', 'html', 'pdf', 'text']);
});

describe('HTML', () => {
  const pages: [name: string, source: string, needle: string][] = [
    ['nested.html', `${'<div>'.repeat(3000)}core`, 'core'],
    ['rows.html', `<table>${'<tr><td>a<td>b'.repeat(20_000)}<tr><td>last</table>`, '| last |'],
    ['inline.html', `<p>${'<b><i>'.repeat(10_000)}core`, 'core'],
    ['blocks.html', '<b><i>word<p>'.repeat(10_000), 'word'],
    ['items.html', `<ol>${'<li>item'.repeat(50_000)}`, '50000. item'],
    ['tables.html', `${'<table><tr><td>'.repeat(2000)}core`, 'core'],
    ['links.html', '<a href="x">word</a> '.repeat(100_000), '[word](x) [word](x)'],
  ];
  test.each(pages)('%s is read', async (name, source, needle) => {
    const { sections } = await pool.extract(write(name, source));
    expect(joinSections(sections)).toContain(needle);
  });
});

describe('PDF', () => {
  test('a page of 200 MB of operators runs out of time and leaves no process', async () => {
    const file = write('bomb.pdf', hostile.planPdf({ pages: [hostile.operatorBomb(200_000_000)] }));
    const before = readingProcesses();
    await expect(hasty.extract(file)).rejects.toMatchObject({ code: 'timeout' });
    expect(readingProcesses()).toEqual(before);
    expect((await hasty.extract(fixture('sample.txt'))).sections).toHaveLength(1);
  });

  test('a page that takes too long costs only itself', async () => {
    const before = readingProcesses();
    const page = (word: string) => hostile.pdfText(`${word} is a page of words that can be read well`);
    const pages = [page('One'), hostile.operatorBomb(200_000_000), page('Three'), page('Four')];
    const patient = createPool({ timeoutMs: 60_000, pageMs: 2000 });
    const { sections, warnings, words } = await patient.extract(write('mid.pdf', hostile.planPdf({ pages })));
    expect(sections.map((section) => [section.page, section.text.split(' ', 1)[0]])).toEqual([
      [1, 'One'],
      [3, 'Three'],
      [4, 'Four'],
    ]);
    expect(words.map((word) => word.page)).toEqual([1, 3, 4]);
    expect(warnings).toEqual([
      'Page 2 could not be read because it took longer than 2 seconds for a page (LIMNER_EXTRACT_PAGE_SECONDS).',
    ]);
    const alone = write('alone.pdf', hostile.planPdf({ pages: [hostile.operatorBomb(200_000_000)] }));
    await expect(patient.extract(alone)).rejects.toMatchObject({ code: 'timeout' });
    // The one that went on behind the page rests; those that met the page are gone.
    expect(readingProcesses()).toHaveLength(before.length + 1);
  });

  test('the pages before such a page are kept', async () => {
    const pages = [hostile.pdfText('The first page is fine'), hostile.operatorBomb(200_000_000)];
    const { sections, warnings, processor } = await hasty.extract(
      write('late.pdf', hostile.planPdf({ pages })),
    );
    expect({ sections, processor }).toEqual({
      sections: [{ text: 'The first page is fine', page: 1 }],
      processor: 'pdf',
    });
    expect(warnings).toEqual([
      'Reading stopped after page 1 because it took longer than 2.5 seconds (LIMNER_EXTRACT_SECONDS); the rest is not searchable.',
    ]);
  });

  test('60 000 times the same page is cut off with what was read', async () => {
    const plan = { pages: [hostile.pdfText('shared')], kids: '4 0 R '.repeat(60_000), count: 60_000 };
    const { sections, warnings } = await hasty.extract(write('shared.pdf', hostile.planPdf(plan)));
    expect(sections.length).toBeGreaterThan(10);
    expect(sections.length).toBeLessThanOrEqual(5000);
    expect(warnings).toHaveLength(1);
  });

  test('a page count that is a lie is not believed', async () => {
    const plan = { pages: [hostile.pdfText('one page')], count: 1_000_000_000 };
    const { sections, pages } = await pool.extract(write('count.pdf', hostile.planPdf(plan)));
    expect({ sections, pages }).toEqual({ sections: [{ text: 'one page', page: 1 }], pages: 1 });
  });
});

test('nothing is fetched and nothing outside is read', async () => {
  let calls = 0;
  const server = createServer((_, response) => {
    calls += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  const relations = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="p1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image" Target="${url}/p.png" TargetMode="External"/></Relationships>`;
  const drawing =
    '<w:p><w:r><w:t>seen</w:t></w:r><w:r><w:drawing><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing"><a:graphic xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:graphicData><pic:pic xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:blipFill><a:blip r:link="p1"/></pic:blipFill></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>';
  const linked = hostile.makeDocx(drawing, [
    { name: 'word/_rels/document.xml.rels', data: Buffer.from(relations) },
  ]);
  const page = `<meta http-equiv=refresh content="0;url=${url}"><link rel=stylesheet href="${url}/a.css"><script src="${url}/b.js"></script><img src="${url}/c.png">seen<iframe src="${url}"></iframe>`;
  const read = await Promise.all([
    pool.extract(write('linked.docx', linked)),
    pool.extract(write('remote.html', page)),
  ]);
  expect(read.map(({ sections }) => joinSections(sections))).toEqual(['seen', 'seen']);
  expect(calls).toBe(0);
  server.close();
});
