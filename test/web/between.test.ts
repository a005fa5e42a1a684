import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser } from './browser.ts';
import { openStudio, type Studio } from './studio.ts';

/** A list is read at one moment and events are heard from another: what happens between the two must be seen all the same. */
describe.skipIf(!hasBrowser)('what happens while the page reads (needs /usr/bin/chromium)', () => {
  let studio: Studio;
  let page: Page;

  beforeAll(async () => {
    studio = await openStudio();
    ({ page } = studio);
  });
  afterEach(() => page.unrouteAll({ behavior: 'wait' }));
  afterAll(() => studio.close());

  /** What the service answers there, kept back until it may come; `asked` resolves when the first of it is here. */
  async function holdBack(url: string): Promise<{ asked: Promise<void>; letGo: () => void }> {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await page.route(url, async (route) => {
      const response = await route.fetch();
      asked.resolve();
      await gate.promise;
      await route.fulfill({ response });
    });
    return { asked: asked.promise, letGo: gate.resolve };
  }

  async function drop(name: string, words: string): Promise<void> {
    const already = (await studio.service.documents()).length;
    await writeFile(join(studio.service.inbox, name), words);
    await studio.service.quiet(already + 1);
  }

  const row = (title: string) => page.locator('.row', { hasText: title }).getByText('searchable');

  it('a document that becomes searchable while the list is on its way', async () => {
    await studio.show('search');
    await page.getByText('no documents yet').waitFor();
    const list = await holdBack('**/api/documents?*');
    await studio.show('documents');
    await list.asked;
    await drop('bells.txt', 'The bells are rung on Sundays.');
    // Its event has come when the number has, and is put into the list a little later.
    await page.getByText('1 searchable').waitFor();
    await page.evaluate('new Promise((done) => setTimeout(done, 300))');
    list.letGo();
    await expect.poll(() => row('bells.txt').count()).toBe(1);
  });

  it('a document that becomes searchable after the list was read and before events are heard', async () => {
    const mayHear = Promise.withResolvers<void>();
    await page.route('**/api/events', async (route) => {
      await mayHear.promise;
      await route.continue();
    });
    await page.reload();
    await row('bells.txt').waitFor();
    await drop('ropes.txt', 'The ropes are new.');
    mayHear.resolve();
    await expect.poll(() => row('ropes.txt').count()).toBe(1);
  });

  it('a picture that fails before the page knows that it was begun', async () => {
    await studio.show('workflows/failing');
    const begun = await holdBack('**/api/images');
    const mayRun = Promise.withResolvers<void>();
    studio.comfy.settings.onRun = () => mayRun.promise;
    await page.getByRole('button', { name: 'Run' }).click();
    const queued = page.getByRole('region', { name: 'Queue' }).getByRole('listitem');
    await queued.waitFor();
    mayRun.resolve();
    await queued.waitFor({ state: 'detached' });
    begun.letGo();
    await expect.poll(() => page.locator('.result').textContent()).toContain('probe failure');
  });
});
