import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { hasBrowser, isTooWide, openBrowser, openPage } from './browser.ts';

const KEY = 'a-key-of-the-tests';

/** Opens an operation, sends it as it stands, and returns what the page shows as its status. */
async function tryOut(page: Page, path: string): Promise<string> {
  const operation = page.locator('.opblock', { has: page.locator(`[data-path="${path}"]`) }).first();
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const status = operation.locator('.live-responses-table .response-col_status').last();
  await status.waitFor();
  return (await status.innerText()).trim();
}

describe.skipIf(!hasBrowser)('/docs (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;

  beforeAll(async () => {
    folder = await temporaryFolder();
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await removeFolder(folder);
  });

  describe('without keys', () => {
    beforeAll(async () => {
      service = await startService(folder);
    });
    afterAll(() => service.stop());

    it('shows every operation with its parameters and answers, within its policy', async () => {
      const { page, troubles } = await openPage(browser, service.url);
      await page.goto(`${service.url}/docs`);
      await page.locator('.opblock').first().waitFor();
      expect(await page.locator('.opblock').count()).toBeGreaterThan(80);
      expect(await page.locator('.errors-wrapper').count()).toBe(0);
      const tags = await page.locator('.opblock-tag a span').allTextContents();
      expect([tags.slice(0, 3), tags.at(-1)]).toEqual([['ask', 'search', 'documents'], 'service']);
      await page.setViewportSize({ width: 360, height: 740 });
      expect(await isTooWide(page)).toBe(false);
      const colour = () =>
        page.evaluate(() => getComputedStyle(document.querySelector('.opblock-tag') ?? document.body).color);
      const light = await colour();
      await page.emulateMedia({ colorScheme: 'dark' });
      await expect.poll(colour).not.toBe(light);
      const list = page.locator('.opblock', { has: page.locator('[data-path="/api/documents"]') });
      await list.first().locator('.opblock-summary-control').click();
      await list.first().getByText('cursor', { exact: true }).waitFor();
      await list.first().getByText('Example Value').first().waitFor();
      await page.getByText('LongFilter').first().waitFor();
      expect(troubles).toEqual([]);
      await page.close();
    });

    it('tries an operation and shows the real answer', async () => {
      const { page, troubles } = await openPage(browser, service.url);
      await page.goto(`${service.url}/docs`);
      expect(await tryOut(page, '/api/collections')).toBe('200');
      await page.locator('.live-responses-table').getByText('next_cursor').first().waitFor();
      expect(troubles).toEqual([]);
      await page.close();
    });
  });

  describe('with a key', () => {
    beforeAll(async () => {
      service = await startService(folder, { LIMNER_API_KEYS: KEY });
    });
    afterAll(() => service.stop());

    it('is opened by a session of the page, and its requests have it too', async () => {
      const { page, troubles } = await openPage(browser, service.url);
      await page.goto(`${service.url}/login`);
      await page.getByLabel('API key').fill(KEY);
      await Promise.all([page.waitForURL(/\/(#.*)?$/), page.keyboard.press('Enter')]);
      await page.goto(`${service.url}/docs`);
      expect(await tryOut(page, '/api/collections')).toBe('200');
      expect(troubles).toEqual([]);
      await page.close();
    });

    it('sends the key that is written into it', async () => {
      const { page } = await openPage(browser, service.url, {
        httpCredentials: { username: 'anybody', password: KEY },
      });
      await page.goto(`${service.url}/docs`);
      await page.getByRole('button', { name: 'Authorize' }).first().click();
      const dialog = page.locator('.modal-ux');
      await dialog.getByRole('textbox').fill('wrong');
      await dialog.getByRole('button', { name: 'Apply credentials' }).click();
      await dialog.getByRole('button', { name: 'Close' }).click();
      const sent = page.waitForRequest((request) => request.url().endsWith('/api/collections'));
      const status = tryOut(page, '/api/collections');
      expect((await sent).headers()['authorization']).toBe('Bearer wrong');
      expect(await status).toBe('401');
      await page.close();
    });
  });
});
