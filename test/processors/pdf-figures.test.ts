import { deflateSync } from 'node:zlib';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { expect, test } from 'vitest';
import { createFolder, createPool } from './bed.ts';
import { operatorBomb, pdfText, planPdf } from './hostile-files.ts';

const write = createFolder();

interface Picture {
  side: number;
  /** A byte for each of red, green and blue, or one for grey. */
  colour: readonly number[];
  /** The number of the object that is its mask. */
  mask?: number;
}

function picture({ side, colour, mask }: Picture): Buffer {
  const data = deflateSync(Buffer.alloc(side * side * colour.length, Buffer.from(colour)));
  const space = colour.length === 3 ? 'DeviceRGB' : 'DeviceGray';
  const head = `<</Type/XObject/Subtype/Image/Width ${side}/Height ${side}/BitsPerComponent 8/ColorSpace/${space}${mask ? `/SMask ${mask} 0 R` : ''}/Filter/FlateDecode/Length ${data.length}>>`;
  return Buffer.concat([Buffer.from(`${head}\nstream\n`), data, Buffer.from('\nendstream')]);
}

test('what shows through a picture is white', async () => {
  const file = planPdf({
    pages: ['q 200 0 0 200 100 400 cm /I0 Do Q'],
    resources: '/XObject<</I0 6 0 R>>',
    more: [picture({ side: 200, colour: [50, 150, 250], mask: 7 }), picture({ side: 200, colour: [102] })],
  });
  const { figures } = await createPool().extract(write('faint.pdf', file));
  expect(figures).toMatchObject([{ page: 1, width: 200, height: 200, box: [100, 242, 200, 200] }]);
  const shown = await loadImage(Buffer.from(figures[0]?.bytes ?? []));
  const canvas = createCanvas(200, 200);
  canvas.getContext('2d').drawImage(shown, 0, 0);
  const pixel = [...canvas.getContext('2d').getImageData(100, 100, 1, 1).data];
  // 102 of 255 are two fifths; JPEG is not exact.
  for (const [at, shade] of [173, 213, 253, 255].entries())
    expect(Math.abs((pixel[at] ?? 0) - shade)).toBeLessThan(4);
});

test('a page whose pictures are too much for a reader costs no words', { timeout: 60_000 }, async () => {
  const others: Buffer[] = Array(12).fill(operatorBomb(250_000));
  // A map: PDFium keeps every line of it to find its pictures.
  const map = `${pdfText('A map with very many small lines')}\n${'0 0 m 9 9 l S\n'.repeat(1_500_000)}`;
  const file = planPdf({
    pages: [map, ...others],
    resources: `/XObject<</I0 ${6 + 2 * others.length} 0 R>>`,
    more: [picture({ side: 100, colour: [1, 2, 3] })],
  });
  const pool = createPool({ residentMb: 400, timeoutMs: 60_000 });
  const { sections, warnings } = await pool.extract(write('map.pdf', file));
  expect(sections.map(({ page }) => page)).toEqual([1, ...others.map((_, at) => at + 2)]);
  expect(warnings).toEqual([
    'Reading stopped behind the last page because it needed more than 400 MB of memory (LIMNER_EXTRACT_RESIDENT_MB); figures and files inside may be missing.',
  ]);
});
