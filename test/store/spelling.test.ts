import { describe, expect, test } from 'vitest';
import { ENGLISH } from '../../src/store/language.ts';
import { likelyTerms } from '../../src/store/spelling.ts';

const none = (): boolean => false;

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

  test('those of three words at most, and of each once', () => {
    const words = Array.from({ length: 20_000 }, (_, at) => `word${String.fromCharCode(97 + (at % 26))}`);
    expect(likelyTerms(words.join(' '), ENGLISH, none)).toHaveLength(3);
    expect(likelyTerms('kepler kepler Kepler', ENGLISH, none)).toHaveLength(1);
  });
});
