/** Chunks of a PNG in which ComfyUI writes the whole prompt. */
const PNG_WORDS = new Set(['tEXt', 'zTXt', 'iTXt']);
/** The same in a WebP, and the bits of its VP8X header that announce them (WebP container specification). */
const WEBP_WORDS = new Set(['EXIF', 'XMP ']);
const WEBP_WORD_BITS = 0x08 | 0x04;

/** The same PNG or WebP without its words, byte for byte otherwise; anything else comes back as it is. */
export function withoutPrompt(bytes: Buffer): Buffer {
  if (bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') return pngWithout(bytes);
  const isWebp = bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return isWebp ? webpWithout(bytes) : bytes;
}

function pngWithout(bytes: Buffer): Buffer {
  const kept = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + bytes.readUInt32BE(at);
    if (!PNG_WORDS.has(bytes.toString('latin1', at + 4, at + 8))) kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
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
