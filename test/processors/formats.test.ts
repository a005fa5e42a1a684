import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { PROCESSORS } from '../../src/processors/table.ts';
import { createFolder, createPool, fixture } from './bed.ts';

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
      expect(endings).not.toEqual([]);
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

test('a notebook keeps short outputs, and code is no heading', async () => {
  const text = joinSections((await pool.extract(fixture('sample.ipynb'))).sections);
  expect(text).toContain('```\n# not a heading\nprint(tide(3))\n```\n\n3.42 metres');
});

test('a book has its chapters', async () => {
  const { sections, title } = await pool.extract(fixture('sample.epub'));
  expect(title).toBe('Letter to the ringers');
  for (const { chapter } of sections) expect(chapter).toMatch(/\w/);
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
