import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { unlockPackage } from '../../src/processors/office-lock.ts';
import { oleStream, replaceStream } from '../../src/processors/ole-file.ts';
import { unlockWorkbook } from '../../src/processors/xls-lock.ts';
import { createFolder, createPool, fixture } from './bed.ts';

const pool = createPool();
const write = createFolder();
const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');
const hash = (name: string, ...parts: readonly Buffer[]): Buffer =>
  createHash(name).update(Buffer.concat(parts)).digest();
const long = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);

test('a workbook that Excel locked by itself is read as the file inside', async () => {
  const { sections, warnings } = await pool.extract(fixture('locked.xlsx'));
  expect(joinSections(sections)).toContain('Stockholm tar');
  expect(sections[0]).toMatchObject({ sheet: 'Stores', member: 'locked.xlsx' });
  expect(warnings).toEqual([]);
});

test('under a password of somebody it stays locked', async () => {
  const data = readFileSync(fixture('locked.xlsx').path);
  const info = oleStream(data, 'EncryptionInfo') ?? Buffer.alloc(0);
  const other = Buffer.from(info);
  // Another salt is as good as another password.
  other.write('AAAA', other.lastIndexOf('saltValue="') + 11);
  const file = write('own.xlsx', await replaceStream(data, 'EncryptionInfo', other));
  await expect(pool.extract(file)).rejects.toMatchObject({ code: 'encrypted' });
});

test('documents of Office 2007 open as well', async () => {
  const salt = Buffer.alloc(16, 7);
  let base = hash('sha1', salt, wide('VelvetSweatshop'));
  for (let turn = 0; turn < 50_000; turn += 1) base = hash('sha1', long(turn), base);
  base = hash('sha1', base, long(0));
  const block = Buffer.alloc(64, 0x36);
  for (const [at, byte] of base.entries()) block[at] = byte ^ 0x36;
  const key = hash('sha1', block).subarray(0, 16);
  const lock = (bytes: Buffer): Buffer =>
    createCipheriv('aes-128-ecb', key, null).setAutoPadding(false).update(bytes);
  const verifier = Buffer.alloc(16, 9);
  const info = Buffer.concat([
    Buffer.from([3, 0, 2, 0]),
    long(0x24, 32, 0x24, 0, 0x660e, 0x8004, 128, 24, 0, 0),
    long(16),
    salt,
    lock(verifier),
    long(20),
    lock(Buffer.concat([hash('sha1', verifier), Buffer.alloc(12)])),
  ]);
  const locked = Buffer.concat([long(5, 0), lock(Buffer.from('words'.padEnd(16, '\0')))]);
  expect((await unlockPackage(info, locked, 'VelvetSweatshop'))?.toString()).toBe('words');
  expect(await unlockPackage(info, locked, 'another')).toBeUndefined();
});

/** RC4 by a chain of bytes, as it is usually written. */
function rc4(key: Buffer, bytes: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_, at) => at);
  const swap = (a: number, b: number): void => void state.splice(a, 1, ...state.splice(b, 1, state[a] ?? 0));
  for (let at = 0, other = 0; at < 256; at += 1) {
    other = (other + (state[at] ?? 0) + (key[at % key.length] ?? 0)) % 256;
    if (at !== other) swap(at, other);
  }
  let [one, other] = [0, 0];
  const locked = bytes.map((byte) => {
    one = (one + 1) % 256;
    other = (other + (state[one] ?? 0)) % 256;
    if (one !== other) swap(one, other);
    return byte ^ (state[((state[one] ?? 0) + (state[other] ?? 0)) % 256] ?? 0);
  });
  return Buffer.from(locked);
}

interface OldLock {
  pass: Buffer;
  keyOf: (block: number) => Buffer;
}

function lock97(password: string): OldLock {
  const salt = Buffer.alloc(16, 3);
  const turn = Buffer.concat([hash('md5', wide(password)).subarray(0, 5), salt]);
  const base = hash('md5', ...Array.from({ length: 16 }, () => turn)).subarray(0, 5);
  const keyOf = (block: number): Buffer => hash('md5', base, long(block));
  const verifier = Buffer.alloc(16, 4);
  const locked = rc4(keyOf(0), Buffer.concat([verifier, hash('md5', verifier)]));
  return { pass: Buffer.concat([Buffer.from([1, 0, 1, 0, 1, 0]), salt, locked]), keyOf };
}

function lock2002(password: string): OldLock {
  const salt = Buffer.alloc(16, 5);
  const base = hash('sha1', salt, wide(password));
  const keyOf = (block: number): Buffer => hash('sha1', base, long(block)).subarray(0, 16);
  const verifier = Buffer.alloc(16, 6);
  const locked = rc4(keyOf(0), Buffer.concat([verifier, hash('sha1', verifier)]));
  const header = long(4, 0, 0x6801, 0x8004, 128, 1, 0, 0, 0);
  const parts = [
    long(4, header.length),
    header,
    long(16),
    salt,
    locked.subarray(0, 16),
    long(20),
    locked.subarray(16),
  ];
  return { pass: Buffer.concat([Buffer.from([1, 0, 4, 0, 2, 0]), ...parts]), keyOf };
}

/** A workbook under a lock: the record of the lock behind the first one, all others locked but for their heads. */
function lockWorkbook(stream: Buffer, { pass, keyOf }: OldLock): Buffer {
  const first = 4 + stream.readUInt16LE(2);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(0x2f, 0);
  head.writeUInt16LE(pass.length, 2);
  const open = Buffer.concat([stream.subarray(0, first), head, pass, stream.subarray(first)]);
  const blocks = Array.from({ length: Math.ceil(open.length / 1024) }, (_, block) =>
    rc4(keyOf(block), open.subarray(block * 1024, (block + 1) * 1024)),
  );
  const locked = Buffer.concat(blocks);
  for (let at = 0; at < open.length; at += 4 + open.readUInt16LE(at + 2)) {
    const type = open.readUInt16LE(at);
    // Sheets moved by the length of the record.
    if (type === 0x85) open.writeUInt32LE(open.readUInt32LE(at + 4) + 4 + pass.length, at + 4);
    const whole = [0x809, 0x2f, 0xe1].includes(type) ? open.readUInt16LE(at + 2) : 0;
    open.copy(locked, at, at, at + 4 + (type === 0x85 ? 4 : whole));
  }
  return locked;
}

test.each([
  ['97', lock97],
  ['2002', lock2002],
])('an old workbook that Excel %s locked by itself is open', async (_, lock) => {
  const data = readFileSync(fixture('sample.xls').path);
  const stream = oleStream(data, 'Workbook') ?? Buffer.alloc(0);
  const locked = lockWorkbook(stream, lock('VelvetSweatshop'));
  expect(locked.includes('Stockholm tar')).toBe(false);
  const file = write('locked.xls', await replaceStream(data, 'Workbook', locked));
  expect(joinSections((await pool.extract(file)).sections)).toContain('Stockholm tar');
  expect(unlockWorkbook(lockWorkbook(stream, lock('somebody')))).toBeUndefined();
  expect(unlockWorkbook(stream)).toBeUndefined();
});
