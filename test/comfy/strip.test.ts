import { readFile } from 'node:fs/promises';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { describe, expect, test } from 'vitest';
import { withoutPrompt } from '../../src/comfy/strip.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';

const SECRET = 'a prompt that nobody should read';

/** A WebP with the chunks that say more than the picture, as ComfyUI's saver of animations writes them. */
function webpWithWords(): Buffer {
  const canvas = createCanvas(33, 17);
  canvas.getContext('2d').fillRect(3, 3, 9, 9);
  const plain = canvas.toBuffer('image/webp');
  const chunk = (name: string, body: Buffer): Buffer => {
    const head = Buffer.alloc(8);
    head.write(name, 'latin1');
    head.writeUInt32LE(body.length, 4);
    return Buffer.concat([head, body, Buffer.alloc(body.length % 2)]);
  };
  const extended = Buffer.alloc(10);
  extended[0] = 0x08 | 0x04;
  extended.writeUIntLE(32, 4, 3);
  extended.writeUIntLE(16, 7, 3);
  const parts = [
    chunk('VP8X', extended),
    plain.subarray(plain.toString('latin1', 12, 16) === 'VP8X' ? 30 : 12),
    chunk('EXIF', Buffer.from(`${SECRET}.`)),
    chunk('XMP ', Buffer.from(SECRET)),
  ];
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1');
  const whole = Buffer.concat([head, ...parts]);
  whole.writeUInt32LE(whole.length - 8, 4);
  return whole;
}

/** As AUTOMATIC1111 writes them: Exif, and a comment. */
function jpegWithWords(): Buffer {
  const canvas = createCanvas(33, 17);
  canvas.getContext('2d').fillRect(3, 3, 9, 9);
  const plain = canvas.toBuffer('image/jpeg');
  const segment = (marker: number): Buffer => {
    const body = Buffer.from(`Exif\0\0${SECRET}`);
    return Buffer.concat([Buffer.of(0xff, marker, 0, body.length + 2), body]);
  };
  return Buffer.concat([plain.subarray(0, 2), segment(0xe1), segment(0xfe), plain.subarray(2)]);
}

const WORDS = new RegExp(`${SECRET}|class_type`);

describe.each([
  ['PNG', makePng(33, 17, 1, SECRET)],
  ['PNG that moves', await readFile(new URL('made/moving.png', import.meta.url))],
  ['JPEG', jpegWithWords()],
  ['WebP', webpWithWords()],
])('the prompt inside a %s', (_, bytes) => {
  test('is taken out, and the picture stays', async () => {
    expect(bytes.toString('latin1')).toMatch(WORDS);
    const stripped = withoutPrompt(bytes);
    expect(stripped.toString('latin1')).not.toMatch(WORDS);
    const [before, after] = await Promise.all([loadImage(bytes), loadImage(stripped)]);
    expect([after.width, after.height]).toEqual([before.width, before.height]);
    expect(withoutPrompt(stripped)).toEqual(stripped);
  });

  test('is taken out of a file that is cut off without going on for ever', () => {
    for (const length of [9, 13, 21, bytes.length - 1])
      expect(withoutPrompt(bytes.subarray(0, length)).length).toBeLessThanOrEqual(length);
  });
});

test('a WebP says of itself what is left', () => {
  const stripped = withoutPrompt(webpWithWords());
  expect(stripped.readUInt32LE(4)).toBe(stripped.length - 8);
  expect(stripped[20]).toBe(0);
});

test('anything else stays as it is', () => {
  for (const text of ['\xff\xd8\xff\xe0 EXIF', 'GIF89a', '']) {
    const bytes = Buffer.from(text, 'latin1');
    expect(withoutPrompt(bytes)).toBe(bytes);
  }
});
