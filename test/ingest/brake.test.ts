import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { until } from '../until.ts';
import { openBed, type Bed } from './bed.ts';

const FILES = 60;

let folder: string;
let bed: Bed;

beforeEach(async () => {
  folder = await temporaryFolder();
  bed = await openBed(folder, { forgetShare: 0.5 });
  for (let n = 0; n < FILES; n++) await bed.put(`shelf/${n}.txt`, `text number ${n}`);
  await bed.scan();
  if (searchable() !== FILES) throw new Error('Not every file is searchable.');
});

afterEach(async () => {
  await bed.close();
  await removeFolder(folder);
});

const searchable = (): number => bed.all().filter(({ state }) => state === 'searchable').length;
const held = (): number => bed.arrivals.state().held;

describe('when most files go missing at once', () => {
  beforeEach(async () => {
    await rename(join(bed.root, 'shelf'), join(folder, 'unmounted'));
    await mkdir(join(bed.root, 'shelf'));
    await bed.scan();
  });

  it('nothing is forgotten, also by later scans, and everything stays searchable', async () => {
    await bed.scan();
    await bed.scan();
    // What is found missing late is judged by itself, and held as well.
    await until(() => held() === FILES, 'all to be held');
    expect(searchable()).toBe(FILES);
    expect((await bed.store.totals()).chunks).toBe(FILES);
    expect(bed.log()).toContain('nothing is forgotten');
  });

  it('all is forgotten once somebody confirms it', async () => {
    expect(await bed.arrivals.confirmForget()).toBe(FILES);
    await until(() => bed.calm() && searchable() === 0, 'all to be forgotten');
    expect({ held: held(), totals: await bed.store.totals() }).toEqual({
      held: 0,
      totals: { chunks: 0, vectors: 0 },
    });
  });

  it('the brake lets go when the files are back, and nothing is read again', async () => {
    await rm(join(bed.root, 'shelf'), { recursive: true });
    await rename(join(folder, 'unmounted'), join(bed.root, 'shelf'));
    await bed.scan();
    expect({ held: held(), searchable: searchable(), read: bed.extracted.length }).toEqual({
      held: 0,
      searchable: FILES,
      read: FILES,
    });
  });

  it('what is still missing is forgotten when most files are back', async () => {
    await rm(join(bed.root, 'shelf'), { recursive: true });
    await rename(join(folder, 'unmounted'), join(bed.root, 'shelf'));
    await rm(join(bed.root, 'shelf', '7.txt'));
    await bed.scan();
    expect({ held: held(), searchable: searchable() }).toEqual({ held: 0, searchable: FILES - 1 });
  });
});

it('a folder that was renamed is no deletion', async () => {
  await rename(join(bed.root, 'shelf'), join(bed.root, 'cupboard'));
  await bed.scan();
  await bed.scan();
  expect({ held: held(), searchable: searchable(), read: bed.extracted.length }).toEqual({
    held: 0,
    searchable: FILES,
    read: FILES,
  });
});

it('a deletion in small steps is one deletion', async () => {
  for (let n = 0; n < 50; n += 5) {
    for (let step = 0; step < 5; step++) await bed.remove(`shelf/${n + step}.txt`);
    await bed.scan();
  }
  expect(searchable()).toBeGreaterThanOrEqual(FILES / 2 - 5);
  expect(held()).toBeGreaterThan(0);
});

it('fewer are forgotten without asking', async () => {
  for (let n = 0; n < 20; n++) await bed.remove(`shelf/${n}.txt`);
  await bed.scan();
  expect({ held: held(), searchable: searchable() }).toEqual({ held: 0, searchable: FILES - 20 });
});
