import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { PROCESSORS } from '../../src/processors/table.ts';
import { createFolder, createPool, fixture } from './bed.ts';
import { makeZip } from './hostile-files.ts';

const pool = createPool({ size: 2 });
const write = createFolder();

function samplesOf(extensions: readonly string[]): string[] {
  const path = (ending: string) => new URL(`../fixtures/sample.${ending}`, import.meta.url);
  return extensions.filter((ending) => existsSync(path(ending)));
}

describe('every processor', () => {
  test.each(PROCESSORS.map((processor) => [processor.name, processor] as const))(
    '%s has samples and reads them',
    async (name, { extensions }) => {
      const endings = samplesOf(extensions);
      expect(endings).toEqual(extensions);
      for (const ending of endings) {
        const { processor, sections } = await pool.extract(fixture(`sample.${ending}`));
        expect({ ending, processor, empty: sections.length === 0 }).toEqual({
          ending,
          processor: name,
          // What is said in it is written down elsewhere (test/recordings.test.ts).
          empty: name === 'recording',
        });
      }
    },
    // A dozen pictures take OCR their time.
    120_000,
  );
});

async function headings(name: string): Promise<(string | undefined)[]> {
  const { sections } = await pool.extract(fixture(name));
  return sections.map(({ headings }) => headings?.join(' > '));
}

test('texts with headings of their own are parted by them', async () => {
  expect(await headings('sample.adoc')).toEqual([
    'The Winding of the Clock',
    'The Winding of the Clock > The weights',
    'The Winding of the Clock > The weights > The rope',
  ]);
  expect(await headings('sample.rst')).toEqual([
    "The Ferry's Horn",
    "The Ferry's Horn > Signals",
    "The Ferry's Horn > Signals > At night",
  ]);
  expect(await headings('sample.tex')).toEqual([
    undefined,
    'Bowline',
    'Bowline > History of the bowline',
    'Clove hitch',
  ]);
  expect(await headings('sample.py')).toEqual([undefined, 'Lantern', 'Lantern > turn', 'visibility']);
  expect(await headings('sample.ipynb')).toEqual(['Tides at Carrick', 'Tides at Carrick > Neap tides']);
});

test('the function called lantern is found in every language that has functions', async () => {
  const { extensions = [] } = PROCESSORS.find(({ name }) => name === 'code') ?? {};
  const without: string[] = [];
  for (const ending of extensions.filter((one) => one !== 'py')) {
    const found = await headings(`sample.${ending}`);
    if (!found.some((path) => /\blantern\b/i.test(path ?? ''))) without.push(ending);
  }
  // Style sheets and Nix have none; in Erlang it is the name of the module.
  expect(without).toEqual(['css', 'scss', 'less', 'erl', 'nix']);
  expect((await pool.extract(fixture('sample.erl'))).sections[1]?.headings).toEqual(['lit']);
});

test('definitions are found in many languages', async () => {
  const lines = {
    'a.ts': ['export async function one() {', 'export const two = (a: string) => a;', 'class Three {'],
    'a.rs': ['pub fn one() {', 'impl two {', 'pub(crate) struct Three;'],
    'a.go': ['func one() {}', 'func (s *Server) two() {}', 'func Three() {}'],
    'a.java': ['public class one {', 'public final class two {', 'interface Three {'],
    'a.kt': ['data class one(', 'fun two() {', 'object Three {'],
  };
  for (const [name, [one = '', two = '', three = '']] of Object.entries(lines)) {
    const { sections } = await pool.extract(write(name, [one, '  x', two, '  x', three, '  x'].join('\n')));
    expect(sections.map(({ headings }) => headings?.join().toLowerCase())).toEqual(['one', 'two', 'three']);
  }
});

