import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LimnerError, systemCode } from '../errors.ts';
import type { Media } from './media.ts';
import { createThumbnailer, type ThumbnailerOptions } from './thumbnailer.ts';

/** Longest sides that are made; what is asked for gets the next one. */
const SIZES = [64, 128, 256, 512, 1024] as const;

/** A picture made small, as a file of its own. */
export interface Thumbnail {
  path: string;
  bytes: number;
  mime: string;
  kind: string;
  name: string;
  size: number;
}

/** Small forms of stored pictures, made when they are first asked for and kept below `folder` by hash and size. */
export function createThumbnails(folder: string, options?: ThumbnailerOptions) {
  const thumbnailer = createThumbnailer(options);
  const underWay = new Map<string, Promise<void>>();
  const pathOf = (id: string, size: number): string =>
    join(folder, 'thumbs', id.slice(0, 2), `${id}-${size}`);

  async function make(source: string, path: string, size: number): Promise<void> {
    const bytes = await thumbnailer.shrink(source, size);
    await mkdir(dirname(path), { recursive: true });
    const part = `${path}.${randomUUID()}`;
    await writeFile(part, bytes);
    await rename(part, path);
  }

  /** Those who ask for the same one at the same time wait for the same work. */
  function makeOnce(source: string, path: string, size: number): Promise<void> {
    const known = underWay.get(path);
    if (known) return known;
    const made = make(source, path, size).finally(() => underWay.delete(path));
    underWay.set(path, made);
    return made;
  }

  return {
    /** @throws LimnerError `not_found` for what is no picture, and what making it throws. */
    async of(media: Media & { path: string }, wanted: number): Promise<Thumbnail> {
      if (media.kind !== 'image' && media.kind !== 'animation')
        throw new LimnerError(
          'not_found',
          `There is no thumbnail of this file, which is of kind ${media.kind}.`,
        );
      const size = SIZES.find((one) => one >= wanted) ?? SIZES[SIZES.length - 1] ?? wanted;
      const path = pathOf(media.id, size);
      let bytes = await sizeOf(path);
      if (bytes === undefined) await makeOnce(media.path, path, size);
      bytes ??= await sizeOf(path);
      return {
        path,
        bytes: bytes ?? 0,
        mime: 'image/webp',
        kind: 'image',
        name: `${media.id.slice(0, 12)}-${size}.webp`,
        size,
      };
    },
    async remove(id: string): Promise<void> {
      await Promise.all(SIZES.map((size) => rm(pathOf(id, size), { force: true })));
    },
    close: thumbnailer.close,
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
