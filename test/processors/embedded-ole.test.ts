import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { readOle, writeOle, type OleStream } from '../../src/processors/ole-file.ts';
import { createFolder, createPool, fixture } from './bed.ts';

const pool = createPool();
const write = createFolder();
const bytesOf = (sample: string): Buffer => readFileSync(fixture(sample).path);

/** A sample with more streams. */
async function withStreams(sample: string, ...more: readonly OleStream[]): Promise<Buffer> {
  return writeOle([...(readOle(bytesOf(sample))?.streams ?? []), ...more]);
}

/** A file with its label, as Windows wraps it ([MS-OLEDS] 2.3.6). */
function native(label: string, file: Buffer): Buffer {
  const name = Buffer.from(`${label}\0`, 'latin1');
  const length = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
  const body = [
    Buffer.from([2, 0]),
    name,
    name,
    Buffer.alloc(4),
    length(name.length),
    name,
    length(file.length),
    file,
  ];
  return Buffer.concat([length(0), ...body]);
}

test('files in an old Word document are read as files inside it', async () => {
  const inner = readOle(bytesOf('sample.xls'))?.streams ?? [];
  const data = await withStreams(
    'sample.doc',
    { path: ['ObjectPool', '_1001', '\u0001Ole10Native'], bytes: native('rules.md', bytesOf('sample.md')) },
    ...inner.map(({ path, bytes }) => ({ path: ['ObjectPool', '_1002', ...path], bytes })),
    { path: ['ObjectPool', '_1003', '\u0003EPRINT'], bytes: Buffer.alloc(100) },
  );
  const { sections, warnings } = await pool.extract(write('holds.doc', data));
  const of = (member?: string) => joinSections(sections.filter((section) => section.member === member));
  expect(of()).toContain('Bring the marlinspike');
  expect(of('rules.md')).toContain('six hens but no cockerels');
  expect(of('object-2')).toContain('Stockholm tar');
  expect(warnings).toEqual([]);
});

test('and so are those in an old workbook', async () => {
  const data = await withStreams('sample.xls', {
    path: ['MBD0063FA15', 'CONTENTS'],
    bytes: bytesOf('sample.pdf'),
  });
  const { sections } = await pool.extract(write('holds.xls', data));
  expect(sections.find(({ member }) => member === 'object-1')).toMatchObject({ page: 1 });
  expect(sections[0]).toMatchObject({ sheet: 'Stores' });
});
