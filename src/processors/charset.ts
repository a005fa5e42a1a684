import { createReadStream } from 'node:fs';
import { readBytes } from './bytes.ts';

const SAMPLE_BYTES = 64 * 1024;
const CHUNK_BYTES = 128 * 1024;

/** Names that browsers and detectors use for the wider character set that is really meant. */
const WIDER: Readonly<Record<string, string>> = {
  'iso-8859-1': 'windows-1252',
  latin1: 'windows-1252',
  ascii: 'windows-1252',
  'us-ascii': 'windows-1252',
  shift_jis: 'cp932',
  'shift-jis': 'cp932',
  sjis: 'cp932',
  gb2312: 'gb18030',
  gbk: 'gb18030',
};

/**
 * Names the encoding of a text file: byte order mark, the pattern of NUL bytes, valid UTF-8, what the file
 * `declared` of itself, and at last two detectors that guess.
 */
export async function detectCharset(path: string, declared?: string): Promise<string> {
  const head = await readBytes(path, SAMPLE_BYTES);
  const plain = markedCharset(head) ?? wideCharset(head);
  if (plain) return plain;
  const fault = await firstInvalidUtf8(path);
  if (fault === undefined) return 'utf-8';
  const sample = await readBytes(path, SAMPLE_BYTES, fault);
  if (isMostlyUtf8(sample)) return 'utf-8';
  return (await supported(declared)) ?? (await guess(sample));
}

/** The text of a file, a piece at a time, without byte order mark. Bytes that mean nothing become U+FFFD. */
export async function* decodeFile(path: string, charset: string): AsyncGenerator<string> {
  const decoder = await createDecoder(charset);
  const stream = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  for await (const bytes of stream) {
    if (!Buffer.isBuffer(bytes)) continue;
    const text = decoder.write(bytes);
    if (text !== '') yield text;
  }
  const rest = decoder.end();
  if (rest !== '') yield rest;
}

/** All text of a file at once, for formats that need the whole. */
export async function decodeWhole(path: string, charset: string): Promise<string> {
  return (await Array.fromAsync(decodeFile(path, charset))).join('');
}

/** The text of bytes without a mark; their encoding is guessed where it is not known. */
export async function decodeBytes(bytes: Buffer, charset?: string): Promise<string> {
  const { default: iconv } = await import('iconv-lite');
  return iconv.decode(bytes, charset ?? (await guess(bytes.subarray(0, SAMPLE_BYTES))));
}

/** What a byte order mark says. */
export function markedCharset(head: Buffer): 'utf-8' | WideCharset | undefined {
  const start = head.toString('hex', 0, 4);
  if (start.startsWith('efbbbf')) return 'utf-8';
  // The mark of UTF-16 begins as this one does.
  if (start === 'fffe0000') return 'utf-32le';
  if (start === '0000feff') return 'utf-32be';
  if (start.startsWith('fffe')) return 'utf-16le';
  return start.startsWith('feff') ? 'utf-16be' : undefined;
}

type WideCharset = 'utf-16le' | 'utf-16be' | 'utf-32le' | 'utf-32be';

/**
 * UTF-16 without a mark, seen by its NUL bytes: text in any script has blanks and line ends, whose upper byte is
 * NUL, so nearly all NUL bytes stand on one side. Of UTF-32 the uppermost byte of every character is NUL.
 */
export function wideCharset(head: Buffer): WideCharset | undefined {
  const long = longCharset(head);
  if (long) return long;
  const even = nulBytes(head, 0);
  const odd = nulBytes(head, 1);
  const all = even + odd;
  if (all < 1 || all < head.length / 100 || all > head.length * 0.6) return undefined;
  const charset = odd > all * 0.9 ? 'utf-16le' : 'utf-16be';
  if (charset === 'utf-16be' && even <= all * 0.9) return undefined;
  const text = new TextDecoder(charset).decode(head.subarray(0, head.length & ~1));
  return isReadable(text) ? charset : undefined;
}

