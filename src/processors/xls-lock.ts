import { createHash } from 'node:crypto';
import { OPEN_PASSWORDS } from './office-lock.ts';

const FILE_PASS = 0x2f;
const SHEET = 0x85;
/** Records that stay readable in a locked workbook ([MS-XLS] 2.2.10); of a sheet's its place in the stream does. */
const PLAIN = new Set([0x809, FILE_PASS, 0x194, 0x195, 0xe1, 0x196, 0x138]);
const PLACE_BYTES = 4;
/** A record that readers pass over. */
const NO_RECORD = 0xfff;
const RC4 = 1;
const BLOCK_BYTES = 1024;

/** The key for each block of 1024 bytes. */
type KeyOf = (block: number) => Buffer;

/**
 * The stream of an old workbook without its lock, where that is one of the passwords that programs use where nobody chose
 * one; undefined where it is not locked, or otherwise.
 */
export function unlockWorkbook(stream: Buffer): Buffer | undefined {
  const pass = filePass(stream);
  if (!pass || pass.bytes.length < 6 || pass.bytes.readUInt16LE(0) !== RC4) return undefined;
  const keyOf = OPEN_PASSWORDS.map((password) => keyFor(pass.bytes, password)).find(Boolean);
  if (!keyOf) return undefined;
  const open = Buffer.from(stream);
  const keys = keyStream(keyOf);
  for (const { type, at, end } of records(stream)) {
    const plain = PLAIN.has(type) ? end - at : type === SHEET ? 4 + PLACE_BYTES : 4;
    for (let byte = at; byte < end; byte += 1) {
      const key = keys();
      if (byte - at >= plain) open[byte] = (stream[byte] ?? 0) ^ key;
    }
  }
  open.writeUInt16LE(NO_RECORD, pass.at);
  return open;
}

interface Place {
  type: number;
  at: number;
  end: number;
}

function* records(stream: Buffer): Generator<Place> {
  for (let at = 0; at + 4 <= stream.length;) {
    const end = Math.min(stream.length, at + 4 + stream.readUInt16LE(at + 2));
    yield { type: stream.readUInt16LE(at), at, end };
    at = end;
  }
}

/** It stands among the first records, before whatever it locks. */
function filePass(stream: Buffer): { at: number; bytes: Buffer } | undefined {
  let looked = 0;
  for (const { type, at, end } of records(stream)) {
    if (type === FILE_PASS) return { at, bytes: stream.subarray(at + 4, end) };
    if ((looked += 1) > 4) return undefined;
  }
  return undefined;
}

/** Undefined where the password is another one ([MS-OFFCRYPTO] 2.3.5 and 2.3.6). */
function keyFor(pass: Buffer, password: string): KeyOf | undefined {
  const typed = Buffer.from(password, 'utf16le');
  const isPlain = pass.readUInt16LE(2) === 1;
  const scheme = isPlain ? plainScheme(pass, typed) : cryptoScheme(pass, typed);
  if (!scheme) return undefined;
  const { keyOf, hash, verifier, wanted } = scheme;
  const keys = rc4(keyOf(0));
  const [opened, digest] = [verifier, wanted].map((bytes) => bytes.map((byte) => byte ^ keys()));
  return opened && digest && sum(hash, opened).equals(digest) ? keyOf : undefined;
}

interface Scheme {
  keyOf: KeyOf;
  hash: string;
  verifier: Buffer;
  wanted: Buffer;
}

/** Excel 97: 40 bits. */
function plainScheme(pass: Buffer, typed: Buffer): Scheme | undefined {
  if (pass.length < 54) return undefined;
  const salt = pass.subarray(6, 22);
  const turn = Buffer.concat([sum('md5', typed).subarray(0, 5), salt]);
  const base = sum('md5', ...Array.from({ length: 16 }, () => turn)).subarray(0, 5);
  return {
    keyOf: (block) => sum('md5', base, long(block)),
    hash: 'md5',
    verifier: pass.subarray(22, 38),
    wanted: pass.subarray(38, 54),
  };
}

/** Excel 2002 and later: a key of so many bits, of SHA-1. */
function cryptoScheme(pass: Buffer, typed: Buffer): Scheme | undefined {
  const header = 14;
  const verifier = header + pass.readUInt32LE(10);
  if (verifier + 60 > pass.length) return undefined;
  const bits = pass.readUInt32LE(header + 16) || 40;
  const base = sum('sha1', pass.subarray(verifier + 4, verifier + 20), typed);
  return {
    keyOf(block) {
      const key = sum('sha1', base, long(block)).subarray(0, bits / 8);
      return bits === 40 ? Buffer.concat([key, Buffer.alloc(11)]) : key;
    },
    hash: 'sha1',
    verifier: pass.subarray(verifier + 20, verifier + 36),
    wanted: pass.subarray(verifier + 40, verifier + 60),
  };
}

function sum(hash: string, ...parts: readonly Uint8Array[]): Buffer {
  const made = createHash(hash);
  for (const part of parts) made.update(part);
  return made.digest();
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** One byte after the other; what is not locked takes its part of them as well. */
function keyStream(keyOf: KeyOf): () => number {
  let at = 0;
  let keys = rc4(keyOf(0));
  return () => {
    if (at > 0 && at % BLOCK_BYTES === 0) keys = rc4(keyOf(at / BLOCK_BYTES));
    at += 1;
    return keys();
  };
}

/** RC4, which the OpenSSL of today leaves out. */
function rc4(key: Buffer): () => number {
  const state = Uint8Array.from({ length: 256 }, (_, index) => index);
  const swap = (one: number, other: number): void => {
    [state[one], state[other]] = [state[other] ?? 0, state[one] ?? 0];
  };
  for (let at = 0, other = 0; at < 256; at += 1) {
    other = (other + (state[at] ?? 0) + (key[at % key.length] ?? 0)) & 255;
    swap(at, other);
  }
  let [at, other] = [0, 0];
  return () => {
    at = (at + 1) & 255;
    other = (other + (state[at] ?? 0)) & 255;
    swap(at, other);
    return state[((state[at] ?? 0) + (state[other] ?? 0)) & 255] ?? 0;
  };
}
