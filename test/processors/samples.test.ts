import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { createPool, fixture } from './bed.ts';

const pool = createPool();

test('a text file is one section with its lines', async () => {
  const { sections, title, warnings, processor } = await pool.extract(fixture('sample.txt'));
  expect({ processor, title, warnings }).toEqual({ processor: 'text', title: undefined, warnings: [] });
  expect(sections).toHaveLength(1);
  expect(sections[0]).toMatchObject({ lines: [1, 32] });
  expect(sections[0]?.text).toContain('the spare fuse is in the blue biscuit\ntin');
  expect(sections[0]?.text).toContain('a choir from Tromsø');
});

test('Markdown is parted by headings of both styles, not by comments in code', async () => {
  const { sections, title, processor } = await pool.extract(fixture('sample.md'));
  expect({ processor, title }).toEqual({
    processor: 'markdown',
    title: 'Rules of the Brickfield Lane Allotments',
  });
  expect(sections.map(({ headings, lines }) => [headings?.join(' > '), lines])).toEqual([
    [undefined, [1, 7]],
    ['Plots and rent', [9, 12]],
    ['Plots and rent > Waiting list', [14, 17]],
    ['Plots and rent > Paths', [19, 21]],
    ['Water', [23, 30]],
    ['Water > Hens and bees', [32, 36]],
    ['Gate', [38, 47]],
  ]);
  expect(sections[5]?.text).toContain('six hens but no cockerels');
});

test('HTML keeps lists, tables and code under their headings and drops scripts and navigation', async () => {
  const { sections, title, processor } = await pool.extract(fixture('sample.html'));
  expect({ processor, title }).toEqual({ processor: 'html', title: 'Gustav: a sourdough manual' });
  expect(sections.map(({ headings }) => headings)).toEqual([
    ['Living with Gustav'],
    ['Living with Gustav', 'Feeding'],
    ['Living with Gustav', 'Baking'],
    ['Living with Gustav', 'Baking', 'Flours'],
    ['Living with Gustav', 'When he sulks'],
  ]);
  const text = joinSections(sections);
  expect(text).toContain('He is **not difficult**, but he is punctual.');
  expect(text).toContain("1. Take 20 g of yesterday's Gustav.\n2. Stir in water");
  expect(text).toContain(
    '| Flour | Water | Crumb |\n| --- | --- | --- |\n| Rye 1150 | 85 % | close and moist |',
  );
  expect(text).toContain('* Smell of pear drops: he is hungry.\n  * Feed twice in one day.');
  expect(text).toContain('```\nlevain = starter * 4\ndough  = levain + flour\n```');
  expect(text).not.toMatch(/analytics|navigation|tracking/);
});

test('a PDF is parted by page and outline, with its title and its pages', async () => {
  const { sections, title, pages, processor } = await pool.extract(fixture('sample.pdf'));
  expect({ processor, title, pages }).toEqual({
    processor: 'pdf',
    title: 'Logbook of the Skerrow Light',
    pages: 3,
  });
  expect(sections.map(({ page, headings }) => [page, headings?.join(' > ')])).toEqual([
    [1, 'The keepers'],
    [1, 'The keepers > Provisions'],
    [2, 'The lamp'],
    [2, 'The lamp > Ships spoken'],
    [3, 'The wreck of the Ondine'],
  ]);
  const bells = sections.filter((section) => section.text.includes('Her bell was recovered'));
  expect(bells.map(({ page }) => page)).toEqual([3]);
  expect(sections[3]?.text).toContain('Marigold | slate | Hamburg\nStar of Leith | herring | Danzig\nPetrel');
});

test('a Word document has headings, its table, its notes and its header', async () => {
  const { sections, title, processor } = await pool.extract(fixture('sample.docx'));
  expect({ processor, title }).toEqual({ processor: 'docx', title: 'Charter of the Thornby Bell Ringers' });
  expect(sections.map(({ headings }) => headings?.join(' > '))).toEqual([
    'Practice',
    'Practice > Conduct',
    'The bells',
    'Fees',
    undefined,
    undefined,
  ]);
  expect(sections[2]?.text).toContain('| 6 | Old Tom | Taylor |');
  expect(sections[4]?.text).toBe(
    '1. The treble was recast in 1911 by Mears after it cracked at a coronation.',
  );
  expect(sections[5]?.text).toBe('Thornby Tower Society');
});

test('a PDF with a password is told, and a picture that is called a PDF is read as a picture', async () => {
  await expect(pool.extract(fixture('encrypted.pdf'))).rejects.toMatchObject({ code: 'encrypted' });
  expect(await pool.extract(fixture('picture-named.pdf'))).toMatchObject({ processor: 'image' });
});
