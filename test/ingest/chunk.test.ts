import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { joinSections, proseOf, type Chunk, type Section } from '../../src/document.ts';
import { chunkSections, DEFAULT_LIMITS, type ChunkLimits } from '../../src/ingest/chunk.ts';

const SMALL: ChunkLimits = { targetCharacters: 20, maxCharacters: 32 };

const cut = (sections: Section[], limits?: ChunkLimits): Chunk[] => [...chunkSections({ sections }, limits)];
const cutText = (text: string, limits?: ChunkLimits): string[] =>
  cut([{ text }], limits).map((chunk) => chunk.text);

/** Words, spaces of all kinds, ends of sentences, pairs of surrogates, in any order. */
const prose = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
      fc.constantFrom(
        ' ',
        '\n',
        '\n\n',
        '\r\n',
        '\t',
        '\u00a0',
        '. ',
        '? ',
        '\u3002',
        '\u{1f600}',
        '\u{20bb7}',
        'word',
      ),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const sections = fc.array(
  fc.record(
    { text: prose, page: fc.nat(), headings: fc.array(fc.string(), { maxLength: 2 }) },
    { requiredKeys: ['text'] },
  ),
  { maxLength: 6 },
);

function splitsAPair(text: string, at: number): boolean {
  return /^[\ud800-\udbff]$/.test(text[at - 1] ?? '') && /^[\udc00-\udfff]$/.test(text[at] ?? '');
}

