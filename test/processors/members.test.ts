import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { createFolder, createPool, fixture } from './bed.ts';
import { flipBits, makeZip } from './hostile-files.ts';

const pool = createPool({ size: 1 });
const write = createFolder();

async function placesOf(name: string): Promise<(string | undefined)[]> {
  const { sections } = await pool.extract(fixture(name));
  return [...new Set(sections.map(({ member }) => member))];
}

/** A folder of its own: other services on this machine use the common one. */
const own = mkdtempSync(join(tmpdir(), 'limner-test-'));
beforeAll(() => vi.stubEnv('TMPDIR', own));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(own, { recursive: true });
});

const folders = (): string[] => readdirSync(own).filter((name) => name.startsWith('limner-members-'));

test('what is inside is read as files of their own, and named', async () => {
  expect(await placesOf('sample.eml')).toEqual([undefined, 'harvest.csv', 'message-2.eml']);
  expect(await placesOf('sample.mbox')).toEqual(['message-1.eml', 'message-2.eml']);
  expect(await placesOf('sample.zip')).toEqual(['rules/allotment.md', 'letter.doc', 'inner.zip/deep.txt']);
  expect(await placesOf('sample.tar')).toEqual(['sample.txt', 'sample.csv']);
  expect(await placesOf('sample.tgz')).toEqual(['sample.txt', 'sample.csv']);
  expect(await placesOf('sample.gz')).toEqual(['sample']);
  expect(folders()).toEqual([]);
});

test('a member keeps its own place, and one that cannot be read is told', async () => {
  const { sections, warnings } = await pool.extract(fixture('sample.zip'));
  expect(sections[1]).toMatchObject({
    headings: ['Plots and rent'],
    lines: [9, 12],
    member: 'rules/allotment.md',
  });
  expect(warnings).toEqual(['noise.bin: This is a file of an unknown kind; there is no reader for it.']);
});

test('mail and Outlook messages have their headers', async () => {
  const mail = await pool.extract(fixture('sample.eml'));
  expect(mail.title).toBe('The rope, große Freude');
  expect(mail.sections[0]?.text).toMatch(
    /^# Email Message\n\n\*\*From:\*\* hester@thornby\.example \(Hester Lyle\)\n\*\*To:\*\* [^]*It smells of tar\.$/,
  );
  const outlook = await pool.extract(fixture('sample.msg'));
  expect(outlook).toMatchObject({ title: 'Keys of the tower', processor: 'msg' });
  expect(outlook.sections[0]?.text).toContain('**From:** Hester Lyle\n');
});

test('mail without an extension is known by its head', async () => {
  const { processor } = await pool.extract(write('message', readFileSync(fixture('sample.eml').path)));
  expect(processor).toBe('mail');
});

