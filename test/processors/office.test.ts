import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { DEFAULT_LIMITS } from '../../src/processors/limits.ts';
import { pageMargins } from '../../src/processors/odf-pages.ts';
import { withArchive } from '../../src/processors/zip.ts';
import { createFolder, createPool, fixture } from './bed.ts';
import * as hostile from './hostile-files.ts';

const pool = createPool({ size: 1 });
const write = createFolder();

describe('workbooks', () => {
  test.each(['xlsx', 'xls', 'xlsb', 'ods'])(
    'a .%s has its rows with header, sheet and range',
    async (ending) => {
      const { sections, title, processor } = await pool.extract(fixture(`sample.${ending}`));
      expect({ processor, title }).toEqual({
        processor: 'spreadsheet',
        title: 'Stores of the Polwick ferry',
      });
      expect(sections.map(({ sheet, range }) => [sheet, range])).toEqual([
        ['Stores', 'A1:C4'],
        ['Crew', 'A1:B3'],
      ]);
      expect(sections[0]?.text).toMatch(
        /^## Stores\n\| Item \| Amount \| Bought \|\n\| --- \| --- \| --- \|\n\| Hemp rope \| 120.5 \| /,
      );
      expect(sections[0]?.text).toMatch(/\| Lamp oil \| 33 \| 1931-06-01 \|$/m);
    },
  );

  test('a long table says its header in every section', async () => {
    const rows = Array.from({ length: 400 }, (_, index) => `thing ${index},${index}`);
    const { sections } = await pool.extract(write('long.csv', `Name,Amount\n${rows.join('\n')}`));
    expect(sections.length).toBeGreaterThan(5);
    for (const { text } of sections) expect(text).toMatch(/^\| Name \| Amount \|\n/);
    expect(sections.at(-1)?.range).toMatch(/^A\d+:B401$/);
  });

  test('cells in opposite corners take no time', async () => {
    const row = (number: number, cell: string) => `<row r="${number}"><c r="${cell}"><v>7</v></c></row>`;
    const file = write('corner.xlsx', hostile.makeXlsx(`${row(1, 'A1')}${row(1_048_576, 'XFD1048576')}`));
    const start = performance.now();
    const { sections } = await pool.extract(file);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(sections).toHaveLength(1);
  });
});

test.each(['csv', 'tsv'])('a .%s has its rows with header and range', async (ending) => {
  const { sections, processor } = await pool.extract(fixture(`sample.${ending}`));
  expect(processor).toBe('csv');
  expect(sections[0]?.text).toContain('| Ashmead | 2021 | 212 |');
  expect(sections[0]?.range).toMatch(/^A1:[CD][34]$/);
});

describe('presentations', () => {
  test.each(['pptx', 'odp'])('a .%s has its slides', async (ending) => {
    const { sections, pages } = await pool.extract(fixture(`sample.${ending}`));
    expect(pages).toBe(3);
    const slideOf = (words: string) => sections.find(({ text }) => text.includes(words))?.slide;
    expect(['Swarms leave in May', 'Agatha is the exception', 'eleven', 'fourteen'].map(slideOf)).toEqual([
      1, 1, 2, 3,
    ]);
    expect(joinSections(sections)).toContain('| Agatha | eleven |');
  });
});

test('a .ppt has its text and its notes', async () => {
  const { sections, processor } = await pool.extract(fixture('sample.ppt'));
  expect(processor).toBe('office');
  expect(joinSections(sections)).toMatch(
    /Swarms leave in May[^]*Agatha is the exception[^]*eleven[^]*fourteen/,
  );
});

test.each(['doc', 'rtf', 'odt'])('a .%s has headings, list and table', async (ending) => {
  const { sections, processor } = await pool.extract(fixture(`sample.${ending}`));
  expect(processor).toBe('office');
  expect(sections.map(({ headings }) => headings?.join(' > '))).toEqual([
    'The new rope',
    'The new rope > What it costs',
  ]);
  expect(sections[0]?.text).toContain('* Bring the marlinspike.');
  expect(sections[1]?.text).toContain('| Flax rope | six guineas |');
});

test('what OpenDocument pages and slides show in their margins is read', async () => {
  const paragraph = (text: string): string => `<text:p>${text}</text:p>`;
  const frame = (role: string, text: string): string =>
    `<draw:frame presentation:class="${role}">${paragraph(text)}</draw:frame>`;
  const styles = `<s><style:master-page><style:header>${paragraph('The tower')}</style:header>
    <style:footer-left>${paragraph('The tower')}${paragraph('Page')}</style:footer-left>
    ${frame('footer', 'Ringers only')}${frame('title', 'Click to edit')}</style:master-page></s>`;
  const content = '<c><presentation:footer-decl>In May</presentation:footer-decl></c>';
  const file = write(
    'margins.zip',
    hostile.makeZip([
      { name: 'styles.xml', data: Buffer.from(styles) },
      { name: 'content.xml', data: Buffer.from(content) },
    ]),
  );
  expect(await withArchive(file.path, DEFAULT_LIMITS, pageMargins)).toEqual([
    'The tower',
    'Page',
    'Ringers only',
    'In May',
  ]);
});

describe('hostile office files', () => {
  afterEach(async () => {
    const { sections } = await pool.extract(fixture('sample.md'));
    if (sections.length !== 7) throw new Error('The file after a hostile one was not read.');
  });

  test.each(['xlsx', 'xlsb', 'ods', 'pptx', 'odt', 'odp', 'doc', 'ppt', 'xls'])(
    'half a .%s ends in a named way',
    async (ending) => {
      const whole = readFileSync(fixture(`sample.${ending}`).path);
      for (const data of [whole.subarray(0, whole.length >> 1), hostile.flipBits(whole, 97)]) {
        const outcome = await pool.extract(write(`half.${ending}`, data)).then(
          () => 'read',
          (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
        );
        expect(['read', 'corrupt', 'unsupported', 'limit', 'encrypted']).toContain(outcome);
      }
    },
  );

  const refused: [name: string, code: string, make: () => Buffer | string][] = [
    [
      'cell.xlsx',
      'limit',
      () =>
        hostile.makeXlsx(`<row r="1"><c r="A1" t="inlineStr"><is><t>${' '.repeat(1e8)}</t></is></c></row>`),
    ],
    ['nested.pptx', 'limit', () => hostile.makePptx('<a:x>'.repeat(5000))],
  ];
  test.each(refused)('%s is %s', async (name, code, make) => {
    await expect(pool.extract(write(name, make()))).rejects.toMatchObject({ code });
  });

  test('RTF with a hundred thousand groups or a lying length ends', async () => {
    for (const data of [`{\\rtf1 ${'{'.repeat(100_000)}core`, '{\\rtf1 {\\bin2000000000 x} tail}']) {
      const outcome = await pool.extract(write('groups.rtf', data)).then(
        () => 'read',
        (error: unknown) => error,
      );
      expect(outcome === 'read' || (outcome instanceof Error && 'code' in outcome)).toBe(true);
    }
  });

  test('half a megabyte of quote signs is read as one', async () => {
    const { sections } = await pool.extract(write('quotes.csv', '"'.repeat(500_000)));
    expect(joinSections(sections).length).toBeLessThan(1_000_000);
  });
});
