import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { faults, hasBrowser, isTooWide, openBrowser, openPage } from './browser.ts';

const KEY = 'a key of the tests';

describe.skipIf(!hasBrowser)('the page around its views (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, { LIMNER_API_KEYS: KEY });
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url));
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  it('asks for a key, refuses a wrong one, and comes back to where one was', async () => {
    await page.goto(`${service.url}/#/search`);
    const field = page.getByLabel('API key');
    await field.fill('not this one');
    await page.keyboard.press('Enter');
    await page.getByText('This key does not open anything.').waitFor();
    expect(await faults(page)).toEqual([]);
    await field.fill(KEY);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Search' }).waitFor();
    await page.getByText('no documents yet').waitFor();
    expect(await field.count()).toBe(0);
    for (const view of ['ask', 'documents']) {
      await page.goto(`${service.url}/#/${view}`);
      await page.getByText(`or put them into the folder ${service.inbox}.`).waitFor();
    }
    await page.goto(`${service.url}/#/search`);
    // The refusals themselves are told by the browser.
    expect(troubles.filter((line) => !line.includes('401'))).toEqual([]);
    troubles.length = 0;
  });

  it('goes where it is sent while it is still being set up', async () => {
    const { page: other } = await openPage(browser, service.url);
    // As soon as something is painted, before anything that is painted listens.
    await other.addInitScript(() => {
      const painted = new MutationObserver(() => {
        if (!document.querySelector('nav')) return;
        painted.disconnect();
        location.hash = '#/documents';
      });
      painted.observe(document, { childList: true, subtree: true });
    });
    await other.goto(`${service.url}/#/search`);
    await expect.poll(() => other.locator('[aria-current=page]').textContent()).toBe('Documents');
    await other.close();
  });

  it('leads to its views by keyboard, and says where one is', async () => {
    await page.keyboard.press('Tab');
    await page.getByRole('link', { name: 'Documents', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    expect(await page.title()).toBe('Documents · Limner');
    expect(await page.locator('[aria-current=page]').textContent()).toBe('Documents');
  });

  it('says that the service is gone, and that it is back', async () => {
    const words = page.getByText('The service cannot be reached.');
    await service.kill();
    await words.waitFor();
    const port = new URL(service.url).port;
    service = await startService(folder, { LIMNER_API_KEYS: KEY, LIMNER_PORT: port });
    // Sessions end with the service, so that it asks for the key again.
    await page.getByLabel('API key').fill(KEY);
    await page.keyboard.press('Enter');
    await words.waitFor({ state: 'detached' });
    expect(await page.locator('h1').allTextContents()).toEqual(['Documents']);
    troubles.length = 0;
  });

  it('fits every width', async () => {
    for (const width of [320, 360, 768, 2560]) {
      await page.setViewportSize({ width, height: 700 });
      expect([width, await isTooWide(page)]).toEqual([width, false]);
      await page.goto(`${service.url}/#/state`);
      await page.getByRole('heading', { name: 'State', level: 1 }).waitFor();
      const box = await page.getByRole('link', { name: 'State', exact: true }).boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(width);
      await page.goto(`${service.url}/#/documents`);
    }
    expect(troubles).toEqual([]);
  });
});
