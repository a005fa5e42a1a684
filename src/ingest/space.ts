import { statfs } from 'node:fs/promises';
import { LimnerError } from '../errors.ts';

/** Makes sure that `bytes` more leave room on a disk. Throws `disk_full`. */
export type RequireSpace = (bytes: number) => Promise<void>;

/** So much of the data folder's disk is left free, so that what was accepted can be finished. */
export function createRequireSpace(folder: string, floorBytes: number): RequireSpace {
  return async (bytes) => {
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    if (free - bytes >= floorBytes) return;
    throw new LimnerError(
      'disk_full',
      `The disk of the data folder has ${mib(free)} free, and ${mib(floorBytes)} have to stay so (LIMNER_MIN_FREE_MB); free some space.`,
    );
  };
}

const mib = (size: number): string => `${Math.round(size / 1024 / 1024)} MiB`;
