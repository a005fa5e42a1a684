import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { createFolder, createPool, fixture } from './bed.ts';

const pool = createPool();
const write = createFolder();

function changed(sample: string, change: (bytes: Buffer) => void): Buffer {
  const bytes = readFileSync(fixture(sample).path);
  change(bytes);
  return bytes;
}

/** Replaces the first `from` by `to`, both as UTF-16. */
function rename(bytes: Buffer, from: string, to: string): void {
  const at = bytes.indexOf(Buffer.from(from, 'utf16le'));
  expect(at).toBeGreaterThan(0);
  bytes.write(to, at, 'utf16le');
}

describe('damage in old Office files', () => {
  const letter = 'Bring the marlinspike';

  test('where the native reader breaks down the text is read without it', async () => {
    // A length in the text's properties for which the reader wants 32 GB, and is ended.
    const file = write(
      'lying.doc',
      changed('sample.doc', (bytes) => bytes.writeUInt32LE(0x7fffffff, 3866)),
    );
    const { sections, warnings, processor } = await pool.extract(file);
    expect(joinSections(sections)).toContain(letter);
    expect({ processor, warnings }).toEqual({
      processor: 'office',
      warnings: [expect.stringContaining('read without headings and tables')],
    });
  });

  test('a chain of sectors that turns in a circle costs what is behind it', async () => {
    const file = write(
      'circle.doc',
      changed('sample.doc', (bytes) => bytes.writeUInt32LE(4, 512 + 9 * 4)),
    );
    const { sections } = await pool.extract(file);
    expect(joinSections(sections)).toContain(letter);
  });

  test.each([
    ['sample.doc', 'WordDocument', letter],
    ['sample.xls', 'Workbook', 'Stockholm tar'],
  ])('the streams of %s may be in capitals', async (sample, name, words) => {
    const bytes = changed(sample, (whole) => rename(whole, name, name.toUpperCase()));
    const { sections } = await pool.extract(write(`capitals-${sample}`, bytes));
    expect(joinSections(sections)).toContain(words);
    expect(sections).toEqual((await pool.extract(fixture(sample))).sections);
  });

  test('a subject that is no text is left out of a message', async () => {
    const bytes = changed('sample.msg', (whole) => rename(whole, '0037001F', '00370102'));
    const { sections, title } = await pool.extract(write('bytes.msg', bytes));
    expect(title).toBeUndefined();
    expect(joinSections(sections)).not.toContain('Subject');
  });
});

describe('damage in TIFF', () => {
  const first = (bytes: Buffer): number => bytes.readUInt32BE(4);

  test('a field of four thousand million values is passed over', async () => {
    const bytes = changed('sample.tif', (whole) => {
      const entries = whole.readUInt16BE(first(whole));
      const last = first(whole) + 2 + (entries - 1) * 12;
      whole.writeUInt16BE(4, last + 2);
      whole.writeUInt32BE(0xfffffff0, last + 4);
    });
    expect((await pool.extract(write('many.tif', bytes))).pages).toBe(2);
  });

  test('pages in a circle are read once', async () => {
    const bytes = changed('sample.tif', (whole) => {
      const next = first(whole) + 2 + whole.readUInt16BE(first(whole)) * 12;
      whole.writeUInt32BE(first(whole), next);
    });
    expect((await pool.extract(write('circle.tif', bytes))).pages).toBe(1);
  });
});
