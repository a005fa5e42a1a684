/**
 * Chunks of a PNG that show something and are not critical; ComfyUI writes the whole prompt into `tEXt`, and into a `comf` of its
 * own where the picture moves.
 */
const PNG_SHOWN = new Set('tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD pHYs acTL fcTL fdAT'.split(' '));
/** Segments of a JPEG that hold words: Exif and XMP, Photoshop's, comments. */
const JPEG_WORDS = new Set([0xe1, 0xed, 0xfe]);
const JPEG_SCAN = 0xda;
/** The same in a WebP, and the bits of its VP8X header that announce them (WebP container specification). */
const WEBP_WORDS = new Set(['EXIF', 'XMP ']);
const WEBP_WORD_BITS = 0x08 | 0x04;

/** The same PNG, JPEG or WebP without its words, byte for byte otherwise; anything else comes back as it is. */
export function withoutPrompt(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0, 3) === '\xff\xd8\xff') return jpegWithout(bytes);
  if (bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') return pngWithout(bytes);
  const isWebp = bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return isWebp ? webpWithout(bytes) : bytes;
}

function pngWithout(bytes: Buffer): Buffer {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    // A capital letter at the front means critical (PNG specification).
    if (/^[A-Z]/.test(type) || PNG_SHOWN.has(type)) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}

function jpegWithout(bytes: Buffer): Buffer {
  const kept = [bytes.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== JPEG_SCAN) {
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    if (!JPEG_WORDS.has(bytes.readUInt8(at + 1))) kept.push(bytes.subarray(at, end));
    at = end;
  }
  const made = Buffer.concat([...kept, bytes.subarray(at)]);
  return made.length === bytes.length ? bytes : made;
}

function webpWithout(bytes: Buffer): Buffer {
  const kept = [bytes.subarray(0, 12)];
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 4);
    // Chunks of an odd length are filled up by one byte.
    const end = at + 8 + length + (length % 2);
    if (!WEBP_WORDS.has(bytes.toString('latin1', at, at + 4))) kept.push(bytes.subarray(at, end));
    at = end;
  }
  const made = Buffer.concat(kept);
  if (made.length === bytes.length) return bytes;
  made.writeUInt32LE(made.length - 8, 4);
  if (made.toString('latin1', 12, 16) === 'VP8X') made.writeUInt8(made.readUInt8(20) & ~WEBP_WORD_BITS, 20);
  return made;
}
