import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
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

test('those in an old presentation, packed or not', async () => {
  const record = (bytes: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(4113, 2);
    head.writeUInt32LE(bytes.length, 4);
    return Buffer.concat([head, bytes]);
  };
  const note = await writeOle([
    { path: ['\u0001Ole10Native'], bytes: native('tide.txt', Buffer.from('The ebb is late.')) },
  ]);
  // Some lack their checksum.
  const packed = Buffer.concat([Buffer.alloc(4), deflateSync(bytesOf('sample.xls')).subarray(0, -4)]);
  const streams = readOle(bytesOf('sample.ppt'))?.streams ?? [];
  for (const stream of streams)
    if (stream.path[0] === 'PowerPoint Document')
      stream.bytes = Buffer.concat([
        stream.bytes,
        record(note),
        record(Buffer.from('damaged')),
        record(packed),
      ]);
  const { sections, warnings } = await pool.extract(write('holds.ppt', await writeOle(streams)));
  expect(sections.find(({ member }) => member === 'tide.txt')?.text).toBe('The ebb is late.');
  expect(sections.find(({ member }) => member === 'object-3')).toMatchObject({ sheet: 'Stores' });
  expect(warnings).toEqual([]);
});

test('and those in RTF', async () => {
  const word = (text: string): Buffer => {
    const bytes = Buffer.from(`${text}\0`);
    return Buffer.concat([Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]);
  };
  const object = (sort: number, kind: string, bytes: Buffer): string => {
    const head = Buffer.from(Uint32Array.of(0x501, sort).buffer);
    const size = Buffer.from(Uint32Array.of(bytes.length).buffer);
    const hex = Buffer.concat([head, word(kind), Buffer.alloc(8), size, bytes]).toString('hex');
    return `{\\object\\objemb{\\*\\objclass ${kind}}{\\*\\objdata ${hex.replaceAll(/(.{64})/g, '$1\n')}}}`;
  };
  const files = [
    object(2, 'Package', native('tide.txt', Buffer.from('The ebb is late.')).subarray(4)),
    object(2, 'Excel.Sheet.8', bytesOf('sample.xls')),
    object(1, 'Linked', Buffer.from('nothing')),
  ];
  const data = `{\\rtf1\\ansi See below.\\par ${files.join('')}{\\object{\\*\\objdata 01}}}`;
  const { sections, warnings } = await pool.extract(write('holds.rtf', data));
  expect(sections.map(({ member }) => member)).toEqual([undefined, 'tide.txt', 'object-2', 'object-2']);
  expect(warnings).toEqual([]);
});
