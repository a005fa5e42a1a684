import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { expect, test } from 'vitest';
import {
  inkLength,
  joinSections,
  type PageWords,
  type Section,
  type SourceFile,
} from '../../src/document.ts';
import { checkLanguages } from '../../src/processors/ocr-languages.ts';
import { createFolder, createPool, fixture } from './bed.ts';
import { makeXlsx } from './hostile-files.ts';

const pool = createPool({ timeoutMs: 60_000 });
const write = createFolder();

const NOTICE = /ferry Kittiwake does not sail in fog\.\nThe fare for a bicycle is nine pence/;

/** The rectangle of a word on a page, by the order of the characters. */
function rectangleOf(word: string, sections: readonly Section[], { page, runs }: PageWords): number[] {
  const text = joinSections(sections.filter((section) => (section.page ?? 1) === page));
  let before = inkLength(text.slice(0, text.indexOf(word)));
  for (let at = 0; at < runs.length; at += 5) {
    if (before < (runs[at] ?? 0)) return runs.slice(at + 1, at + 5);
    before -= runs[at] ?? 0;
  }
  return [];
}

test.each(['png', 'gif', 'bmp', 'webp', 'avif', 'heic', 'heif', 'jpg'])(
  'the words on a picture are read: %s',
  async (ending) => {
    const { sections, ocr, words, pages } = await pool.extract(fixture(`sample.${ending}`));
    expect(joinSections(sections)).toMatch(NOTICE);
    expect(ocr).toEqual({ pages: 1, confidence: expect.any(Number) });
    expect(ocr?.confidence).toBeGreaterThan(85);
    expect(pages).toBeUndefined();
    const [page] = words;
    if (!page) throw new Error('There are no places.');
    const [x = 0, y = 0, width = 0, height = 0] = rectangleOf('Kittiwake', sections, page);
    // "The ferry Kittiwake": a third into the second line of four.
    expect(x / page.width).toBeGreaterThan(0.2);
    expect((x + width) / page.width).toBeLessThan(0.45);
    expect(y / page.height).toBeGreaterThan(0.2);
    expect((y + height) / page.height).toBeLessThan(0.4);
  },
);

test('what a camera tells is text as well', async () => {
  const { sections } = await pool.extract(fixture('sample.jpg'));
  expect(sections.at(-1)?.text).toBe(
    'The notice board at the Carrick slip\nTaken on 2024-06-21 05:30 with Halden Pinhole 3 at 59.91000, 10.75000.',
  );
});

test('a TIFF has pages', async () => {
  const { sections, pages, ocr } = await pool.extract(fixture('sample.tif'));
  expect(pages).toBe(2);
  expect(ocr?.pages).toBe(2);
  expect(sections.map(({ page }) => page)).toEqual([1, 2]);
  expect(sections[1]?.text).toContain('The last boat leaves at twenty to nine');
});

test('a picture without words has no text, and one without anything is no failure', async () => {
  const canvas = createCanvas(300, 200);
  canvas.getContext('2d').fillStyle = '#4477aa';
  canvas.getContext('2d').fillRect(0, 0, 300, 200);
  const { sections, ocr, warnings } = await pool.extract(write('sky.png', await canvas.encode('png')));
  expect({ sections, ocr, warnings }).toEqual({ sections: [], ocr: undefined, warnings: [] });
});

test('damaged pictures and pictures of too many pixels are refused', async () => {
  const canvas = createCanvas(400, 300);
  const whole = await canvas.encode('png');
  await expect(pool.extract(write('cut.png', whole.subarray(0, 40)))).rejects.toMatchObject({
    code: 'corrupt',
  });
  const tiff = readFileSync(fixture('sample.tif').path).subarray(0, 60);
  await expect(pool.extract(write('cut.tif', tiff))).rejects.toMatchObject({ code: 'corrupt' });
  const small = createPool({ limits: { picturePixels: 100_000 } });
  await expect(small.extract(write('large.png', whole))).rejects.toMatchObject({
    code: 'limit',
    message: expect.stringContaining('LIMNER_MAX_PICTURE_MEGAPIXELS'),
  });
});

