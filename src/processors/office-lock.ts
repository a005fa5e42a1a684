import { createDecipheriv, createHash } from 'node:crypto';
import { parseXml, descendants, type XmlNode } from './xml-tree.ts';

/** What programs lock documents with that anybody may read: Excel and PowerPoint, for "recommended as read-only". */
export const OPEN_PASSWORDS = ['VelvetSweatshop', '/01Hannes Ruescher/01'];

/** Whoever locks a file may ask for ten million turns ([MS-OFFCRYPTO] 2.3.4.10). */
const MOST_TURNS = 10_000_000;
const SEGMENT_BYTES = 4096;
const STANDARD_TURNS = 50_000;

/** Names a key among the blocks that are made of one password ([MS-OFFCRYPTO] 2.3.4.11 to 13). */
const VERIFIER = Buffer.from('fea7d2763b4b9e79', 'hex');
const VERIFIER_HASH = Buffer.from('d7aa0f6d3061344e', 'hex');
const KEY = Buffer.from('146e0be7abacd0d6', 'hex');

/**
 * The document inside an encrypted Office file, of its streams `EncryptionInfo` and `EncryptedPackage`; undefined where
 * `password` is not the one. Throws RangeError or another plain error where the streams are damaged.
 */
export async function unlockPackage(
  info: Buffer,
  locked: Buffer,
  password: string,
): Promise<Buffer | undefined> {
  const isAgile = info.readUInt16LE(0) === 4 && info.readUInt16LE(2) === 4;
  const bytes = isAgile
    ? await unlockAgile(info, locked.subarray(8), password)
    : unlockStandard(info, locked.subarray(8), password);
  return bytes?.subarray(0, Number(locked.readBigUInt64LE(0)));
}

interface Cipher {
  hash: string;
  salt: Buffer;
  keyBytes: number;
  blockBytes: number;
}

/** Office 2010 and later (2.3.4.10): the password opens a key, the key the segments. */
async function unlockAgile(info: Buffer, locked: Buffer, password: string): Promise<Buffer | undefined> {
  const nodes = await parseXml(info.toString('utf8', 8));
  const [data] = [...descendants(nodes, 'keyData')];
  const [own] = [...descendants(nodes, 'p:encryptedKey', 'encryptedKey')];
  if (!data || !own) return undefined;
  const cipher = cipherOf(own);
  const turns = Math.min(Number(own.attributes['spinCount']), MOST_TURNS);
  const base = spin(cipher.hash, digest(cipher.hash, cipher.salt, Buffer.from(password, 'utf16le')), turns);
  const open = (block: Buffer, value: string): Buffer => {
    const key = fit(digest(cipher.hash, base, block), cipher.keyBytes);
    return decipher(key, fit(cipher.salt, cipher.blockBytes), binary(own, value));
  };
  const wanted = digest(cipher.hash, open(VERIFIER, 'encryptedVerifierHashInput'));
  if (!open(VERIFIER_HASH, 'encryptedVerifierHashValue').subarray(0, wanted.length).equals(wanted))
    return undefined;
  return Buffer.concat([
    ...segments(locked, open(KEY, 'encryptedKeyValue').subarray(0, cipher.keyBytes), cipherOf(data)),
  ]);
}

function* segments(locked: Buffer, key: Buffer, { hash, salt, blockBytes }: Cipher): Generator<Buffer> {
  for (let at = 0, index = 0; at < locked.length; at += SEGMENT_BYTES, index += 1) {
    const start = fit(digest(hash, salt, long(index)), blockBytes);
    yield decipher(key, start, locked.subarray(at, at + SEGMENT_BYTES));
  }
}

function cipherOf(node: XmlNode): Cipher {
  const { hashAlgorithm = '', keyBits, blockSize } = node.attributes;
  return {
    hash: hashAlgorithm.replace('-', '').toLowerCase(),
    salt: binary(node, 'saltValue'),
    keyBytes: Number(keyBits) / 8,
    blockBytes: Number(blockSize),
  };
}

function binary({ attributes }: XmlNode, name: string): Buffer {
  return Buffer.from(attributes[name] ?? '', 'base64');
}

/** Office 2007 (2.3.4.5 to 9): AES without chaining, the key straight from the password. */
function unlockStandard(info: Buffer, locked: Buffer, password: string): Buffer | undefined {
  const headerBytes = info.readUInt32LE(8);
  const keyBytes = info.readUInt32LE(12 + 16) / 8;
  const verifier = info.subarray(12 + headerBytes);
  const salt = verifier.subarray(4, 20);
  const base = spin('sha1', digest('sha1', salt, Buffer.from(password, 'utf16le')), STANDARD_TURNS);
  const key = derivedKey(digest('sha1', base, long(0)), keyBytes);
  const wanted = digest('sha1', decipher(key, null, verifier.subarray(20, 36)));
  if (!decipher(key, null, verifier.subarray(40, 72)).subarray(0, 20).equals(wanted)) return undefined;
  return decipher(key, null, locked);
}

/** As the CryptoAPI of Windows derives a key longer than a hash (2.3.4.7). */
function derivedKey(hash: Buffer, bytes: number): Buffer {
  const [first, second] = [0x36, 0x5c].map((fill) => {
    const block = Buffer.alloc(64, fill);
    for (const [index, byte] of hash.entries()) block[index] = byte ^ fill;
    return digest('sha1', block);
  });
  return Buffer.concat([first ?? hash, second ?? hash]).subarray(0, bytes);
}

function spin(hash: string, start: Buffer, turns: number): Buffer {
  let value = start;
  for (let turn = 0; turn < turns; turn += 1) value = digest(hash, long(turn), value);
  return value;
}

function digest(hash: string, ...parts: readonly Buffer[]): Buffer {
  const sum = createHash(hash);
  for (const part of parts) sum.update(part);
  return sum.digest();
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function fit(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, length - bytes.length), 0x36)]).subarray(0, length);
}

/** AES, chained where there is a start; what does not fill a block at the end is padding and is left out. */
function decipher(key: Buffer, start: Buffer | null, bytes: Buffer): Buffer {
  const cipher = createDecipheriv(`aes-${key.length * 8}-${start ? 'cbc' : 'ecb'}`, key, start);
  cipher.setAutoPadding(false);
  return cipher.update(bytes.subarray(0, bytes.length - (bytes.length % 16)));
}
