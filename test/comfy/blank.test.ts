import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { afterAll, describe, expect, test } from 'vitest';
import { blankPrompt } from '../../src/comfy/blank.ts';

const folder = await mkdtemp(join(tmpdir(), 'limner-blank-'));
afterAll(() => rm(folder, { recursive: true }));
/** Made by a real ComfyUI 0.8.0 from an empty picture and an empty sound. */
const made = (name: string): string => fileURLToPath(new URL(`made/${name}`, import.meta.url));

async function blanked(bytes: Buffer, mime: string): Promise<Buffer> {
  const path = join(folder, 'part');
  await writeFile(path, bytes);
  await blankPrompt(path, mime);
  return readFile(path);
}

/** The bytes that changed, from the first to the last. */
function changed(before: Buffer, after: Buffer): [from: number, to: number] {
  const differs = [...before.keys()].filter((at) => before[at] !== after[at]);
  return [differs[0] ?? -1, differs.at(-1) ?? -1];
}

const KINDS: readonly [name: string, mime: string, sound: string][] = [
  ['made.mp4', 'video/mp4', 'mdat'],
  ['made.webm', 'video/webm', '\x1f\x43\xb6\x75'],
  ['made.flac', 'audio/flac', '\xff\xf8'],
  ['made.mp3', 'audio/mpeg', '\xff\xfb'],
];

describe.each(KINDS)('the prompt inside %s', (name, mime, start) => {
  test('is taken out in its place, and what is seen or heard stays where it was', async () => {
    const before = await readFile(made(name));
    expect(before.toString('latin1')).toContain('class_type');
    const after = await blanked(before, mime);
    expect(after.toString('latin1')).not.toMatch(/class_type|EmptyImage|EmptyAudio/);
    expect(after).toHaveLength(before.length);
    const content = before.indexOf(start, 0, 'latin1');
    expect(content).toBeGreaterThan(0);
    const [from, to] = changed(before, after);
    expect(to < content || from > content + 32).toBe(true);
    expect(await blanked(after, mime)).toEqual(after);
  });

  test('of a file that is cut or changed anywhere ends, and nothing is added', async () => {
    const before = await readFile(made(name));
    for (let at = 0; at < Math.min(before.length, 700); at += 7) {
      expect(await blanked(before.subarray(0, at), mime)).toHaveLength(at);
      const hurt = Buffer.from(before);
      hurt[at] = 0xff;
      expect(await blanked(hurt, mime)).toHaveLength(before.length);
    }
  });
});

/** Saved by Pillow 13 with Exif, XMP and a comment, as AUTOMATIC1111 saves them. */
describe.each([
  ['made.avif', 'image/avif', 0],
  ['moving.avif', 'image/avif', 2],
  ['made.gif', 'image/gif', 1],
])('the prompt inside %s', (name, mime, others) => {
  const words = /c\0?l\0?a\0?s\0?s\0?_|rdf/;

  test('is taken out in its place, and the picture is the same', async () => {
    const before = await readFile(made(name));
    expect(before.toString('latin1')).toMatch(words);
    const after = await blanked(before, mime);
    expect(after.toString('latin1')).not.toMatch(words);
    expect(after).toHaveLength(before.length);
    expect(await blanked(after, mime)).toEqual(after);
    expect(await pixelsOf(after)).toEqual(await pixelsOf(before));
    // What moves moves on, as often as it did.
    const parts = (file: Buffer): number =>
      file.toString('latin1').match(/NETSCAPE2\.0|moov|stts/g)?.length ?? 0;
    expect([parts(before), parts(after)]).toEqual([others, others]);
  });

  test('of a file that is cut or changed anywhere ends, and nothing is added', async () => {
    const before = await readFile(made(name));
    for (let at = 0; at < before.length; at += 11) {
      expect(await blanked(before.subarray(0, at), mime)).toHaveLength(at);
      const hurt = Buffer.from(before);
      hurt[at] = 0xff;
      expect(await blanked(hurt, mime)).toHaveLength(before.length);
    }
  });
});

test('what else may hold words in a GIF goes, of any length, and its loop and its pictures stay', async () => {
  const [head, ...rest] = gifParts(await readFile(made('made.gif')));
  const xmp = Buffer.concat([
    Buffer.from('\x21\xff\x0bXMP DataXMP<x:xmpmeta>secret</x:xmpmeta>', 'latin1'),
    // The tail by which a reader that knows nothing of XMP finds the end (XMP specification, part 3).
    Buffer.from([1, ...Array.from({ length: 256 }, (_, at) => 255 - at), 0]),
  ]);
  const comment = (length: number): Buffer =>
    Buffer.concat([
      Buffer.of(0x21, 0xfe),
      ...Array.from({ length: Math.ceil(length / 255) }, (_, at) => {
        const part = Buffer.alloc(Math.min(255, length - at * 255), 'secret');
        return Buffer.concat([Buffer.of(part.length), part]);
      }),
      Buffer.of(0),
    ]);
  const comments = [1, 2, 254, 255, 256, 257, 509, 510, 511, 512, 513].map(comment);
  const text = Buffer.from('\x21\x01\x0c............\x06secret\0', 'latin1');
  const before = Buffer.concat([
    head ?? Buffer.alloc(0),
    xmp,
    ...comments,
    text,
    ...rest,
    Buffer.from('secret'),
  ]);
  const after = await blanked(before, 'image/gif');
  expect(after.toString('latin1')).not.toMatch(/secret|xmp/i);
  expect(after).toHaveLength(before.length);
  const kinds = gifParts(after).map((part) => part.toString('hex', 0, 2));
  const spoiled = comments.length + 2;
  expect(kinds.slice(1, 1 + spoiled)).toEqual(Array<string>(spoiled).fill('21fe'));
  expect(kinds.slice(1 + spoiled).map((kind) => kind.slice(0, 2))).toEqual([
    ...rest.map((part) => part.toString('hex', 0, 1)),
    '00',
  ]);
  expect(await pixelsOf(after)).toEqual(await pixelsOf(before));
});

