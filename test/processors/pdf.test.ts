import { describe, expect, test } from 'vitest';
import type { Extraction } from '../../src/document.ts';
import { DEFAULT_LIMITS } from '../../src/processors/limits.ts';
import { pdf } from '../../src/processors/pdf.ts';
import { assemble, type TextRun } from '../../src/processors/pdf-layout.ts';
import { merge } from '../../src/processors/processor.ts';
import { createFolder } from './bed.ts';
import { pdfText, planPdf, type PdfPlan } from './hostile-files.ts';

const write = createFolder();

async function read(plan: PdfPlan): Promise<Extraction> {
  const extraction: Extraction = { sections: [], warnings: [] };
  const file = write('a.pdf', planPdf(plan));
  for await (const part of pdf.read(file, DEFAULT_LIMITS)) merge(extraction, part);
  return extraction;
}

test('form values and notes are part of the page', async () => {
  const annotations = [
    '<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/TU(Your name)/V(Ada Byron)/Rect[0 0 9 9]>>',
    '<</Type/Annot/Subtype/FreeText/Contents(A note in the margin)/Rect[0 0 9 9]>>',
    '<</Type/Annot/Subtype/Highlight/Contents(Is this so?)/T(Edda Holm)/QuadPoints[0 9 9 9 0 0 9 0]/Rect[0 0 9 9]>>',
    '<</Type/Annot/Subtype/Widget/FT/Btn/T(box)/V/Yes/Rect[0 0 9 9]>>',
    '<</Type/Annot/Subtype/Widget/FT/Tx/T(home_port)/V(Leith)/Rect[0 0 9 9]>>',
    '<</Type/Annot/Subtype/Widget/FT/Tx/T(Text)/V(1 May)/Rect[0 0 9 9]>>',
  ];
  const pageEntries = '/Annots[6 0 R 7 0 R 8 0 R 9 0 R 10 0 R 11 0 R]';
  const { sections } = await read({ pages: [pdfText('Form')], pageEntries, more: annotations });
  expect(sections).toEqual([
    {
      text: 'Form\n\nA note in the margin\nComment by Edda Holm: Is this so?\nYour name: Ada Byron\nhome port: Leith\n1 May',
      page: 1,
    },
  ]);
});

test('a damaged page keeps those before it, and what may be lost is told', async () => {
  const pages = [pdfText('one'), pdfText('two'), pdfText('three')];
  const { sections, warnings, pages: count } = await read({ pages, kids: '4 0 R 6 0 R 99 0 R' });
  expect(sections.map(({ page, text }) => [page, text])).toEqual([
    [1, 'one'],
    [2, 'two'],
  ]);
  expect({ count, warnings }).toEqual({
    count: 3,
    warnings: ['Page 3 could not be read.', 'The PDF is damaged; pages after page 3 may be missing.'],
  });
});

test('pages without text are told, since they may be scans', async () => {
  expect(await read({ pages: ['', ''] })).toEqual({
    pages: 2,
    sections: [],
    warnings: ['No page holds text, and none could be read from its picture.'],
  });
});

function run(str: string, x: number, y: number, more: Partial<TextRun> = {}): TextRun {
  const width = str.length * 5;
  return { str, dir: 'ltr', transform: [10, 0, 0, 10, x, y], width, height: 10, hasEOL: false, ...more };
}

/** Written upwards from a point. */
function up(x: number, y: number): Partial<TextRun> {
  return { transform: [0, 10, -10, 0, x, y] };
}

describe('the assembler', () => {
  test('gaps are blanks, moves are lines', () => {
    expect(assemble([run('ab', 0, 100), run('cd', 10, 100)])).toBe('abcd');
    expect(assemble([run('ab', 0, 100), run('cd', 13, 100)])).toBe('ab cd');
    expect(assemble([run('ab', 0, 100), run('cd', 60, 100)])).toBe('ab  cd');
    expect(assemble([run('ab', 0, 100), run('cd', 0, 88)])).toBe('ab\ncd');
    expect(assemble([run('ab', 0, 100), run('cd', 0, 70)])).toBe('ab\n\ncd');
    expect(assemble([run('ab', 0, 100, { hasEOL: true }), run('cd', 12, 100)])).toBe('ab\ncd');
  });

  test('lines in columns are rows of a table', () => {
    const row = (y: number, ...cells: [x: number, text: string][]) =>
      cells.map(([x, text]) => run(text, x, y));
    const table = [
      ...row(100, [0, 'Ship'], [100, 'Cargo']),
      ...row(80, [0, 'Marigold'], [100, 'slate']),
      ...row(60, [0, 'Petrel'], [100, 'fruit']),
    ];
    expect(assemble(table)).toBe('Ship | Cargo\nMarigold | slate\nPetrel | fruit');
    // Numbers stand in line at their ends, and a cell may be missing.
    const numbers = [
      ...row(100, [0, 'Rope'], [85, '12'], [185, 'ell']),
      ...row(88, [0, 'Tar'], [75, '1400'], [185, 'ell']),
    ];
    expect(assemble(numbers)).toBe('Rope | 12 | ell\nTar | 1400 | ell');
    const tall = [
      ...row(100, [0, 'Ship'], [100, 'Cargo'], [200, 'For']),
      ...row(88, [0, 'Marigold'], [100, 'slate and'], [200, 'Hamburg']),
      ...row(76, [100, 'some tar']),
      ...row(64, [0, 'Petrel'], [200, 'Leith']),
      ...row(52, [0, 'The rest is at sea']),
    ];
    expect(assemble(tall)).toBe(
      'Ship | Cargo | For\nMarigold | slate and | Hamburg\n| some tar\nPetrel | | Leith\nThe rest is at sea',
    );
    const twoLines = [
      ...row(100, [0, 'Carrick'], [200, '4 May']),
      ...row(88, [0, 'Dear sir']),
      ...row(76, [0, 'yes']),
    ];
    expect(assemble(twoLines)).toBe('Carrick  4 May\nDear sir\nyes');
    const apart = [
      ...row(100, [0, 'one'], [60, 'two']),
      ...row(88, [20, 'three'], [130, 'four']),
      ...row(76, [47, 'five'], [210, 'six']),
    ];
    expect(assemble(apart)).toBe('one  two\nthree  four\nfive  six');
  });

  test('a raised sign stays in its line', () => {
    expect(assemble([run('m', 0, 100), run('2', 5, 104, { height: 6 })])).toBe('m2');
  });

  test('right-to-left runs are measured from the other side', () => {
    const rtl = { dir: 'rtl' };
    expect(assemble([run('שלום', 50, 100, rtl), run('עולם', 25, 100, rtl)])).toBe('שלום עולם');
  });

  test('turned text runs along its own direction', () => {
    expect(
      assemble([run('ab', 0, 0, up(50, 10)), run('cd', 0, 0, up(50, 23)), run('ef', 0, 0, up(62, 10))]),
    ).toBe('ab cd\nef');
    expect(assemble([run('flat', 0, 100), run('up', 0, 0, up(20, 100))])).toBe('flat\nup');
  });

  test('a word parted at a line end is joined, a name is not', () => {
    expect(assemble([run('exam-', 0, 100), run('ple', 0, 88)])).toBe('example');
    expect(assemble([run('Anne-', 0, 100), run('Marie', 0, 88)])).toBe('Anne-\nMarie');
  });
});