function longCharset(head: Buffer): 'utf-32le' | 'utf-32be' | undefined {
  const whole = head.subarray(0, head.length & ~3);
  const found = (['utf-32le', 'utf-32be'] as const).find((charset) => {
    for (let at = charset === 'utf-32le' ? 3 : 0; at < whole.length; at += 4)
      if (whole[at] !== 0) return false;
    return whole.length > 0;
  });
  return found && isReadable(decodeLong(whole, found)) ? found : undefined;
}

/** UTF-32, which the decoders of the platform leave out. */
function decodeLong(bytes: Buffer, charset: 'utf-32le' | 'utf-32be'): string {
  const points: string[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = charset === 'utf-32le' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    points.push(point > 0x10ffff ? '\uFFFD' : String.fromCodePoint(point));
  }
  return points.join('');
}

/** The text at the start of a file, in UTF-8 or in what a byte order mark names. */
export function markedText(head: Buffer): string {
  const charset = markedCharset(head) ?? 'utf-8';
  const isLong = charset === 'utf-32le' || charset === 'utf-32be';
  return isLong ? decodeLong(head.subarray(4), charset) : new TextDecoder(charset).decode(head);
}

function nulBytes(bytes: Buffer, first: number): number {
  let count = 0;
  for (let at = first; at < bytes.length; at += 2) if (bytes[at] === 0) count += 1;
  return count;
}

/** Whether a text has next to no control characters, noncharacters and lone surrogates. */
export function isReadable(text: string): boolean {
  let odd = 0;
  for (let at = 0; at < text.length; at += 1) if (isOdd(text.charCodeAt(at))) odd += 1;
  return odd * 100 <= text.length;
}

/** Control characters that no text has: all but backspace to carriage return and escape. */
function isOdd(unit: number): boolean {
  return unit < 8 || (unit > 13 && unit < 27) || (unit > 27 && unit < 32) || unit >= 0xfffd;
}

/** Where the chunk begins that is not UTF-8. */
async function firstInvalidUtf8(path: string): Promise<number | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for await (const bytes of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    if (!Buffer.isBuffer(bytes)) continue;
    if (!decodes(decoder, bytes)) return start;
    start += bytes.length;
  }
  return decodes(decoder) ? undefined : Math.max(0, start - SAMPLE_BYTES);
}

function decodes(decoder: TextDecoder, bytes?: Buffer): boolean {
  try {
    decoder.decode(bytes, { stream: bytes !== undefined });
    return true;
  } catch (error) {
    // The Encoding Standard: a fatal decoder throws TypeError, and nothing else, on invalid bytes.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** UTF-8 with a few broken places, as in logs and truncated files. */
function isMostlyUtf8(sample: Buffer): boolean {
  let good = 0;
  let broken = 0;
  for (const character of sample.toString('utf8')) {
    if (character === '\uFFFD') broken += 1;
    else if (character > '\x7f') good += 1;
  }
  return good >= 10 && broken * 10 <= good;
}

/** Two detectors: chardet where it is sure, else jschardet, which is better on short samples. */
async function guess(sample: Buffer): Promise<string> {
  const { default: chardet } = await import('chardet');
  const [best] = chardet.analyse(sample);
  if (best && best.confidence >= 50) return (await supported(best.name)) ?? 'windows-1252';
  const { default: jschardet } = await import('jschardet');
  return (await supported(jschardet.detect(sample).encoding ?? best?.name)) ?? 'windows-1252';
}

/** The name under which a charset can be decoded, if it can. */
async function supported(name: string | undefined): Promise<string | undefined> {
  if (!name) return undefined;
  const wider = WIDER[name.toLowerCase()] ?? name.toLowerCase();
  const { default: iconv } = await import('iconv-lite');
  return iconv.encodingExists(wider) ? wider : undefined;
}

interface Decoder {
  write(bytes: Buffer): string;
  end(): string;
}

async function createDecoder(charset: string): Promise<Decoder> {
  if (charset === 'utf-8' || charset.startsWith('utf-16')) {
    const decoder = new TextDecoder(charset);
    return { write: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
  }
  const { default: iconv } = await import('iconv-lite');
  const decoder = iconv.getDecoder(charset);
  return { write: (bytes) => decoder.write(bytes), end: () => decoder.end() ?? '' };
}
