import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { iwaObjects } from '../../src/processors/iwa.ts';
import { createFolder, createPool, fixture } from './bed.ts';
import { makeZip } from './hostile-files.ts';

const pool = createPool();
const write = createFolder();

const zip = (parts: Record<string, string | Buffer>): Buffer =>
  makeZip(Object.entries(parts).map(([name, data]) => ({ name, data: Buffer.from(data) })));

test('Pages has its headings, its table where it stands, notes and headers', async () => {
  const { title, sections } = await pool.extract(fixture('sample.pages'));
  expect(title).toBe('Skerrow Light');
  expect(sections.map(({ headings }) => headings?.join(' > '))).toEqual([
    'Skerrow Light',
    'Skerrow Light > Fog',
    undefined,
    undefined,
  ]);
  expect(joinSections(sections)).toBe(
    '# Skerrow Light\nThe lamp is lit at dusk.\n| Oil | Litres |\n| --- | --- |\n| Paraffin | 14.5 |\n\n' +
      '## Fog\nThe horn sounds twice a minute.\n\nSince 1871.\n\nKept by T. Venn',
  );
});

test('Keynote has its slides in their order with titles and notes, without those of masters', async () => {
  const { title, pages, sections } = await pool.extract(fixture('sample.key'));
  expect({ title, pages }).toEqual({ title: 'Skerrow Light', pages: 2 });
  expect(sections.map(({ slide, text }) => [slide, text])).toEqual([
    [1, '# Skerrow Light\n\nThe lamp is lit at dusk.'],
    [1, 'Notes: Ask about the oil.'],
    [2, '# Fog\n\nThe horn sounds twice a minute.\n\n| Oil | Litres |\n| --- | --- |\n| Paraffin | 14.5 |'],
  ]);
});

test('a folder that was packed is read by what is inside it', async () => {
  const index = readFileSync(fixture('sample.key').path);
  const { sections } = await pool.extract(
    write('talk.key', zip({ 'talk.key/Index.zip': index, 'talk.key/Metadata/Properties.plist': 'bplist00' })),
  );
  expect(sections.map(({ slide, member }) => [slide, member])).toEqual([
    [1, 'talk.key'],
    [1, 'talk.key'],
    [2, 'talk.key'],
  ]);
});

test('documents of 2009 have paragraphs and tables, without words that wait to be written over', async () => {
  const namespaces = ['sf', 'sfa', 'sl', 'key'].map((name) => `xmlns:${name}="urn:${name}"`).join(' ');
  const read = async (name: string, part: string, body: string): Promise<string> => {
    const data = zip({ [part]: `<?xml version="1.0"?>${body}`, 'buildVersionHistory.plist': '<plist/>' });
    return joinSections((await pool.extract(write(name, data))).sections);
  };
  const cell = (text: string, step: string): string => `<sf:t${step}><sf:ct sfa:s="${text}"/></sf:t>`;
  const table =
    '<sf:tabular-model sf:name="Oil"><sf:grid sf:numcols="2"><sf:datasource>' +
    `${cell('Lamp', '')}${cell('Litres', '')}${cell('Fog', ' sf:ct="255"')}<sf:n sf:v="14.499999999999999999"/>` +
    '</sf:datasource></sf:grid></sf:tabular-model>';
  const paragraph = (text: string): string => `<sf:p>${text}</sf:p>`;
  expect(
    await read(
      'light.pages',
      'index.xml',
      `<sl:document ${namespaces}><sl:section-prototypes>${paragraph('Lorem')}</sl:section-prototypes>
       <sf:text-body>${paragraph('The lamp<sf:lnbr/>is lit.')}${paragraph('<sf:ghost-text>Type here</sf:ghost-text>')}</sf:text-body>
       ${table}<sf:header>${paragraph('Kept by T. Venn')}</sf:header></sl:document>`,
    ),
  ).toBe('The lamp is lit.\n\nOil\n| Lamp | Litres |\n| Fog | 14.5 |\n\n\nKept by T. Venn');
  expect(
    await read(
      'light.key',
      'index.apxl',
      `<key:presentation ${namespaces}><key:theme-list>${paragraph('Title Text')}</key:theme-list><key:slide>
       <key:body-placeholder>${paragraph('at dusk')}</key:body-placeholder>
       <key:title-placeholder>${paragraph('Lit')}</key:title-placeholder><key:notes>${paragraph('Ask.')}</key:notes></key:slide></key:presentation>`,
    ),
  ).toBe('# Lit\n\nat dusk\n\nNotes: Ask.');
});

test.each([
  ['a copy from before the start', [0, 4, 0, 0, 9, 1, 5, 0]],
  ['more than was announced', [0, 6, 0, 0, 2, 12, 1, 2, 3, 4]],
  ['a block that is too long', [0, 5, 0, 0, 255, 255, 255, 255, 127]],
  ['a number without end', [0, 3, 0, 0, 1, 0, 255]],
  ['a field of an unknown sort', [0, 5, 0, 0, 3, 8, 2, 15, 15]],
])('%s is damage', (_, bytes) => {
  expect(() => [...iwaObjects(Buffer.from(bytes), { bytes: 1000 })]).toThrow(/damaged/);
});
