import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { searchTerms, termKey } from '../../src/store/chunk-terms.ts';
import { identifiersOf } from '../../src/store/identifiers.ts';
import { isShortGram, queryTerms, tokenize } from '../../src/store/tokenize.ts';
import { createSmallIndex } from './small-index.ts';

const TOKEN = /^[\p{L}\p{N}\p{M}]{1,64}$/u;

describe('tokenize', () => {
  test.each([
    ['English is stemmed', 'Running relational HOPES', ['run', 'relat', 'hope']],
    ['possessives go, straight and curly', "the dog's café’s O'Neil", ['the', 'dog', 'cafe', 'o', 'neil']],
    ['operators and quotes are text', '"a OR b" NEAR(*) c++ -x', ['a', 'or', 'b', 'near', 'c', 'x']],
    ['diacritics are folded', 'naïve Ærø İstanbul Đặng Łódź', ['naiv', 'aero', 'istanbul', 'dang', 'lodz']],
    ['combining accents too', 'cafe\u0301', ['cafe']],
    ['Russian and Greek', 'Ёлка ΟΔΟΣ ὁδός', ['елка', 'οδοσ', 'οδοσ']],
    ['vowel points of Arabic and Hebrew', 'الْكِتَابُ أحمد שָׁלוֹם', ['الكتاب', 'احمد', 'שלום']],
    ['vowel signs of Hindi stay', 'हिन्दी', ['हिन्दी']],
    ['Chinese', '你好吗。', ['你好', '好吗', '吗']],
    ['Japanese keeps its voicing marks', 'がぎ ｶﾞ', ['がぎ', 'ぎ', 'ガ']],
    ['Korean keeps its syllables', '한국어', ['한국', '국어', '어']],
    ['Hangul letters are joined', '\u1112\u1161\u11ab', ['한']],
    ['Latin words inside stay whole', '使用Python3编程', ['使用', '用', 'python3', '编程', '程']],
    ['Han beyond the first plane', '𠀀𠀁', ['𠀀𠀁', '𠀁']],
    ['Thai', 'สวัสดี', ['สวั', 'วัส', 'ัสด', 'สดี', 'ดี', 'ี']],
    ['compatibility forms', 'Ｌｉｍｎｅｒ ㎏ H₂O ﬁne', ['limner', 'kg', 'h2o', 'fine']],
    ['soft hyphens and trade marks', 'soft\u00adware Limner™', ['softwar', 'limner']],
    ['half characters are nothing', '\ud800abc\udfff', ['abc']],
    ['nothing', ' \u0000—…', []],
  ])('%s', (_name, text, tokens) => {
    expect(tokenize(text)).toEqual(tokens);
  });

  test('cuts long tokens, never through a character', () => {
    expect(tokenize('b1'.repeat(100))).toEqual(['b1'.repeat(32)]);
    expect(tokenize(`x${'𝼀'.repeat(100)}`)).toEqual([`x${'𝼀'.repeat(31)}`]);
  });

  test('takes any string and gives letters, digits and marks only', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const tokens = tokenize(text);
        expect(tokens.filter((token) => !TOKEN.test(token) || token.length > 64)).toEqual([]);
        expect(queryTerms(text).filter((term) => !tokens.includes(term))).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('the tokens of a text hold the query terms of each of its words', () => {
    fc.assert(
      fc.property(fc.array(anyText().filter((word) => !/\s/.test(word))), (words) => {
        const tokens = new Set(tokenize(words.join(' ')));
        for (const word of words) for (const term of queryTerms(word)) expect(tokens).toContain(term);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['one letter', 'y'],
    ['an accented letter', 'é'],
    ['combining marks that normalising must sort', '\u0301\u0316'],
    ['the same on letters, between joiners', 'a\u0301\u200d\u0316\u200d'],
    ['Han', '漢'],
    ['Thai', 'ก'],
    ['apostrophes', "'s’s"],
    ['dashes', '—'],
    ['half characters', '\ud800'],
    ['final sigmas', 'Σʰ'],
  ])('reads a megabyte of %s in linear time', (_name, part) => {
    const text = part.repeat(1_000_000 / part.length);
    const since = performance.now();
    tokenize(text);
    queryTerms(text);
    expect(performance.now() - since).toBeLessThan(10_000);
  });
});

describe('queryTerms', () => {
  test('leaves stop words out, unless there is nothing else', () => {
    expect(queryTerms('what is the wing of the wing')).toEqual(['wing']);
    expect(queryTerms('to be or not to be')).toEqual(['to', 'be', 'or', 'not']);
  });

  test('the French tea is no article', () => {
    expect(queryTerms('thé vert')).toEqual(['the', 'vert']);
  });

  test('keeps at most 64 terms of a long text', () => {
    const words = Array.from({ length: 20_000 }, (_, index) => `w${index}`);
    expect(queryTerms(words.join(' '))).toEqual(words.slice(0, 64));
  });
});

describe('identifiers', () => {
  test.each([
    ['a part number and what is in it', 'see ABC-1234/5.', ['abc1234', 'abc12345', '1234-5']],
    ['letters alone are words', 'a well-known and/or e.g. co-op', []],
    ['only with a digit', 'anti-IL-6', ['antiil6', 'il6']],
    ['numbers keep their parts apart', '3.14, 2024-11-21', ['3-14', '2024-11', '2024-11-21', '11-21']],
    ['the hyphens of typesetting', 'KTM\u2011390', ['ktm390']],
    ['names of files', 'manual_XR-7.pdf', ['manualxr7', 'manualxr7pdf', 'xr7', 'xr7pdf', '7pdf']],
    ['a word that is none', 'ABC1234 and 12', []],
    ['long paths are none', 'a/b/c/d/e/f/2024', []],
  ])('%s', (_name, text, terms) => {
    expect([...identifiersOf(text)]).toEqual(terms);
  });

  test('are found with other signs or none, and by a part of them; others that share their parts are not first', () => {
    const text = (name: string): string => `The torque of ${name} is in the table.`;
    const names = ['ABC-1234/5', 'ABC-1235/4', 'ABC-5/1234', 'XYZ-1234/5', 'ABD-1234 5'];
    const { reader } = createSmallIndex(
      names.map((name, at) => ({ id: at + 1, group: at, text: text(name) })),
    );
    const first = (query: string) => reader.keywords({ keys: searchTerms(query).map(termKey) }, 1)[0]?.id;
    for (const query of ['ABC-1234/5', 'abc1234/5', 'ABC12345', 'ABC.1234', 'torque of ABC\u20101234?'])
      expect(first(query), query).toBe(1);
    expect(first('abc-5/1234')).toBe(3);
  });

  test.each(['a-', 'a', 'a1-', '1.', '-'])('reads a megabyte of %s in linear time', (part) => {
    const since = performance.now();
    expect([...identifiersOf(part.repeat(1_000_000 / part.length))]).toEqual([]);
    expect(performance.now() - since).toBeLessThan(10_000);
  });
});

describe('the index of terms', () => {
  test.each([
    ['stop words only', 'to be or not to be', true],
    ['a lone character, anywhere in a run', '猫', true],
    ['at the end of a run', '黑', true],
    ['two letters of Thai', 'ปู', true],
    ['operators', '"NEAR( AND - * ^ wing:', true],
    ['an accent', 'CAFÉ', true],
    ['what is not there', 'zebra', false],
  ])('finds %s', (_name, query, found) => {
    expect(search(query)).toBe(found);
  });

  test('keeps every token whole', () => {
    fc.assert(
      fc.property(anyText(), (text) => {
        const terms = searchTerms(text);
        expect(search(text, text)).toBe(terms.length > 0);
        // Asked as they are: a stem of a stem may be another word.
        expect(terms.filter((term) => !findsAny([term], text))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('a short gram is asked by its beginning', () => {
    expect(['猫', 'ปู', '黒猫', 'a', 'สวั'].map(isShortGram)).toEqual([true, true, false, false, false]);
  });
});

const LIBRARY = 'To be, or not to be. The wing near a café. 小猫是黑的，很黑。ซื้อปูม้า';

function search(query: string, body = LIBRARY): boolean {
  return findsAny(searchTerms(query), body);
}

function findsAny(terms: readonly string[], body: string): boolean {
  const { reader } = createSmallIndex([{ id: 1, group: 0, text: body }]);
  return reader.keywords({ keys: terms.map(termKey) }, 1).length > 0;
}

/** Any UTF-16, and text that mixes scripts, marks and the characters the tokenizer treats apart. */
function anyText(): fc.Arbitrary<string> {
  const pieces = [
    'a',
    'B',
    '7',
    "'s",
    '’',
    'é',
    'ß',
    '\u0301',
    '\u0316',
    '漢',
    'か',
    '\u3099',
    '한',
    'ก',
    'ั',
  ];
  const others = [
    'й',
    'ى',
    '\u0640',
    'हि',
    '\u200d',
    '\u00ad',
    '\u200b',
    '㎏',
    'ﷺ',
    '½',
    'ʼ',
    '\ud83d',
    '-',
    ' ',
  ];
  return fc.oneof(
    fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...pieces, ...others), maxLength: 40 }),
  );
}
