import { expect, test } from 'vitest';
import { unpackRtf } from '../../src/processors/rtf-unpack.ts';
import { createFolder, createPool } from './bed.ts';

const pool = createPool();
const write = createFolder();

/** The example of [MS-OXRTFCP] 3.1. */
const PACKED = Buffer.from(
  '2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0',
  'hex',
);

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function attribute(level: number, id: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([level]), long(id), long(bytes.length), bytes, Buffer.alloc(2)]);
}

function property(sort: number, id: number, bytes: Buffer): Buffer {
  const padding = Buffer.alloc((4 - (bytes.length % 4)) % 4);
  return Buffer.concat([long((id << 16) | sort), long(1), long(bytes.length), bytes, padding]);
}

const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le');

function message(properties: Buffer[], files: Buffer[] = []): Buffer {
  const named = Buffer.concat([
    long(0x8001001f),
    Buffer.alloc(16),
    long(1),
    long(4),
    wide('x'),
    long(1),
    long(4),
    wide('y'),
  ]);
  return Buffer.concat([
    Buffer.from('789f3e220100', 'hex'),
    attribute(1, 0x69007, Buffer.concat([long(1251), long(0)])),
    attribute(1, 0x69003, Buffer.concat([long(properties.length + 1), named, ...properties])),
    ...files,
  ]);
}

test('a winmail.dat has its head, its text and its attachments with their whole names', async () => {
  const file = [
    attribute(2, 0x69002, Buffer.alloc(14)),
    attribute(2, 0x18010, Buffer.from('LONGNA~1.TXT\0')),
    attribute(2, 0x6800f, Buffer.from('The ebb is late.')),
    attribute(2, 0x69005, Buffer.concat([long(1), property(0x1f, 0x3707, wide('long name.txt'))])),
  ];
  const data = message(
    [
      property(0x1e, 0xc1a, Buffer.from('\xc0\xe4\xe0\0', 'latin1')),
      property(0x1e, 0xc1f, Buffer.from('ada@quay.example\0')),
      property(0x1f, 0x37, wide('Tides')),
      property(0x1f, 0x1000, wide('See the table.')),
    ],
    file,
  );
  const { title, sections, warnings } = await pool.extract(write('winmail.dat', data));
  expect({ title, warnings }).toEqual({ title: 'Tides', warnings: [] });
  expect(sections.map(({ member, text }) => [member, text])).toEqual([
    [
      undefined,
      '# Email Message\n\n**From:** ada@quay.example (Ада)\n**Subject:** Tides\n\n## Content\n\nSee the table.',
    ],
    ['long name.txt', 'The ebb is late.'],
  ]);
  for (const length of [7, 20, 60, 150, data.length - 5])
    await expect(pool.extract(write('cut.dat', data.subarray(0, length)))).resolves.toBeDefined();
});

test('a text that is only there as packed RTF is read', async () => {
  const { sections } = await pool.extract(write('rtf.dat', message([property(0x102, 0x1009, PACKED)])));
  expect(sections).toMatchObject([{ member: 'message.rtf', text: 'hello world' }]);
  expect(unpackRtf(PACKED, 1e6).toString()).toBe('{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n');
  expect(unpackRtf(PACKED.subarray(0, 40), 1e6).toString()).toMatch(/^\{\\rtf1\\ansi\\ansicpg1252\\pard hel/);
  expect(unpackRtf(PACKED, 10)).toHaveLength(10);
});
