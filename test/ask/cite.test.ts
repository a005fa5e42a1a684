import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { citationUrl, createCitationReader, toCitation, type CitedText } from '../../src/ask/cite.ts';
import { passageOf } from './material.ts';

/** The whole answer of a model that wrote these parts, with `passages` given. */
function read(parts: readonly string[], passages = 3): CitedText {
  const reader = createCitationReader(passages);
  const pieces = [...parts.map((part) => reader.push(part)), reader.finish()];
  return {
    text: pieces.map(({ text }) => text).join(''),
    markers: pieces.flatMap(({ markers }) => markers),
  };
}

function numbersIn(text: string, passages = 3): number[] {
  return read([text], passages).markers.map(({ number }) => number);
}

describe('markers', () => {
  test.each([
    ['Yes [1].', 'Yes [1].', [1]],
    ['Yes [1, 2].', 'Yes [1][2].', [1, 2]],
    ['Yes [1-3].', 'Yes [1][2][3].', [1, 2, 3]],
    ['Yes [1–2; 3].', 'Yes [1][2][3].', [1, 2, 3]],
    ['Yes [2-99].', 'Yes [2][3].', [2, 3]],
    ['Yes [1][1].', 'Yes [1][1].', [1, 1]],
    ['Yes【2】.', 'Yes[2].', [2]],
    ['Yes【2†handbook.pdf】.', 'Yes[2].', [2]],
    ['Yes [^2].', 'Yes [2].', [2]],
    ['Yes [passage 2].', 'Yes [2].', [2]],
    ['Yes [Passages 2, 3].', 'Yes [2][3].', [2, 3]],
    ['Yes [source 3].', 'Yes [3].', [3]],
    ['Yes [ 1 ].', 'Yes [1].', [1]],
  ])('%s', (said, text, numbers) => {
    const whole = read([said]);
    expect(whole.text).toBe(text);
    expect(whole.markers.map(({ number }) => number)).toEqual(numbers);
  });

  test('numbers that were not given are taken out', () => {
    expect(read(['Yes [99], [0], [4] and [3-1] and [1, 99].'])).toMatchObject({
      text: 'Yes , ,  and  and [1].',
      markers: [{ number: 1 }],
    });
    expect(read(['Yes [1].'], 0)).toEqual({ text: 'Yes .', markers: [] });
  });

  test.each([
    'See [the list](https://a.example) or [a][b].',
    'Tasks: [ ] one, [x] two, [] three.',
    'In [2024] and [2020-2024].',
    'Open [1, 2',
    'Open [',
    'Two [1\n] lines',
    `Long [${'1,'.repeat(40)}1]`,
    '[passage one]',
  ])('is no marker and stays: %s', (said) => {
    expect(read([said])).toEqual({ text: said, markers: [] });
  });

  test('code stays as it is, and what comes after it is read again', () => {
    const said = [
      'Use `args[1]` or ``a`[1]`` [1].',
      '```js\nlist[2]\n`[2]`\n```',
      'Then [2]. A stray ` backtick [3] ends with its line.',
      'So [3].',
    ].join('\n');
    expect(read([said])).toMatchObject({
      text: said,
      markers: [{ number: 1 }, { number: 2 }, { number: 3 }],
    });
    expect(numbersIn('outside of code a[1] cites')).toEqual([1]);
  });

  test('a marker is never the text of a link', () => {
    expect(read(['Yes [1](https://evil.example) ![2](https://evil.example/x.png)']).text).toBe(
      'Yes [1] (https://evil.example) ! [2] (https://evil.example/x.png)',
    );
    expect(read(['[1]', '(https://evil.example)']).text).toBe('[1] (https://evil.example)');
    expect(read(['[1-2](x)']).text).toBe('[1][2] (x)');
  });

  test('what a client would load by itself is not shown, and code and comparisons are left as they are', () => {
    const shown = (text: string): string => read([text]).text;
    expect(shown('![x](https://evil.example/?d=1) ![y][z]')).toBe(
      '! [x](https://evil.example/?d=1) ! [y][z]',
    );
    expect(shown('<img src=x><IMG/src=x></iframe><svg onload=x><style>')).toBe(
      '&lt;img src=x>&lt;IMG/src=x>&lt;/iframe>&lt;svg onload=x>&lt;style>',
    );
    for (const same of [
      '`vec![1]` and `<img>`',
      'if a<b and c <table_of',
      'Yes! <b>so</b> <https://a.example>',
      '<',
      '!',
    ])
      expect(shown(same)).toBe(same);
  });

  test('offsets count UTF-16 units: after an emoji they still point at the marker', () => {
    const { text, markers } = read(['🦑🦑 é [passage 2], then [1].']);
    expect(markers.map(({ start, end }) => text.slice(start, end))).toEqual(['[2]', '[1]']);
    expect(markers[0]).toMatchObject({ start: 7, end: 10 });
  });

  test('text is passed on at once, and only an open bracket waits', () => {
    const reader = createCitationReader(3);
    expect(reader.push('Hello [').text).toBe('Hello ');
    expect(reader.push('1').text).toBe('');
    expect(reader.push('] and ').text).toBe('[1] and ');
    expect(reader.push(`[${'x'.repeat(70)}`).text).toHaveLength(71);
  });

  test('forgotten markers are appended, with offsets that go on', () => {
    const reader = createCitationReader(3);
    reader.push('Yes.');
    expect(reader.append([2, 3])).toEqual({
      text: ' [2][3]',
      markers: [
        { number: 2, start: 5, end: 8 },
        { number: 3, start: 8, end: 11 },
      ],
    });
    expect(reader.append([])).toEqual({ text: '', markers: [] });
  });
});