test('subtitles have their times', async () => {
  expect((await pool.extract(fixture('sample.srt'))).sections).toEqual([
    { text: "The kettle was a gift.\nFrom the harbour master's aunt.", time: [1.5, 8.25] },
  ]);
  expect((await pool.extract(fixture('sample.vtt'))).sections).toEqual([
    { text: 'The whistle is heard twice.\nAnd then never again.', time: [1, 3602] },
  ]);
});

test('JSON has its values with their path, numbers as they are written', async () => {
  const source = {
    name: 'Skerrow',
    lamp: { maker: { name: 'Stevenson', years: [1880, 1881] }, lit: true },
    log: [
      { day: 'Monday', wind: 'north' },
      { day: 'Tuesday', wind: 'west' },
    ],
  };
  const text = JSON.stringify(source).replace(
    '"name":"Skerrow"',
    '"name":"Skerrow","serial":12345678901234567890',
  );
  expect((await pool.extract(write('a.json', text))).sections).toEqual([
    { text: 'name: Skerrow\nserial: 12345678901234567890' },
    { text: 'lamp.lit: true', headings: ['lamp'] },
    { text: 'lamp.maker.name: Stevenson\nlamp.maker.years: 1880, 1881', headings: ['lamp', 'maker'] },
    { text: 'log.day: Monday\nlog.wind: north\n\nlog.day: Tuesday\nlog.wind: west', headings: ['log'] },
  ]);
  expect((await pool.extract(write('a.jsonl', '{"a":1}\nno json\n{"a":2}\n'))).sections).toEqual([
    { text: 'a: 1\n\nno json\n\na: 2' },
  ]);
  const broken = await pool.extract(write('broken.json', '{"a": [1, 2'));
  expect(broken.sections).toEqual([{ text: '{"a": [1, 2', lines: [1, 1] }]);
  expect((await pool.extract(write('keys.json', '{"a": {}}'))).sections).toMatchObject([
    { text: '{"a": {}}' },
  ]);
});

test('YAML keeps its text and has its keys as headings', async () => {
  const source =
    '# the light\nname: Skerrow\nlamp: # of 1880\n  maker: Stevenson\n  glass:\n    panes: 12\nkeepers:\n  - Venn\n';
  expect((await pool.extract(write('a.yaml', source))).sections).toEqual([
    { text: '# the light\nname: Skerrow', lines: [1, 2] },
    { text: 'lamp: # of 1880\n  maker: Stevenson', headings: ['lamp'], lines: [3, 4] },
    { text: '  glass:\n    panes: 12', headings: ['lamp', 'glass'], lines: [5, 6] },
    { text: 'keepers:\n  - Venn', headings: ['keepers'], lines: [7, 8] },
  ]);
});

test('XML has texts, attributes and titles; what has neither stays as it is', async () => {
  const book = `<?xml version="1.0"?><book xmlns="x"><title>The light</title><chapter id="c1"><title>Oil</title>
    <para>It burns <b>colza</b> oil.</para><store kind="cellar">40</store></chapter></book>`;
  expect(await pool.extract(write('a.xml', book))).toMatchObject({
    title: 'The light',
    sections: [
      { text: 'title: The light' },
      {
        text: 'chapter (id=c1):\ntitle: Oil\npara: It burns colza oil.\nstore (kind=cellar): 40',
        headings: ['Oil'],
      },
    ],
  });
  expect((await pool.extract(write('b.xml', '<a><b/></a>'))).sections).toMatchObject([
    { text: '<a><b/></a>' },
  ]);
  expect((await pool.extract(write('c.xml', '<a><b>torn'))).sections).toMatchObject([{ text: /torn/ }]);
  expect((await pool.extract(write('noname', book))).processor).toBe('xml');
});

