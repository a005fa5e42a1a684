import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { createFolder, createPool, fixture } from './bed.ts';

const pool = createPool();
const write = createFolder();

test('a notebook keeps short outputs, and code is no heading', async () => {
  const text = joinSections((await pool.extract(fixture('sample.ipynb'))).sections);
  expect(text).toContain('```\n# not a heading\nprint(tide(3))\n```\n\n3.42 metres');
});

test('code of a notebook names its language', async () => {
  const cells = [{ cell_type: 'code', source: 'x = 1' }];
  const book = { cells, metadata: { language_info: { name: 'python' }, kernelspec: { language: 'r' } } };
  const { sections } = await pool.extract(write('python.ipynb', JSON.stringify(book)));
  expect(joinSections(sections)).toBe('```python\nx = 1\n```');
});

test('a long output of a notebook is kept from its beginning, and the cut is told', async () => {
  const output = { output_type: 'stream', text: `first ${'word '.repeat(5000)}last` };
  const cells = [{ cell_type: 'code', source: 'show()', outputs: [output] }];
  const { sections, warnings } = await pool.extract(write('long.ipynb', JSON.stringify({ cells })));
  expect(joinSections(sections)).toMatch(/first word/);
  expect(joinSections(sections)).not.toContain('last');
  expect(warnings).toEqual(['Of outputs longer than 20000 characters only the beginning is searchable.']);
});
