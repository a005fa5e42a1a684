import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8');

/** Rows of the table of faults: `| A1 | fault | `file`: "words of a test's name"; ... |`. */
const rows = (read('docs/reliability.md') + read('docs/security.md')).split('\n').flatMap((line) => {
  const [, id, fault, told] = /^\| ([A-N]\d+) \| ([^|]+) \| (.+) \|$/.exec(line) ?? [];
  return id === undefined ? [] : [[id, fault, told]];
});

describe('the catalogue of faults in docs/reliability.md and docs/security.md', () => {
  test('has every row of the known faults, once', () => {
    const groups: Record<string, number> = {
      A: 16,
      B: 8,
      C: 7,
      D: 6,
      E: 8,
      F: 17,
      G: 16,
      H: 15,
      N: 15,
      J: 11,
      K: 10,
      L: 7,
      M: 5,
    };
    const expected = Object.entries(groups).flatMap(([group, count]) =>
      Array.from({ length: count }, (_, at) => `${group}${at + 1}`),
    );
    expect(new Set(rows.map(([id]) => id))).toEqual(new Set(expected));
    expect(rows).toHaveLength(expected.length);
  });

  test.each(rows)('%s, %s: its tests are there, or it says why not', (_id, _fault, told = '') => {
    const cited = [...told.matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)];
    if (cited.length === 0) expect(told).toMatch(/^not tested: \w/);
    for (const [, file = '', words = ''] of cited) expect(read(file)).toContain(words);
  });
});