test('of a PDF only the pages that are pictures are read by OCR, turned as they must be', async () => {
  const { sections, ocr, words, pages, warnings } = await pool.extract(fixture('scanned.pdf'));
  expect({ pages, warnings }).toEqual({ pages: 3, warnings: [] });
  expect(ocr?.pages).toBe(2);
  expect(ocr?.confidence).toBeGreaterThan(85);
  expect(sections.map(({ page }) => page)).toEqual([1, 2, 3]);
  expect(sections[0]?.text).toContain('paid at the toll house');
  expect(sections[1]?.text).toMatch(NOTICE);
  expect(sections[2]?.text).toContain('The last boat leaves at twenty to nine');
  const turned = words.find(({ page }) => page === 3);
  if (!turned) throw new Error('There are no places.');
  const [, , width = 0, height = 0] = rectangleOf('TIMETABLE', sections, turned);
  expect(height).toBeGreaterThan(3 * width);
});

test('without OCR a scan is told of, and over the limit as well', async () => {
  const off = await createPool({ limits: { ocrPages: 0 } }).extract(fixture('scanned.pdf'));
  expect(off.sections.map(({ page }) => page)).toEqual([1]);
  expect(off.ocr).toBeUndefined();
  const one = await createPool({ timeoutMs: 60_000, limits: { ocrPages: 1 } }).extract(
    fixture('scanned.pdf'),
  );
  expect(one.sections.map(({ page }) => page)).toEqual([1, 2]);
  expect(one.warnings).toEqual(['Only the first 1 pages that are pictures were read (LIMNER_OCR_PAGES).']);
});

test('a folder may have a scan left as it is, files inside its archives too', async () => {
  const options = { ocr: false };
  const scan = await createPool().extract({ ...fixture('scanned.pdf'), options });
  expect(scan.ocr).toBeUndefined();
  const { path } = fixture('scanned.pdf');
  const archive = write('scans.tar', execFileSync('tar', ['-c', '-C', dirname(path), basename(path)]));
  expect((await createPool().extract({ ...archive, options })).ocr).toBeUndefined();
  expect((await createPool({ timeoutMs: 60_000 }).extract(archive)).ocr?.pages).toBeGreaterThan(0);
});

test('a page that takes OCR too long costs only itself', async () => {
  const hasty = createPool({ timeoutMs: 60_000, limits: { ocrPageMs: 1 } });
  const { sections, warnings } = await hasty.extract(fixture('scanned.pdf'));
  expect(sections.map(({ page }) => page)).toEqual([1]);
  expect(warnings).toHaveLength(2);
  expect(warnings[0]).toContain('page 2 took too long');
});