describe('any text', () => {
  it('is cut into exact spans, in order, numbered, none too long, none blank', () => {
    fc.assert(
      fc.property(sections, (given) => {
        const text = joinSections(given);
        let end = 0;
        for (const [n, chunk] of cut(given, SMALL).entries()) {
          expect(chunk.ordinal).toBe(n);
          expect(text.slice(...chunk.span)).toBe(chunk.text);
          expect(chunk.span[0]).toBeGreaterThanOrEqual(end);
          expect(chunk.text.length).toBeLessThanOrEqual(SMALL.maxCharacters);
          expect(chunk.text.trim()).toBe(chunk.text);
          expect(chunk.text).not.toBe('');
          end = chunk.span[1];
        }
      }),
      { numRuns: 500 },
    );
  });

  it('loses nothing but white space, and no character is cut in two', () => {
    fc.assert(
      fc.property(sections, (given) => {
        const text = joinSections(given);
        let end = 0;
        for (const { span } of [...cut(given, SMALL), { span: [text.length, text.length] as const }]) {
          expect(text.slice(end, span[0]).trim()).toBe('');
          expect(splitsAPair(text, span[0]) || splitsAPair(text, span[1])).toBe(false);
          end = span[1];
        }
      }),
      { numRuns: 500 },
    );
  });

  it('keeps page and headings of its section, and never joins two', () => {
    fc.assert(
      fc.property(sections, (given) => {
        let offset = 0;
        const chunks = cut(given, SMALL);
        for (const { text, page, headings } of given) {
          const inside = chunks.filter(({ span }) => span[0] >= offset && span[0] < offset + text.length);
          for (const chunk of inside) {
            expect(chunk.span[1]).toBeLessThanOrEqual(offset + text.length);
            expect(chunk.page).toBe(page);
            expect(chunk.headings).toEqual(headings?.length ? headings : undefined);
          }
          offset += text.length + 2;
        }
      }),
    );
  });

  it('knows the lines of its chunks', () => {
    fc.assert(
      fc.property(prose, fc.integer({ min: 1, max: 50 }), (text, first) => {
        const last = first + text.split('\n').length - 1;
        const lineOf = (at: number): number => first + text.slice(0, at).split('\n').length - 1;
        for (const { span, lines } of cut([{ text, lines: [first, last] }], SMALL))
          expect(lines).toEqual([lineOf(span[0]), lineOf(span[1] - 1)]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('where it cuts', () => {
  it('keeps a short text whole', () => {
    expect(cutText('  One.\n\nTwo.  ')).toEqual(['One.\n\nTwo.']);
    expect(cutText(' \n\t ')).toEqual([]);
  });

  it('closes a chunk at the paragraph that reaches the target', () => {
    const paragraph = 'x'.repeat(DEFAULT_LIMITS.targetCharacters);
    expect(cutText(`${paragraph}\n \t\n${paragraph}\n\nend`)).toEqual([paragraph, paragraph, 'end']);
  });

  it('cuts a long paragraph at the end of a sentence, not within a number or name', () => {
    expect(
      cutText('It costs 3.14159 at example.org now. Then more words follow.', {
        targetCharacters: 30,
        maxCharacters: 40,
      }),
    ).toEqual(['It costs 3.14159 at example.org now.', 'Then more words follow.']);
  });

  it.each(['\u3002', '\uff01', '\uff1f', '\uff61'])(
    'ends a sentence at %s, with no space after it',
    (stop) => {
      const sentence = `${'\u6f22'.repeat(12)}${stop}`;
      for (const text of cutText(sentence.repeat(9), SMALL)) expect(text.endsWith(stop)).toBe(true);
    },
  );

  it('cuts at white space where no sentence ends, and anywhere where there is none', () => {
    expect(cutText('twelve signs and then some more of them', SMALL)).toEqual([
      'twelve signs and then some more',
      'of them',
    ]);
    expect(cutText('\u{1f600}'.repeat(40), { targetCharacters: 5, maxCharacters: 7 })[0]).toBe(
      '\u{1f600}'.repeat(3),
    );
  });
});

// Other work on the machine can spoil a measurement, hence the retries.
describe('the time it takes', { retry: 3 }, () => {
  const MB = 1_000_000;
  const lined = (text: string): Section => ({ text, lines: [1, text.split('\n').length] });

  /** The fastest of a few, since other work on the machine only slows down. */
  function msFor(section: Section): number {
    const times = Array.from({ length: 5 }, () => {
      const since = performance.now();
      cut([section]);
      return performance.now() - since;
    });
    return Math.min(...times);
  }

  it.each([
    ['no space', (size: number) => 'x'.repeat(size)],
    ['spaces only, but for the ends', (size: number) => `x${' '.repeat(size)}x`],
    ['blank lines', (size: number) => `x${'\n \t'.repeat(size / 3)}x`],
    ['lines of one letter', (size: number) => 'x\n'.repeat(size / 2)],
    ['dots', (size: number) => '.'.repeat(size)],
    ['emoji', (size: number) => '\u{1f600}'.repeat(size / 2)],
    ['an end far away', (size: number) => `${'word '.repeat(size / 5)}\n`],
  ])('is linear for %s', (_, make) => {
    const [one, two] = [msFor(lined(make(2 * MB))), msFor(lined(make(4 * MB)))];
    expect(two).toBeLessThan(2.5 * one + 10);
    expect(one).toBeLessThan(1500);
  });
});

test('addresses that prose leaves out take no room, and no link is cut in them', () => {
  const link = (word: string): string => `[${word}](/wiki/${word}/${'x'.repeat(40)} "About ${word}")`;
  const text = Array.from({ length: 40 }, (_, at) => `The ${link(`bell${at}`)} rings.`).join(' ');
  const chunks = [...chunkSections({ sections: [{ text }] }, { targetCharacters: 80, maxCharacters: 100 })];
  const proses = chunks.map((chunk) => proseOf(chunk.text));
  expect(proses.join(' ')).toBe(proseOf(text));
  for (const prose of proses) expect(prose.length).toBeLessThanOrEqual(100);
  for (const prose of proses.slice(0, -1)) expect(prose.length).toBeGreaterThan(50);
  const whole = [
    ...chunkSections({ sections: [{ text: link('bell') }] }, { targetCharacters: 5, maxCharacters: 10 }),
  ];
  expect(whole.map((chunk) => chunk.text)).toEqual([link('bell')]);
});

test('so does a text of links alone, in time', () => {
  const text = '[a](b)'.repeat(50_000);
  const chunks = [...chunkSections({ sections: [{ text }] })];
  expect(chunks.map((chunk) => chunk.text).join('')).toBe(text);
  expect(chunks).toHaveLength(Math.ceil(50_000 / 1200));
});
