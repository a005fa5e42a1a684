import { expect, test } from 'vitest';
import { inkLength, joinSections } from '../../src/document.ts';
import { createFolder, createPool } from './bed.ts';
import { planPdf } from './hostile-files.ts';

const pool = createPool();
const write = createFolder();

/** Words of a dozen letters or so a line, so that lines of a column are about as wide as each other. */
const LEFT = [
  'Pilots wait at the bar until the',
  'ebb has run its course, which at',
  'springs takes seven hours and at',
  'neaps rather less than that. The',
  'signal for it is a black ball at',
  'the yard, hoisted by whoever has',
  'the watch. Nobody goes out while',
  'the ball is up, and few want to.',
];
const RIGHT = [
  'Fog is told by a bell, struck at',
  'every minute while the other end',
  'of the mole cannot be seen. When',
  'it lifts, the bell is struck for',
  'three minutes without a pause so',
  'that all hear it, then the lamps',
  'are trimmed and the hour is kept',
  'in the book of the harbour watch',
];

type Put = [x: number, y: number, text: string];

function page(...texts: readonly Put[]): string {
  return texts.map(([x, y, text]) => `BT /F1 10 Tf ${x} ${y} Td (${text}) Tj ET`).join('\n');
}

/** Line by line across both columns; `low` is how far the right one stands below the left. */
function woven(left: readonly string[], right: readonly string[], low = 0): Put[] {
  return left.flatMap((text, index): Put[] => [
    [50, 700 - index * 12, text],
    [230, 700 - index * 12 - low, right[index] ?? ''],
  ]);
}

async function read(content: string) {
  const { sections, words } = await pool.extract(write('page.pdf', planPdf({ pages: [content] })));
  const text = joinSections(sections);
  // Places of words are counted off against the text.
  const counted = (words[0]?.runs ?? []).filter((_, at) => at % 5 === 0).reduce((sum, ink) => sum + ink, 0);
  expect(counted).toBe(inkLength(text));
  return text;
}

test.each([0, 4, 7])(
  'columns that were written line by line are read one after the other (%i lower)',
  async (low) => {
    const title: Put = [50, 740, 'Of tides and signals, a note that is set across both of the columns'];
    const text = await read(page(title, ...woven(LEFT, RIGHT, low), [120, 500, 'Page 3']));
    expect(text.replaceAll(/\s+/g, ' ')).toBe([title[2], ...LEFT, ...RIGHT, 'Page 3'].join(' '));
  },
);

test('rows of a table stay rows, short cells and numbers or long ones', async () => {
  const names = ['Kittiwake', 'Marigold of Leith', 'Petrel', 'Star', 'Ondine', 'Gannet', 'Old Tom', 'Agatha'];
  expect(await read(page(...woven(names, RIGHT)))).toContain('Kittiwake | Fog is told by a bell');
  const tons = names.map((_, index) => String(40 + index * 7));
  expect(await read(page(...woven(names, tons)))).toContain('Petrel | 54');
  const terms = LEFT.map((text) => text.replace(/^./, (letter) => letter.toUpperCase()));
  const meanings = RIGHT.map((text) => text.replace(/^./, (letter) => letter.toUpperCase()));
  expect(await read(page(...woven(terms, meanings)))).toContain(`${terms[1]} | ${meanings[1]}`);
});
