import { array, assert, asyncProperty, constantFrom, integer, property } from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { joinSections, type Section } from '../../src/document.ts';
import { pieces } from '../../src/processors/cut.ts';
import { MAX_LINE, splitLines, type Line } from '../../src/processors/lines.ts';
import { DEFAULT_LIMITS } from '../../src/processors/limits.ts';
import { chooseProcessor, readParts } from '../../src/processors/read.ts';
import { createSectioner } from '../../src/processors/sectioner.ts';
import { createFolder } from './bed.ts';

const write = createFolder();

async function sectionsOf(name: string, data: string | Buffer): Promise<Section[]> {
  const file = write(name, data);
  const processor = await chooseProcessor(file, DEFAULT_LIMITS, []);
  if (!processor || 'path' in processor) return [];
  const parts = await Array.fromAsync(readParts(processor, file, DEFAULT_LIMITS));
  return parts.flatMap((part) => part.sections ?? []);
}

async function textOf(name: string, data: string | Buffer): Promise<string> {
  return joinSections(await sectionsOf(name, data));
}

const german =
  'Die Größe des Gartens beträgt fünfzig Meter. Früher führten schöne Wege über die Brücke.\n'.repeat(5);
const japanese =
  '吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。何でも薄暗い所で泣いていた。\n'.repeat(5);
const russian =
  'Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.\n'.repeat(5);

async function linesOf(chunks: readonly string[]): Promise<Line[]> {
  async function* give(): AsyncGenerator<string> {
    yield* chunks;
  }
  return (await Array.fromAsync(splitLines(give()))).flat();
}

async function headingsOf(source: string): Promise<(string | undefined)[]> {
  return (await sectionsOf('a.md', source)).map(({ headings }) => headings?.join(' > '));
}

describe('encodings', () => {
  test.each([
    ['utf8', german],
    ['utf-16le', german],
    ['utf-16be', german],
    ['utf-16le', russian],
    ['utf-32le', japanese],
    ['utf-32be', german],
    ['windows-1252', german],
    ['Shift_JIS', japanese],
    ['EUC-JP', japanese],
    ['windows-1251', russian],
  ])('%s without a mark is read', async (charset, text) => {
    expect(await textOf(`${charset}.txt`, iconv.encode(text, charset))).toBe(text.trimEnd());
  });

  test.each(['utf8', 'utf-16le', 'utf-16be', 'utf-32le', 'utf-32be'])(
    '%s with a mark is read, without the mark',
    async (charset) => {
      const data = iconv.encode(japanese, charset, { addBOM: true });
      expect(await textOf(`marked-${charset}.txt`, data)).toBe(japanese.trimEnd());
    },
  );

  test('what a page declares decides where the bytes do not', async () => {
    const page = `<html><head><meta charset="iso-8859-2"></head><body><p>Příliš žluťoučký kůň</p></body></html>`;
    expect(await textOf('declared.html', iconv.encode(page, 'iso-8859-2'))).toBe('Příliš žluťoučký kůň');
  });

  test('UTF-8 with a broken byte or a cut end stays UTF-8', async () => {
    const data = Buffer.from(german);
    const broken = Buffer.concat([data, Buffer.from([0xff]), data, Buffer.from([0xc3])]);
    expect(await textOf('broken.txt', broken)).toBe(`${german}\uFFFD${german}\uFFFD`);
  });

  test('a character behind a long start in ASCII decides too', async () => {
    const data = Buffer.concat([
      Buffer.alloc(300_000, 'plain words\n'),
      iconv.encode(german, 'windows-1252'),
    ]);
    expect(await textOf('late.txt', data)).toContain('Die Größe des Gartens');
  });

  test('lone surrogates and NUL become replacement characters', async () => {
    const data = Buffer.from(`${german}a\ud800b\udc00c`, 'utf16le');
    const text = await textOf('surrogates.txt', Buffer.concat([Buffer.from([0xff, 0xfe]), data]));
    expect(text.endsWith('a\uFFFDb\uFFFDc')).toBe(true);
    expect(await textOf('nul.txt', `${german}a\0b`)).toMatch(/a\uFFFDb$/);
  });
});

