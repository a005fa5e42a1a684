import { CFB } from '@e965/xlsx';
import { describe, expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { readPptText } from '../../src/processors/ppt-text.ts';
import { createFolder, createPool, fixture } from './bed.ts';

const pool = createPool();
const write = createFolder();

interface OldWord {
  text: Buffer;
  language?: number;
  /** Cuts the text into pieces that stand in the file in reverse order, as a fast save leaves them. */
  pieces?: number;
}

/** A Word 6 file: one stream of information block, text and, after a fast save, the table of its pieces. */
function makeWord6({ text, language = 0x0409, pieces = 0 }: OldWord): Buffer {
  const head = Buffer.alloc(0x300);
  head.writeUInt16LE(0xa5dc, 0);
  head.writeUInt16LE(101, 2);
  head.writeUInt16LE(language, 6);
  head.writeUInt32LE(head.length, 24);
  head.writeUInt32LE(head.length + text.length, 28);
  const parts: Buffer[] = [head, text];
  if (pieces > 0) {
    const { stored, table } = cutUp(text, pieces, head.length);
    head.writeUInt16LE(4, 10);
    head.writeUInt32LE(head.length + text.length, 0x160);
    head.writeUInt32LE(table.length, 0x164);
    parts.splice(1, 1, stored, table);
  }
  const file = CFB.utils.cfb_new();
  CFB.utils.cfb_add(file, 'WordDocument', Buffer.concat([...parts, Buffer.alloc(8192)]));
  const written: unknown = CFB.write(file, { type: 'buffer' });
  if (!Buffer.isBuffer(written)) throw new Error('no bytes');
  return written;
}

function cutUp(text: Buffer, pieces: number, start: number): { stored: Buffer; table: Buffer } {
  const size = Math.ceil(text.length / pieces);
  const cuts = Array.from({ length: pieces }, (_, at) => text.subarray(at * size, (at + 1) * size));
  const plc = Buffer.alloc((pieces + 1) * 4 + pieces * 8);
  let position = 0;
  let offset = start + text.length;
  for (const [at, cut] of cuts.entries()) {
    offset -= cut.length;
    plc.writeUInt32LE(position, at * 4);
    plc.writeUInt32LE(offset, (pieces + 1) * 4 + at * 8 + 2);
    position += cut.length;
  }
  plc.writeUInt32LE(position, pieces * 4);
  const size4 = Buffer.alloc(5);
  size4.writeUInt8(2);
  size4.writeUInt32LE(plc.length, 1);
  return {
    stored: Buffer.concat(cuts.toReversed()),
    table: Buffer.concat([Buffer.from('010200ffff', 'hex'), size4, plc]),
  };
}

async function textOf(name: string, file: OldWord): Promise<string> {
  return joinSections((await pool.extract(write(name, makeWord6(file)))).sections);
}

describe('Word 6 and 95', () => {
  const english = 'The ferry\rOars\x07Rope\x07\rSee \x13 PAGEREF x \x14page 3\x15 here.';
  const plain = 'The ferry\nOars\tRope\t\nSee page 3 here.';

  test('paragraphs, cells and what fields show', async () => {
    expect(await textOf('old.doc', { text: Buffer.from(english) })).toBe(plain);
  });

  test('a file that was saved fast is put in order', async () => {
    expect(await textOf('fast.doc', { text: Buffer.from(english), pieces: 5 })).toBe(plain);
  });

  test('the language names the code page, and what looks like another one is guessed', async () => {
    const russian = Buffer.from([
      0xcf, 0xe0, 0xf0, 0xee, 0xec, 0x20, 0xef, 0xeb, 0xfb, 0xe2, 0xb8, 0xf2, 0x20, 0xf3, 0xf2, 0xf0, 0xee,
      0xec,
    ]);
    expect(await textOf('ru.doc', { text: russian, language: 0x0419 })).toBe('Паром плывёт утром');
    const long = Buffer.concat(Array.from({ length: 20 }, () => Buffer.concat([russian, Buffer.from('. ')])));
    expect(await textOf('en.doc', { text: long })).toContain('Паром плывёт утром');
  });

  test('a damaged table of pieces is refused and nothing worse', async () => {
    const file = makeWord6({ text: Buffer.from(english), pieces: 3 });
    file.fill(0xff, file.indexOf(Buffer.from('010200ffff', 'hex')) + 5);
    await expect(pool.extract(write('torn.doc', file))).rejects.toMatchObject({ code: 'unsupported' });
  });
});

test('what stands around the text of a Word document is found once', async () => {
  const text = joinSections((await pool.extract(fixture('sample.doc'))).sections);
  const lines = text.split('\n').filter((line) => line.length > 20);
  expect(new Set(lines).size).toBe(lines.length);
});

describe('old PowerPoint', () => {
  /** A record of [MS-PPT]: what it holds, or text. */
  function record(type: number, body: Buffer, { holds = false, instance = 0 } = {}): Buffer {
    const head = Buffer.alloc(8);
    head.writeUInt16LE((instance << 4) | (holds ? 0x0f : 0), 0);
    head.writeUInt16LE(type, 2);
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body]);
  }

  const wide = (text: string): Buffer => record(4000, Buffer.from(text, 'utf16le'));

  test('of masters what they show on every slide is read, and comments with who made them', () => {
    const placeholder = record(3011, Buffer.alloc(8));
    const shapes = [wide('On every slide'), Buffer.concat([placeholder, wide('Click to edit')])].map(
      (inner) => record(0xf004, record(0xf00d, inner, { holds: true }), { holds: true }),
    );
    const said = ['Edda Holm', 'Which\rbar?', 'EH'].map((text, instance) =>
      record(4026, Buffer.from(text, 'utf16le'), { instance }),
    );
    const comment = record(5003, record(12_000, Buffer.concat(said), { holds: true }));
    expect(
      readPptText(Buffer.concat([record(1016, Buffer.concat(shapes), { holds: true }), comment])),
    ).toEqual(['On every slide', 'Comment by Edda Holm: Which bar?']);
  });

  test('texts of slides and footers are read in order, those of masters and notes are not', () => {
    const stream = Buffer.concat([
      record(
        1000,
        Buffer.concat([
          record(4080, wide('Title\rsecond line'), { holds: true }),
          record(4080, wide('Click to edit'), { holds: true, instance: 1 }),
          record(4057, record(4026, Buffer.from('Footer', 'utf16le')), { holds: true }),
          record(4026, Buffer.from('Arial', 'utf16le')),
        ]),
        { holds: true },
      ),
      record(1016, wide('Master'), { holds: true }),
      record(1006, record(4008, Buffer.from('narrow \xe9', 'latin1')), { holds: true }),
      record(1008, wide('Notes'), { holds: true }),
    ]);
    expect(readPptText(stream)).toEqual(['Title', 'second line', 'Footer', 'narrow \u00e9']);
    const lying = Buffer.from(stream);
    lying.writeUInt32LE(0xffffffff, 4);
    expect(readPptText(lying)).toEqual([]);
    expect(readPptText(record(1000, Buffer.alloc(0), { holds: true }))).toEqual([]);
  });

  test('the text that PowerPoint 95 keeps beside its slides is read', async () => {
    const file = CFB.utils.cfb_new();
    CFB.utils.cfb_add(file, 'PowerPoint Document', Buffer.alloc(5000));
    CFB.utils.cfb_add(file, 'Text_Content', Buffer.from('K\xfcndigung\r\rGrundlagen', 'latin1'));
    const written: unknown = CFB.write(file, { type: 'buffer' });
    if (!Buffer.isBuffer(written)) throw new Error('no bytes');
    expect(joinSections((await pool.extract(write('old.ppt', written))).sections)).toBe(
      'K\u00fcndigung\nGrundlagen',
    );
  });
});
