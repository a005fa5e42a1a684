import { LimnerError } from '../errors.ts';

export interface Picture {
  mime: 'image/png' | 'image/jpeg' | 'image/webp';
  extension: 'png' | 'jpg' | 'webp';
  width: number;
  height: number;
}

const MAX_PIXELS = 50_000_000;

/**
 * Looks at the first bytes of a picture that somebody sent: its kind and its size, without decoding it.
 * @throws LimnerError `invalid_request` naming `param` when it is no picture, or one that is too large.
 */
export function inspectPicture(bytes: Buffer, param: string): Picture {
  const picture = png(bytes) ?? jpeg(bytes) ?? webp(bytes);
  if (!picture || picture.width < 1 || picture.height < 1)
    throw new LimnerError('invalid_request', `${param}: this is not a PNG, JPEG or WebP picture.`, { param });
  if (picture.width * picture.height > MAX_PIXELS)
    throw new LimnerError(
      'invalid_request',
      `${param}: ${picture.width} x ${picture.height} pixels are more than ${MAX_PIXELS / 1e6} million.`,
      { param },
    );
  return picture;
}

/**
 * The same for what a worker made: it may answer 200 with something that is no picture.
 * @throws LimnerError `image_answer`
 */
export function inspectMade(bytes: Buffer): Picture {
  try {
    return inspectPicture(bytes, 'output');
  } catch (error) {
    if (!(error instanceof LimnerError)) throw error;
    throw new LimnerError('image_answer', 'The worker answered with something that is no picture.', {
      cause: error,
    });
  }
}

function png(bytes: Buffer): Picture | undefined {
  if (bytes.length < 33 || bytes.toString('latin1', 0, 8) !== '\x89PNG\r\n\x1a\n') return undefined;
  return {
    mime: 'image/png',
    extension: 'png',
    width: bytes.readUInt32BE(16),
    height: bytes.readUInt32BE(20),
  };
}

/** Walks the segments to the one that starts a frame (SOF0 to SOF15, without the tables between them). */
function jpeg(bytes: Buffer): Picture | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return {
        mime: 'image/jpeg',
        extension: 'jpg',
        width: bytes.readUInt16BE(at + 7),
        height: bytes.readUInt16BE(at + 5),
      };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

function webp(bytes: Buffer): Picture | undefined {
  if (bytes.length < 30 || bytes.toString('latin1', 0, 4) !== 'RIFF') return undefined;
  if (bytes.toString('latin1', 8, 12) !== 'WEBP') return undefined;
  const size = webpSize(bytes, bytes.toString('latin1', 12, 16));
  return size && { mime: 'image/webp', extension: 'webp', ...size };
}

function webpSize(bytes: Buffer, chunk: string): { width: number; height: number } | undefined {
  if (chunk === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (chunk === 'VP8 ')
    return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (chunk !== 'VP8L') return undefined;
  const bits = bytes.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
}