describe('hostile archives and messages', () => {
  afterEach(async () => {
    const { sections } = await pool.extract(fixture('sample.md'));
    if (sections.length !== 7) throw new Error('The file after a hostile one was not read.');
  });

  function nest(depth: number): Buffer {
    let data: Buffer = Buffer.from('the bottom');
    for (let level = 0; level < depth; level += 1) {
      data = makeZip([{ name: level === 0 ? 'core.txt' : `${level}.zip`, data }]);
    }
    return data;
  }

  const refused: [name: string, code: string, make: () => Buffer][] = [
    ['zeros.zip', 'limit', () => makeZip([{ name: 'a.bin', data: Buffer.alloc(210_000_000) }])],
    [
      'lying.zip',
      'corrupt',
      () => makeZip([{ name: 'a.txt', data: Buffer.alloc(9_000_000, 'a'), declared: 10 }]),
    ],
    ['half.zip', 'corrupt', () => readFileSync(fixture('sample.zip').path).subarray(0, 9000)],
    ['half.msg', 'corrupt', () => readFileSync(fixture('sample.msg').path).subarray(0, 700)],
  ];
  test.each(refused)('%s is %s', async (name, code, make) => {
    await expect(pool.extract(write(name, make()))).rejects.toMatchObject({ code });
  });

  test('of an archive with too many files, or a file that is too much, the rest is read', async () => {
    const files = Array.from({ length: 30 }, (_, at) => ({
      name: `${at}.txt`,
      data: Buffer.from(`file ${at}`),
    }));
    const small = createPool({ limits: { archiveEntries: 20, archiveEntryBytes: 1000 } });
    const many = await small.extract(write('many.zip', makeZip(files)));
    expect(many.sections).toHaveLength(20);
    expect(many.warnings).toEqual([
      'Only the first 20 of 30 files inside are searchable (LIMNER_MAX_ARCHIVE_ENTRIES).',
    ]);
    const large = { name: 'large.txt', data: Buffer.alloc(2000, 'a') };
    const some = await small.extract(write('some.zip', makeZip([large, ...files.slice(0, 3)])));
    expect(some.sections.map(({ member }) => member)).toEqual(['0.txt', '1.txt', '2.txt']);
    expect(some.warnings).toEqual([expect.stringMatching(/^large\.txt: .*LIMNER_MAX_ARCHIVE_ENTRY_MB/)]);
  });

  test('archives inside archives are read five deep', async () => {
    expect((await pool.extract(write('four.zip', nest(4)))).sections).toMatchObject([{ text: 'the bottom' }]);
    const { sections, warnings } = await pool.extract(write('sixty.zip', nest(60)));
    expect(sections).toEqual([]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('5 deep');
  });

  test('a gzip bomb stops at its limit, a cut one is corrupt or partly read', async () => {
    await expect(pool.extract(write('bomb.gz', gzipSync(Buffer.alloc(600_000_000))))).rejects.toMatchObject({
      code: 'limit',
    });
    const cut = readFileSync(fixture('sample.gz').path).subarray(0, 300);
    await expect(pool.extract(write('cut.gz', cut))).rejects.toMatchObject({ code: 'corrupt' });
    await expect(
      pool.extract(write('cut.tgz', readFileSync(fixture('sample.tgz').path).subarray(0, 700))),
    ).rejects.toMatchObject({ code: 'corrupt' });
  });

  test('names in a ZIP archive lead nowhere', async () => {
    const names = ['../../../escape.txt', '/etc/escape.txt', 'C:\\escape.txt'];
    const file = write('escape.zip', makeZip(names.map((name) => ({ name, data: Buffer.from('out') }))));
    const { sections } = await pool.extract(file);
    expect(sections.map(({ member }) => member)).toEqual([
      '../../../escape.txt',
      '/etc/escape.txt',
      'C:/escape.txt',
    ]);
    expect(folders()).toEqual([]);
  });

  test('a ZIP file that is a few bytes short or long at its end is read', async () => {
    const whole = makeZip([{ name: 'a.txt', data: Buffer.from('inside') }]);
    const short = Buffer.from(whole);
    short.writeUInt16LE(3, short.length - 2);
    for (const data of [short, Buffer.concat([whole, Buffer.from('\n\n')])])
      expect((await pool.extract(write('end.zip', data))).sections).toMatchObject([{ text: 'inside' }]);
  });

  test('a locked file costs only itself, an archive of them is encrypted', async () => {
    const locked = makeZip([
      { name: 'a.txt', data: Buffer.from('secret') },
      { name: 'b.txt', data: Buffer.from('open') },
    ]);
    const one = locked.indexOf(Buffer.from('504b0102', 'hex'));
    locked.writeUInt16LE(1, one + 8);
    const { sections, warnings } = await pool.extract(write('locked.zip', locked));
    expect({ texts: sections.map(({ text }) => text), warnings }).toEqual({
      texts: ['open'],
      warnings: ['a.txt: It is locked with a password.'],
    });
    locked.writeUInt16LE(1, locked.indexOf(Buffer.from('504b0102', 'hex'), one + 1) + 8);
    await expect(pool.extract(write('all.zip', locked))).rejects.toMatchObject({ code: 'encrypted' });
  });

  test('names in a tar lead nowhere', async () => {
    const tar = Buffer.from(readFileSync(fixture('sample.tar').path));
    tar.fill(0, 0, 100).write('../../../etc/escape.txt', 0);
    const { sections } = await pool.extract(write('escape.tar', tar));
    expect(sections[0]?.member).toBe('../../../etc/escape.txt');
    expect(folders()).toEqual([]);
  });

  test('nested, long and turned messages end', async () => {
    const head = 'From: a@b.example\nTo: c@d.example\n';
    const inner = (depth: number): string =>
      `${head}Subject: s\nContent-Type: message/rfc822\n\n`.repeat(depth);
    const parts = Array.from(
      { length: 500 },
      (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\n\n--b${at}\n`,
    ).join('');
    const messages: Record<string, string | Buffer> = {
      'nested.eml': `${inner(300)}${head}\nbody`,
      'parts.eml': `${head}MIME-Version: 1.0\n${parts}\nbody`,
      'subject.eml': `${head}Subject: ${'a'.repeat(20_000_000)}\n\nbody`,
      'turned.eml': flipBits(readFileSync(fixture('sample.eml').path), 37),
      'turned.msg': flipBits(readFileSync(fixture('sample.msg').path), 97),
      'turned.zip': flipBits(readFileSync(fixture('sample.zip').path), 997),
    };
    for (const [name, data] of Object.entries(messages)) {
      const outcome = await pool.extract(write(name, data)).then(
        () => 'read',
        (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
      );
      expect(['read', 'limit', 'corrupt', 'unsupported']).toContain(outcome);
    }
  });
});

test('files embedded in a PDF are read as files inside it', async () => {
  const { sections, warnings } = await pool.extract(fixture('attached.pdf'));
  expect(sections[0]?.text).toContain('Kittiwake');
  expect(sections[0]?.member).toBeUndefined();
  expect(sections.at(-1)).toMatchObject({ member: 'harvest.csv', text: expect.stringContaining('Ashmead') });
  expect(warnings).toEqual([]);
});

test('a message without head and text is empty', async () => {
  const { sections } = await pool.extract(write('nothing.eml', 'MIME-Version: 1.0\r\n\r\n'));
  expect(sections).toEqual([]);
});
