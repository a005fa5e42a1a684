import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createJobs } from '../../src/comfy/jobs.ts';
import { createMediaStore } from '../../src/comfy/media.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';
import { hasBrowser } from './browser.ts';
import { openStudio, type Studio } from './studio.ts';

const COUNT = 5000;
const FILES = 50;

/** Writes what would be there after thousands of runs. */
async function fill(folder: string): Promise<void> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  const database = openDatabase(join(data, 'limner.sqlite'));
  createJobs(database);
  const media = createMediaStore(join(data, 'media'), database);
  const files = await Promise.all(
    Array.from({ length: FILES }, (_, at) =>
      media.putBytes(makePng(256, 256, at * 4711, ''), `${at}.png`, 'image', 'image/png'),
    ),
  );
  await database.write((connection) => {
    for (let at = 0; at < COUNT; at++)
      connection.run(
        `insert into image_job(id, number, workflow, state, inputs, outputs, fingerprint, created_at, updated_at)
         values (?, ?, 'draw', 'done', ?, ?, ?, ?, ?)`,
        `job-${at}`,
        at + 1,
        JSON.stringify({ prompt: `picture number ${at}`, seed: at }),
        JSON.stringify([files[at % FILES]]),
        String(at),
        '2026-01-01T00:00:00.000Z',
        '2026-01-01T00:00:00.000Z',
      );
  });
  await database.close();
}

describe.skipIf(!hasBrowser)(`the gallery with ${COUNT} entries (needs /usr/bin/chromium)`, () => {
  let studio: Studio;

  beforeAll(async () => {
    studio = await openStudio({}, fill);
  });
  afterAll(() => studio.close());

  it('is there at once, is read to its end, and stays quick', async () => {
    const { page } = studio;
    // What is being made stands before them, whoever looks where.
    const tiles = page.locator('.tile:not(.making)');
    const began = performance.now();
    await studio.show('gallery');
    await tiles.first().locator('img').waitFor();
    const first = performance.now() - began;
    // Only what is near the screen is asked for.
    expect(await tiles.count()).toBeLessThan(COUNT / 10);

    const scrolled = performance.now();
    await until(
      async () => {
        await page.mouse.wheel(0, 100_000);
        return (await tiles.count()) === COUNT;
      },
      'the end of the list',
      60_000,
    );
    const whole = performance.now() - scrolled;
    await tiles.last().scrollIntoViewIfNeeded();
    await page.getByRole('img', { name: 'picture number 0', exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0);

    // How long the page is deaf at most while one more comes and somebody goes through all of it.
    await page.evaluate(() => scrollTo(0, 0));
    const pauses = page.evaluate(async () => {
      let longest = 0;
      for (let at = performance.now(), step = 0; step < 90; step++) {
        scrollBy(0, 3000);
        await new Promise((resolve) => requestAnimationFrame(resolve));
        longest = Math.max(longest, performance.now() - at);
        at = performance.now();
      }
      return longest;
    });
    await studio.make({ workflow: 'draw', inputs: { prompt: 'the last one' } });
    const longest = await pauses;
    // Who looks at older ones is not moved by it.
    const news = page.getByRole('button', { name: '1 new, show' });
    await news.waitFor();
    expect(await tiles.count()).toBe(COUNT);
    await news.click();
    await page.getByRole('img', { name: 'the last one' }).waitFor();
    expect(await tiles.count()).toBe(COUNT + 1);
    expect(await news.count()).toBe(0);

    const found = performance.now();
    await page.getByLabel('Words').fill('number 4321');
    await until(async () => (await tiles.count()) === 1, 'the one that is looked for');
    const searched = performance.now() - found;
    console.log(
      `${COUNT} entries: first tiles ${Math.round(first)} ms, all read ${Math.round(whole)} ms, ` +
        `longest frame ${Math.round(longest)} ms, filtered ${Math.round(searched)} ms`,
    );
    expect(first).toBeLessThan(5000);
    expect(longest).toBeLessThan(1000);
    expect(searched).toBeLessThan(5000);
    expect(studio.troubles).toEqual([]);
  }, 120_000);
});
