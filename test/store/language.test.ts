import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/sqlite.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import { LANGUAGE_CODES, loadLanguage } from '../../src/store/language.ts';
import { queryTerms, tokenize } from '../../src/store/tokenize.ts';
import { listsOf } from './material.ts';

describe('the words of a language', () => {
  test.each([
    ['de', 'Kündigungsfristen', 'Kündigungsfrist', 'wie ist die'],
    ['de', 'Häuser', 'Haus', 'und der'],
    ['fr', 'chevaux', 'cheval', 'qui est dans la'],
    ['it', 'finestre', 'finestra', 'che è la'],
    ['ru', 'книгами', 'книга', 'и в не что он'],
    ['sv', 'bilarna', 'bilen', 'vad är det'],
    ['el', 'δρόμοι', 'δρόμος', 'και το'],
    ['tr', 'kitaplar', 'kitap', 'bu ve'],
    ['nl', 'boeken', 'boek', 'wat is de'],
  ])('%s: meet in their stem, and its stop words say nothing', async (code, form, word, stops) => {
    const language = await loadLanguage(code);
    expect(tokenize(form, language)).toEqual(tokenize(word, language));
    expect(tokenize(form)).not.toEqual(tokenize(word));
    expect(queryTerms(`${stops} ${word}`, language)).toEqual(queryTerms(word, language));
  });

  test('none leaves them as they are, but for accents and case', async () => {
    const none = await loadLanguage('none');
    expect(tokenize('The Houses résumés', none)).toEqual(['the', 'houses', 'resumes']);
    expect(queryTerms('the houses', none)).toEqual(['the', 'houses']);
  });

  test('what holds digits is never stemmed', async () => {
    const german = await loadLanguage('de');
    expect(tokenize('E4711en 12en X1', german)).toEqual(['e4711en', '12en', 'x1']);
  });

  test('there are no others', async () => {
    await expect(loadLanguage('xx')).rejects.toThrow(RangeError);
  });

  test.each(LANGUAGE_CODES)('%s: no word is lost or made something else than a word', async (code) => {
    const language = await loadLanguage(code);
    const letters = [...new Set(`${[...language.stops].join('')}abcdefghijklmnopqrstuvwxyz`)];
    // The Arabic tatweel only stretches, and is nothing by itself.
    const first = fc.constantFrom(...letters.filter((one) => /[\p{L}--\u0640]/v.test(one)));
    const others = fc.string({
      unit: fc.constantFrom(...letters.filter((one) => /[\p{L}\p{M}]/u.test(one))),
      maxLength: 80,
    });
    fc.assert(
      fc.property(first, others, (letter, rest) => {
        const word = letter + rest;
        const tokens = tokenize(word, language);
        expect(tokens).not.toEqual([]);
        for (const token of tokens) expect(token).toMatch(/^[\p{L}\p{N}\p{M}]{1,64}$/u);
        const [asked] = queryTerms(word, language);
        expect(tokens).toContain(asked);
      }),
      { numRuns: 1000 },
    );
  });
});

test('another language makes the index anew, and nothing is lost', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-language-'));
  const path = join(folder, 'limner.sqlite');
  const document = { id: 'd', uri: 'vertrag.txt', title: 'Vertrag', collection: 'default' };
  const text = 'Die Häuser haben lange Fristen.';
  const found = async (code: string, query: string): Promise<number> => {
    const database = openDatabase(path);
    const store = createEmbeddedStore(database, await loadLanguage(code));
    if ((await store.totals()).chunks === 0)
      await store.replace(document, [{ ordinal: 0, text, span: [0, text.length] }]);
    const { keyword } = await listsOf(store, { text: query, limit: 5 });
    await store.close();
    await database.close();
    return keyword.length;
  };
  try {
    expect(await found('en', 'Haus')).toBe(0);
    expect(await found('de', 'Haus')).toBe(1);
    expect(await found('de', 'Frist')).toBe(1);
    expect(await found('none', 'Haus')).toBe(0);
    expect(await found('none', 'Häuser')).toBe(1);
    expect(await found('en', 'Häuser')).toBe(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
