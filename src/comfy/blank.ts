import { open, type FileHandle } from 'node:fs/promises';
import { blankAvif } from './blank-avif.ts';
import { blankMp4 } from './blank-boxes.ts';
import { blankGif } from './blank-gif.ts';
import { blankMatroska } from './blank-matroska.ts';
import { blankOgg } from './blank-ogg.ts';

/** A file that is changed in place. */
export interface Patch {
  size: number;
  /** Fewer bytes at the end of the file. */
  read(at: number, length: number): Promise<Buffer>;
  write(at: number, bytes: Buffer): Promise<void>;
  /** Zeros in place of what is there. */
  clear(at: number, length: number): Promise<void>;
}

/** By the kind of file: what takes words about the file out of it. */
const BLANKS: Record<string, (patch: Patch) => Promise<void>> = {
  'image/avif': blankAvif,
  'image/gif': blankGif,
  'video/mp4': blankMp4,
  'video/quicktime': blankMp4,
  'video/webm': blankMatroska,
  'video/x-matroska': blankMatroska,
  'audio/flac': blankFlac,
  'audio/mpeg': blankMp3,
  'audio/ogg': blankOgg,
  'audio/wav': blankWav,
};

/**
 * Takes the words about a video, a sound or a picture of these kinds out of its file, among which ComfyUI writes the whole prompt. What they stood in
 * becomes padding of the same length, so that no offset in the file is wrong after it.
 */
export async function blankPrompt(path: string, mime: string): Promise<void> {
  const blank = BLANKS[mime];
  if (!blank) return;
  const file = await open(path, 'r+');
  try {
    await blank(await patchOf(file));
  } finally {
    await file.close();
  }
}

const ZEROS = Buffer.alloc(65_536);

async function patchOf(file: FileHandle): Promise<Patch> {
  const { size } = await file.stat();
  return {
    size,
    async read(at, length) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    },
    async write(at, bytes) {
      await file.write(bytes, 0, bytes.length, at);
    },
    async clear(at, length) {
      const end = Math.min(size, at + length);
      for (let from = at; from < end; from += ZEROS.length)
        await file.write(ZEROS, 0, Math.min(ZEROS.length, end - from), from);
    },
  };
}

const FLAC_COMMENT = 4;
const FLAC_PADDING = 1;
const LAST = 0x80;

async function blankFlac(patch: Patch): Promise<void> {
  if ((await patch.read(0, 4)).toString('latin1') !== 'fLaC') return;
  for (let at = 4; ;) {
    const head = await patch.read(at, 4);
    if (head.length < 4) return;
    const kind = head.readUInt8(0);
    const length = head.readUIntBE(1, 3);
    if ((kind & ~LAST) === FLAC_COMMENT) {
      await patch.write(at, Buffer.of((kind & LAST) | FLAC_PADDING));
      await patch.clear(at + 4, length);
    }
    if (kind & LAST) return;
    at += 4 + length;
  }
}

/** ID3v2: ten bytes, of which the last four are a length in seven bits each; zeros are its padding. */
async function blankMp3(patch: Patch): Promise<void> {
  const head = await patch.read(0, 10);
  if (head.length < 10 || head.toString('latin1', 0, 3) !== 'ID3') return;
  const length = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + (head.readUInt8(at) & 0x7f), 0);
  await patch.write(5, Buffer.of(0));
  await patch.clear(10, length);
}

const WAV_WORDS: ReadonlySet<string> = new Set(['LIST', 'id3 ', 'ID3 ']);

async function blankWav(patch: Patch): Promise<void> {
  for (let at = 12; ;) {
    const head = await patch.read(at, 8);
    if (head.length < 8) return;
    const length = head.readUInt32LE(4);
    if (WAV_WORDS.has(head.toString('latin1', 0, 4))) {
      await patch.write(at, Buffer.from('JUNK'));
      await patch.clear(at + 8, length);
    }
    at += 8 + length + (length % 2);
  }
}
