/** The entry of a child process: makes pictures small, one at a time. Native decoders run here and nowhere else. */
import { readFile } from 'node:fs/promises';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { imageSize } from 'image-size';
import { ThumbnailRequest, type ThumbnailReply } from './thumbnail-messages.ts';

/** More is not unpacked: four bytes each. */
const MAX_PIXELS = 50_000_000;
const QUALITY = 80;
/** As image-size names them; what draws by instructions, as SVG does, is none. */
const KINDS: ReadonlySet<string | undefined> = new Set(['png', 'jpg', 'webp', 'gif', 'avif', 'heif']);

async function shrink({ path, size }: ThumbnailRequest): Promise<ThumbnailReply> {
  try {
    const bytes = await readFile(path);
    const found = imageSize(bytes);
    if (!KINDS.has(found.type)) return { problem: 'corrupt' };
    if (found.width * found.height > MAX_PIXELS) return { problem: 'limit' };
    const picture = await loadImage(bytes);
    const scale = Math.min(1, size / Math.max(picture.width, picture.height));
    const width = Math.max(1, Math.round(picture.width * scale));
    const height = Math.max(1, Math.round(picture.height * scale));
    const canvas = createCanvas(width, height);
    canvas.getContext('2d').drawImage(picture, 0, 0, width, height);
    return { bytes: await canvas.encode('webp', QUALITY) };
  } catch {
    // Whatever a decoder says of a bad file, the file is what is wrong.
    return { problem: 'corrupt' };
  }
}

function main(): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (message: unknown) => {
    void shrink(ThumbnailRequest.parse(message)).then((reply) => process.send?.(reply));
  });
}

if (process.send) main();
