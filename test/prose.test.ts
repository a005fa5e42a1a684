import { expect, test } from 'vitest';
import { embeddingText, proseOf } from '../src/document.ts';
import { termsOf } from '../src/store/chunk-terms.ts';

const TEXT =
  'By [Bill Gates](/wiki/Bill_Gates "Bill Gates") and [Paul](https://a.example/p), ![the bar](bar.png)';

test('prose has the words of links, and addresses that lead out', () => {
  expect(proseOf(TEXT)).toBe('By Bill Gates and Paul (https://a.example/p), the bar');
  expect(proseOf('a[0](x) [1] f(x)')).toBe('a0 [1] f(x)');
  expect(embeddingText({ text: TEXT })).toBe(proseOf(TEXT));
});

test('a link to a path counts its words once', () => {
  const terms: string[] = [];
  termsOf(TEXT, (term) => terms.push(term));
  expect(terms.filter((term) => ['bill', 'gate', 'wiki', 'png'].includes(term))).toEqual(['bill', 'gate']);
});

test('reads what nests brackets without end in time', () => {
  for (const text of ['['.repeat(200_000), '[a]('.repeat(50_000), `[${'a'.repeat(200_000)}](`])
    expect(proseOf(text)).toBe(text);
});