describe('for any answer', () => {
  /** Texts that are dense in what matters to the reader. */
  const token = fc.constantFrom(
    ...[
      '[',
      ']',
      '【',
      '】',
      '1',
      '2',
      '99',
      ', ',
      '-',
      '†',
      '`',
      '```',
      '\n',
      ' ',
      '(',
      '!',
      '<',
      'img',
      '</',
      '🦑',
      'passage ',
      'a',
    ],
  );
  const answer = fc.oneof(
    fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join('')),
    fc.string({ unit: 'binary', maxLength: 80 }),
  );
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });

  test('how it is cut into parts makes no difference', () => {
    fc.assert(
      fc.property(answer, cuts, fc.nat(4), (text, at, passages) => {
        expect(read(cut(text, at), passages)).toEqual(read([text], passages));
      }),
      { numRuns: 3000 },
    );
  });

  test('letter by letter is the same as at once', () => {
    fc.assert(
      fc.property(answer, (text) => {
        expect(read(text.split(''))).toEqual(read([text]));
      }),
      { numRuns: 1000 },
    );
  });

  test('every marker is of a given passage, and its offsets point at it', () => {
    fc.assert(
      fc.property(answer, fc.nat(4), (said, passages) => {
        const { text, markers } = read([said], passages);
        for (const { number, start, end } of markers) {
          expect(text.slice(start, end)).toBe(`[${number}]`);
          expect(number >= 1 && number <= passages).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('reading takes time in proportion to its length', () => {
    const since = performance.now();
    for (const hostile of ['[', '[1', '[1,', '`', '[ ', '[passage ', '<', '!', '<img', '</a'])
      read([hostile.repeat(100_000)], 30);
    expect(performance.now() - since).toBeLessThan(3000);
  });
});

describe('the citation', () => {
  test('opens the document at the page with the span marked', () => {
    const passage = passageOf({ id: 'a/b?c', page: 3, span: [10, 20] });
    expect(citationUrl('https://host/base', passage)).toBe(
      'https://host/base/documents/a%2Fb%3Fc?mark=10-20#page=3',
    );
    expect(citationUrl('', passageOf({ id: 'd' }))).toBe('/documents/d?mark=0-4');
    expect(toCitation('', passage, 2)).toMatchObject({ marker: 2, title: 'Title', passage });
    const inside = { ...passage, member: 'letter.txt' };
    expect(toCitation('', inside, 2).title).toBe('letter.txt in Title');
  });

  test('two passages of one page have two addresses', () => {
    const urls = [[0, 5] as const, [7, 9] as const].map(([start, end]) =>
      citationUrl('', passageOf({ page: 1, span: [start, end] })),
    );
    expect(new Set(urls).size).toBe(2);
  });
});

function cut(text: string, at: readonly number[]): string[] {
  const places = [0, ...at.map((place) => place % (text.length + 1)).sort((one, other) => one - other)];
  return places.map((place, index) => text.slice(place, places[index + 1] ?? text.length));
}