test('a language that is not installed stops the start with the way to mend it', () => {
  expect(() => checkLanguages(['eng'])).not.toThrow();
  expect(() => checkLanguages(['eng', 'xyz', '../..'])).toThrow(
    /no data for xyz, \.\.\/\.\.; install it \(npm install @tesseract\.js-data\/xyz /,
  );
});

test('the characters of a PDF and of its places are the same, page by page', async () => {
  const { sections, words } = await pool.extract(fixture('sample.pdf'));
  for (const { page, runs } of words) {
    const text = joinSections(sections.filter((section) => section.page === page));
    expect(runs.filter((_, index) => index % 5 === 0).reduce((sum, ink) => sum + ink, 0)).toBe(
      inkLength(text),
    );
  }
  expect(words).toHaveLength(3);
});

test('figures of a PDF are kept with their page and place, icons and scans are not', async () => {
  const { figures } = await pool.extract(fixture('figures.pdf'));
  expect(figures.map(({ page, mime, width, height }) => [page, mime, width, height])).toEqual([
    [1, 'image/jpeg', 481, 361],
    [2, 'image/jpeg', 401, 301],
  ]);
  const [left = 0, top = 0, width = 0, height = 0] = figures[0]?.box ?? [];
  expect(left).toBeGreaterThan(20);
  expect(top).toBeGreaterThan(60);
  // 10 by 7.5 centimetres, in points.
  expect([width, height]).toEqual([283, 213]);
  const tower = await loadImage(Buffer.from(figures[0]?.bytes ?? []));
  const canvas = createCanvas(tower.width, tower.height);
  canvas.getContext('2d').drawImage(tower, 0, 0);
  const [red = 0, green = 0, blue = 0] = canvas.getContext('2d').getImageData(240, 210, 1, 1).data;
  expect(red).toBeGreaterThan(green + blue);
  expect((await pool.extract(fixture('scanned.pdf'))).figures).toEqual([]);
  expect((await pool.extract(fixture('sample.pdf'))).figures).toEqual([]);
});

test.each(['docx', 'doc', 'odt'])('a scan in a document of little text is read: %s', async (ending) => {
  const { sections, ocr, warnings } = await pool.extract(fixture(`scanned.${ending}`));
  expect(sections[0]?.text).toContain('From the letter box');
  const scan = sections.find(({ member }) => member !== undefined);
  expect(scan?.text).toMatch(NOTICE);
  expect(ocr?.pages).toBe(1);
  expect(warnings).toEqual([]);
});

test.each(['pptx', 'odp'])('a scan on a slide is read, with its slide: %s', async (ending) => {
  const { sections } = await pool.extract(fixture(`scanned.${ending}`));
  const scan = sections.find(({ member }) => member !== undefined);
  expect(scan).toMatchObject({ page: 2, slide: 2, text: expect.stringMatching(NOTICE) });
  const off = createPool({ limits: { ocrPages: 0 } });
  expect((await off.extract(fixture(`scanned.${ending}`))).sections.every(({ member }) => !member)).toBe(
    true,
  );
});

test('a picture beside text is not read', async () => {
  expect((await pool.extract(fixture('figures.docx'))).sections.some(({ member }) => member)).toBe(false);
});

test('figures of a Word document come with what it says of them', async () => {
  const { figures } = await pool.extract(fixture('figures.docx'));
  expect(figures.map(({ mime, width, description }) => [mime, width, description])).toEqual([
    ['image/png', 481, 'The tower at Skerrow'],
    ['image/png', 401, 'Visitors by decade'],
  ]);
});

/** A picture of the size of a figure, with two words on it. */
async function sign(): Promise<Buffer> {
  const canvas = createCanvas(900, 400);
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, 900, 400);
  context.fillStyle = '#000';
  context.font = '90px sans-serif';
  context.fillText('FERRY TOLL', 120, 230);
  return canvas.encode('png');
}

test('figures of old Office files, RTF and OpenDocument files are kept', async () => {
  const kept = async (file: SourceFile) =>
    (await pool.extract(file)).figures.map(({ page, mime, width }) => [page, mime, width]);
  expect(await kept(fixture('figures.doc'))).toEqual([
    [undefined, 'image/png', 481],
    [undefined, 'image/png', 401],
  ]);
  const hex = (await sign()).toString('hex');
  const letter = `{\\rtf1 ${'A long letter about the ferry. '.repeat(9)}{\\pict\\pngblip ${hex}}}`;
  expect(await kept(write('letter.rtf', letter))).toEqual([[undefined, 'image/png', 900]]);
  expect(await kept(fixture('scanned.odp'))).toHaveLength(1);
});

test('pictures in a workbook are its figures, and are read where there is little else', async () => {
  const book = (cell: string, data: Buffer): Buffer =>
    makeXlsx(`<row r="1"><c r="A1" t="inlineStr"><is><t>${cell}</t></is></c></row>`, [
      { name: 'xl/media/image1.png', data },
    ]);
  const little = await pool.extract(write('little.xlsx', book('Tolls', await sign())));
  expect(little.figures).toMatchObject([{ mime: 'image/png', width: 900 }]);
  expect(little.sections.find(({ member }) => member === 'image1.png')?.text).toContain('FERRY TOLL');
  const much = await pool.extract(write('much.xlsx', book('Tolls of the year. '.repeat(20), await sign())));
  expect(much.figures).toHaveLength(1);
  expect(much.sections.some(({ member }) => member)).toBe(false);
});

test('a picture is its own figure, in a kind that browsers show', async () => {
  const mimeOf = async (name: string) => (await pool.extract(fixture(name))).figures.map(({ mime }) => mime);
  expect(await mimeOf('sample.jpg')).toEqual(['image/jpeg']);
  expect(await mimeOf('sample.bmp')).toEqual(['image/jpeg']);
  expect(await mimeOf('sample.tif')).toEqual(['image/jpeg', 'image/jpeg']);
});

test('figures of a presentation come with their slide', async () => {
  const { figures } = await pool.extract(fixture('figures.pptx'));
  expect(figures.map(({ page, mime, width }) => [page, mime, width])).toEqual([[2, 'image/png', 481]]);
});
