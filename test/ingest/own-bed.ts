import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { openBed, type Bed, type BedOptions } from './bed.ts';

/** The folder of the test that runs, and the bed that it opened last. */
export let folder: string;
export let bed: Bed;

/** Each test of the file has an empty inbox of its own, and what it opened is closed after it. */
export function eachWithItsOwn(): void {
  beforeEach(async () => {
    folder = await temporaryFolder();
    await mkdir(join(folder, 'inbox'));
  });
  afterEach(async () => {
    await bed.close();
    await removeFolder(folder);
  });
}

export async function open(options: BedOptions = {}): Promise<Bed> {
  return (bed = await openBed(folder, options));
}

export const move = (from: string, to: string): Promise<void> =>
  rename(join(bed.root, from), join(bed.root, to));
