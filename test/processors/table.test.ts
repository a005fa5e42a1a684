import { expect, test } from 'vitest';
import { createTable, PROCESSORS } from '../../src/processors/table.ts';
import { text } from '../../src/processors/text.ts';

const table = createTable(PROCESSORS);

function chosen(kind: string, name: string): string {
  return table.choose({ kind, label: `a ${kind}` }, name).name;
}

test('the kind decides, and among texts the extension', () => {
  expect(chosen('pdf', 'a.docx')).toBe('pdf');
  expect(chosen('docx', 'a.pdf')).toBe('docx');
  expect(chosen('text', 'NOTES.MD')).toBe('markdown');
  expect(chosen('text', 'page.htm')).toBe('html');
  expect(chosen('html', 'page')).toBe('html');
  expect(chosen('html', 'template.php')).toBe('code');
  expect(chosen('text', 'a.pdf')).toBe('text');
  expect(chosen('text', 'Makefile')).toBe('text');
});

test('a kind that nobody reads is unsupported by its name', () => {
  expect(() => table.choose({ kind: 'iso', label: 'an ISO file' }, 'a.iso')).toThrow(
    'This is an ISO file; there is no reader for it.',
  );
  expect(() => table.choose({ kind: 'psd', label: 'a PSD image' }, 'a.docx')).toThrow(
    'This is a PSD image, not a Word document; there is no reader for it.',
  );
});

test('two claims on one extension or kind are refused', () => {
  const other = { ...text, name: 'other', kinds: ['other'], extensions: ['txt'] };
  expect(() => createTable([text, other])).toThrow('Processors text and other both claim "txt".');
  expect(() => createTable([text, { ...other, kinds: ['text'], extensions: [] }])).toThrow(
    'both claim "text"',
  );
});
