import { describe, expect, test } from 'vitest';
import { ENGLISH, loadLanguage } from '../../src/store/language.ts';
import { likelyTerms } from '../../src/store/spelling.ts';

const none = (): boolean => false;
const PLAIN = await loadLanguage('none');

describe('likely terms', () => {
  test.each([
    ['a letter left out', 'turbulnce'],
    ['a letter too much', 'turbbulence'],
    ['another letter', 'turbalence'],
    ['two that changed places', 'turbulenec'],
    ['one at the end', 'turbulencee'],
  ])('%s', (_slip, word) => {
    const [terms] = likelyTerms(`why ${word.toUpperCase()}?`, ENGLISH, none);
    expect(terms).toContain('turbul');
  });

  test.each([
    ['a word that is there', 'turbulence', () => true],
    ['short words', 'wnig of a brid', none],
    ['numbers, and words with digits', 'ABC123456 12345678 mach2000', none],
    ['other scripts', 'турбулентность 乱流の研究', none],
    ['stop words', 'these there would could', none],
    ['one letter, as often as it may be', 'x'.repeat(100_000), none],
  ])('none for %s', (_what, text, isKnown) => {
    expect(likelyTerms(text, ENGLISH, isKnown)).toEqual([]);
  });

  test('none for a question in another language than the texts, whatever looks alike', () => {
    const isKnown = (term: string): boolean => ['haus', 'licht', 'mai'].includes(term);
    expect(likelyTerms('When was the light in the house repaired, in Mai?', ENGLISH, isKnown)).toEqual([]);
    expect(likelyTerms('light Mai', ENGLISH, isKnown)).toHaveLength(1);
  });

  test('those of three words at most, and of each once', () => {
    const words = Array.from({ length: 20_000 }, (_, at) => `word${String.fromCharCode(97 + (at % 26))}`);
    const known = (term: string): boolean => term < 'wordn';
    expect(likelyTerms(words.join(' '), ENGLISH, known)).toHaveLength(3);
    expect(likelyTerms('kepler kepler Kepler', ENGLISH, none)).toHaveLength(1);
  });
});

describe('compounds', () => {
  const german = new Set(['wartung', 'vertrag']);
  const isKnown = (term: string): boolean => german.has(term);
  test.each([
    ['Wartungsvertrag', ['wartung', 'vertrag']],
    ['Vertragswartung', ['vertrag', 'wartung']],
    ['Dampfkessel', []],
  ])('%s', (word, parts) => {
    const sets = likelyTerms(word, PLAIN, isKnown).slice(1);
    expect(sets).toEqual(parts.map((part) => new Set([part])));
  });
});

describe('names with spaces', () => {
  const isKnown = (term: string): boolean => ['abc1234', 'abc12345'].includes(term);
  test.each([
    ['torque of ABC 1234 5?', ['abc1234', 'abc12345']],
    ['ABC 1234', ['abc1234']],
    ['abc 1234', []],
    ['XYZ 1234', []],
    ['A 1 '.repeat(50_000), []],
  ])('%s', (text, terms) => {
    expect(likelyTerms(text, ENGLISH, isKnown).filter(({ size }) => size === 1)).toEqual(
      terms.map((term) => new Set([term])),
    );
  });
});