test('feeds have their entries', async () => {
  const { title, sections } = await pool.extract(fixture('sample.rss'));
  expect(title).toBe('News of the Skerrow Light');
  expect(sections.map(({ headings }) => headings?.join())).toEqual([
    'News of the Skerrow Light',
    'News of the Skerrow Light,New lamp',
    'News of the Skerrow Light,Fog & horn',
  ]);
  expect(sections[2]?.text).toBe(
    '## Fog & horn\nAuthor: T. Venn\nDate: Tue, 10 Nov 2026 08:00:00 GMT\nLink: https://skerrow.example/fog\nThe horn sounds twice a minute.\n\n* in fog\n* in snow',
  );
  const atom = await pool.extract(fixture('sample.atom'));
  expect(atom.sections[1]).toMatchObject({
    headings: [expect.any(String), 'New lamp'],
    text: expect.stringContaining('It is brighter.'),
  });
});

test('an EPUB 3 book has the chapters of its navigation', async () => {
  const page = (text: string): Buffer => Buffer.from(`<html><body><p>${text}</p></body></html>`);
  const opf = `<package><metadata><dc:title>The tower</dc:title></metadata><manifest>
    <item id="n" href="nav.xhtml" properties="nav"/><item id="a" href="text/a%20b.xhtml"/><item id="b" href="text/b.xhtml"/>
    </manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>`;
  const nav = `<html><body><nav epub:type="landmarks"><a href="text/b.xhtml">Start</a></nav>
    <nav epub:type="toc"><ol><li><a href="text/a%20b.xhtml">Bells &amp; <b>ropes</b></a></li><li><a href="text/b.xhtml#x">Stairs</a></li></ol></nav></body></html>`;
  const container = '<container><rootfiles><rootfile full-path="EPUB/book.opf"/></rootfiles></container>';
  const entries = {
    'META-INF/container.xml': Buffer.from(container),
    'EPUB/book.opf': Buffer.from(opf),
    'EPUB/nav.xhtml': Buffer.from(nav),
    'EPUB/text/a b.xhtml': page('Six bells.'),
    'EPUB/text/b.xhtml': page('84 steps.'),
  };
  const data = makeZip(Object.entries(entries).map(([name, bytes]) => ({ name, data: bytes })));
  const { title, sections } = await pool.extract(write('new.epub', data));
  expect(title).toBe('The tower');
  expect(sections.map(({ chapter, text }) => [chapter, text])).toEqual([
    ['Bells & ropes', 'Six bells.'],
    ['Stairs', '84 steps.'],
  ]);
});

test('a book has its chapters', async () => {
  const { sections, title } = await pool.extract(fixture('sample.epub'));
  expect(title).toBe('Letter to the ringers');
  const facts = sections.pop();
  for (const { chapter } of sections) expect(chapter).toMatch(/\w/);
  expect(facts?.text).toMatch(/^\*\*(?:Authors|Publisher|Date|Description):\*\* /);
});

test('hostile texts end at once', async () => {
  const hostile: Record<string, string> = {
    'deep.ipynb': `{"cells":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'signs.adoc': `${'='.repeat(100_000)}\n`.repeat(5),
    'rules.rst': `a\n${'='.repeat(4000)}\n`.repeat(2000),
    'braces.tex': `\\section{${'{'.repeat(200)}\n`.repeat(5000),
    'times.srt': `${'0'.repeat(90)} --> \n`.repeat(20_000),
    'words.ts': `${'export default '.repeat(15)}\n`.repeat(20_000),
    'spaces.py': `${' '.repeat(4000)}def\n`.repeat(500),
  };
  const start = performance.now();
  for (const [name, source] of Object.entries(hostile)) {
    const outcome = await pool.extract(write(name, source)).then(
      () => 'read',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );
    expect({ name, outcome: ['read', 'corrupt'].includes(String(outcome)) }).toEqual({ name, outcome: true });
  }
  expect(performance.now() - start).toBeLessThan(8000);
});

test('of a drawing its words are read, not its lines', async () => {
  const { sections, title } = await pool.extract(fixture('sample.svg'));
  expect({ sections, title }).toEqual({
    sections: [{ text: 'Plan of the light\nEngine room and oil store' }],
    title: 'Plan of the light',
  });
});