describe('the prompt inside a sound in Ogg', () => {
  test('is taken out, and every page has the checksum of what it holds now', async () => {
    const before = await readFile(made('made.opus'));
    expect(pagesOf(before).every(isSound)).toBe(true);
    const after = await blanked(before, 'audio/ogg');
    expect(after.toString('latin1')).not.toContain('EmptyAudio');
    expect([after.length, pagesOf(after).every(isSound)]).toEqual([before.length, true]);
    const [, to] = changed(before, after);
    const [head, comments] = pagesOf(before);
    expect(to).toBeLessThan((head?.length ?? 0) + (comments?.length ?? 0));
  });

  test('is taken out of a packet that goes over several pages', async () => {
    const [head = Buffer.alloc(0)] = pagesOf(await readFile(made('made.opus')));
    const comment = Buffer.from(`prompt=${'secret '.repeat(20_000)}`);
    const packet = Buffer.concat([
      Buffer.from('OpusTags'),
      u32(1),
      Buffer.from('x'),
      u32(1),
      u32(comment.length),
      comment,
    ]);
    const sizes = [65_025, 65_025, packet.length - 130_050];
    const pages = sizes.map((size, at) => pageOf(packet.subarray(at * 65_025, at * 65_025 + size)));
    const after = await blanked(Buffer.concat([head, ...pages]), 'audio/ogg');
    expect(after.toString('latin1')).not.toContain('secret');
    expect(pagesOf(after).map(isSound)).toEqual([true, true, true, true]);
    expect(after.subarray(head.length + 27 + 255, head.length + 27 + 255 + 17).toString('latin1')).toBe(
      'OpusTags\x01\0\0\0x\0\0\0\0',
    );
  });
});

test('the words inside a WAV become junk', async () => {
  const chunk = (name: string, body: Buffer) => Buffer.concat([Buffer.from(name), u32(body.length), body]);
  const wav = Buffer.concat([
    Buffer.from('RIFF\0\0\0\0WAVE'),
    chunk('fmt ', Buffer.alloc(16)),
    chunk('LIST', Buffer.from('INFOICMTsecret')),
    chunk('data', Buffer.from('sound')),
  ]);
  const after = await blanked(wav, 'audio/wav');
  expect(after.toString('latin1')).not.toContain('secret');
  expect(after.toString('latin1')).toMatch(/JUNK[^]*data[^]*sound$/);
});

test('a file of another kind is not opened', async () => {
  const path = join(folder, 'other');
  await copyFile(made('made.mp4'), path);
  await blankPrompt(path, 'model/gltf-binary');
  expect(await readFile(path)).toEqual(await readFile(made('made.mp4')));
});

async function pixelsOf(file: Buffer): Promise<Buffer> {
  const picture = await loadImage(file);
  const canvas = createCanvas(picture.width, picture.height);
  canvas.getContext('2d').drawImage(picture, 0, 0);
  return canvas.toBuffer('image/png');
}

/** The head of a GIF with its colours, its blocks, and what stands behind its end. */
function gifParts(file: Buffer): Buffer[] {
  const table = (packed = 0): number => (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);
  const parts: Buffer[] = [];
  let from = 0;
  const cut = (to: number): number => {
    parts.push(file.subarray(from, to));
    return (from = to);
  };
  for (let at = cut(13 + table(file[10])); at < file.length;) {
    if (file[at] !== 0x21 && file[at] !== 0x2c) {
      cut(at + 1);
      if (from < file.length) cut(file.length);
      break;
    }
    let part = file[at] === 0x21 ? at + 2 : at + 11 + table(file[at + 9]);
    while ((file[part] ?? 0) > 0) part += 1 + (file[part] ?? 0);
    at = cut(part + 1);
  }
  return parts;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function pageOf(content: Buffer): Buffer {
  const full = Math.floor(content.length / 255);
  const rest = full < 255 ? [content.length % 255] : [];
  const head = Buffer.alloc(27);
  head.write('OggS', 'latin1');
  head[26] = full + rest.length;
  return Buffer.concat([head, Buffer.from([...Array<number>(full).fill(255), ...rest]), content]);
}

function pagesOf(file: Buffer): Buffer[] {
  const pages: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const table = file.subarray(at + 27, at + 27 + (file[at + 26] ?? 0));
    const end = at + 27 + table.length + table.reduce((sum, one) => sum + one, 0);
    pages.push(file.subarray(at, end));
    at = end;
  }
  return pages;
}

/** Whether the checksum of a page is right: CRC-32 of polynomial 0x04c11db7, the highest bit first, bit by bit. */
function isSound(page: Buffer): boolean {
  const bytes = Buffer.from(page);
  bytes.writeUInt32LE(0, 22);
  let sum = 0n;
  for (const byte of bytes)
    for (let bit = 7; bit >= 0; bit--) {
      const top = (sum >> 31n) ^ BigInt((byte >> bit) & 1);
      sum = ((sum << 1n) & 0xffffffffn) ^ (top ? 0x04c11db7n : 0n);
    }
  return page.readUInt32LE(22) === Number(sum);
}