describe('lines', () => {
  test('LF, CRLF and CR end lines, also across chunks', async () => {
    const lines = await linesOf(['one\r', '', '\ntwo\rth', 'ree\n', '\nfive']);
    expect(lines.map(({ text, number }) => [number, text])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
      [4, ''],
      [5, 'five'],
    ]);
  });

  test('however text is cut into chunks, its lines come out', async () => {
    const unit = constantFrom('a', ' ', '\n', '\r', '\r\n', '😀');
    await assert(
      asyncProperty(array(array(unit).map((units) => units.join(''))), async (chunks) => {
        const lines = await linesOf(chunks);
        const wanted = chunks.join('').split(/\r\n|\n|\r/);
        if (wanted.at(-1) === '') wanted.pop();
        expect(lines.map(({ text }) => text)).toEqual(wanted);
        expect(lines.map(({ number }) => number)).toEqual(wanted.map((_, index) => index + 1));
      }),
    );
  });

  test('a long line comes in pieces that join to it', async () => {
    const long = 'word 😀'.repeat(5000);
    const lines = await linesOf([long.slice(0, 20_000), long.slice(20_000), '\nnext']);
    expect(lines.at(-1)).toEqual({ text: 'next', number: 2 });
    const first = lines.slice(0, -1);
    expect(first.map(({ text }) => text).join('')).toBe(long);
    expect(
      first.every(({ text, number }) => text.length <= MAX_LINE && text.isWellFormed() && number === 1),
    ).toBe(true);
    expect(first.map(({ more }) => more === true)).toEqual(first.map((_, index) => index < first.length - 1));
  });
});

test('pieces join to their text and part no pair', () => {
  const text = array(constantFrom('a', ' ', '😀')).map((units) => units.join(''));
  assert(
    property(text, integer({ min: 2, max: 9 }), (whole, max) => {
      const parts = [...pieces(whole, max)];
      expect(parts.join('')).toBe(whole);
      expect(parts.every((part) => part.length <= max && part.isWellFormed())).toBe(true);
    }),
  );
});

test('line ranges name the lines that the text holds', () => {
  const line = constantFrom('', ' ', 'word', '# heading', 'x'.repeat(5000));
  assert(
    property(array(line, { maxLength: 60 }), (lines) => {
      const sectioner = createSectioner();
      for (const [index, text] of lines.entries()) {
        const heading = text.startsWith('#') ? { level: 1, title: text } : undefined;
        sectioner.add({ text, number: index + 1, ...(heading && { heading }) });
      }
      const sections = sectioner.finish();
      for (const section of sections) {
        const [first = 0, last = 0] = section.lines ?? [];
        const named = lines.slice(first - 1, last).join('\n');
        expect(section.text).toBe(named.trimEnd());
      }
      const kept = sections.reduce(
        (sum, { text }) => sum + text.split('\n').filter((part) => part.trim()).length,
        0,
      );
      expect(kept).toBe(lines.filter((text) => text.trim()).length);
    }),
  );
});

describe('Markdown', () => {
  test('headings lose their signs, emphasis and targets', async () => {
    const source =
      '# **Bold** `code` [link](https://a.b/c) ##\n\ntext\n\n### a_b #1\n\ntext\n\n## C#\n\ntext';
    expect(await headingsOf(source)).toEqual([
      'Bold code link',
      'Bold code link > a_b #1',
      'Bold code link > C#',
    ]);
  });

  test('what looks like a heading and is none is left', async () => {
    const source =
      '#hash\n\n    # code\n\n~~~~\n# fence\n~~~\n# still\n~~~~\n\n- item\n---\n\n| a |\n---\n\n####### seven';
    expect(await headingsOf(source)).toEqual([undefined]);
  });

  test('a heading without text goes with the next', async () => {
    const sections = await sectionsOf('b.md', '# One\n\n## Two\n\ntext\n\n## Three\n');
    expect(sections).toEqual([
      { text: '# One\n\n## Two\n\ntext', headings: ['One', 'Two'], lines: [1, 5] },
      { text: '## Three', headings: ['One', 'Three'], lines: [7, 7] },
    ]);
  });

  test('hostile runs of signs take no time to speak of', async () => {
    const source = `${'['.repeat(50_000)}\n${'*'.repeat(50_000)}\n${'> '.repeat(20_000)}x\n# ${'['.repeat(50_000)}](\n`;
    const start = performance.now();
    expect(await textOf('signs.md', source)).toContain('x');
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
