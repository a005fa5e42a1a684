import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { fixture, hasBrowser, openBrowser, openPage } from './browser.ts';

describe.skipIf(!hasBrowser)('searching on the page (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder);
    for (const [collection, name] of [
      ['light', 'sample.pdf'],
      ['farm', 'sample.md'],
    ] as const) {
      await mkdir(join(service.inbox, collection));
      await copyFile(fixture(name), join(service.inbox, collection, name));
    }
    await service.quiet(2);
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url));
    await page.goto(`${service.url}/#/search`);
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  const hits = () => page.locator('.hits li');

  it('finds passages as one types, and asks only for what was typed last', async () => {
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('/api/search')) asked.push(request.postData() ?? '');
    });
    await page.getByLabel('Search the documents').pressSequentially('keepers lamp', { delay: 10 });
    await hits().first().waitFor();
    await expect.poll(() => page.url()).toContain('q=keepers+lamp');
    expect(asked.length).toBeLessThan('keepers lamp'.length / 2);
    expect(asked.at(-1)).toContain('keepers lamp');
    const marked = await page.locator('.hits mark').allTextContents();
    expect(new Set(marked.map((word) => word.toLowerCase()))).toEqual(new Set(['keeper', 'keepers', 'lamp']));
    expect(await hits().first().textContent()).toMatch(/by words #1 \(\d+\.\d\)/);
    expect(await hits().first().textContent()).toContain('not by meaning');
  });

  it('opens a passage beside the others, by keyboard', async () => {
    await hits().filter({ hasText: 'colza oil' }).getByRole('link').focus();
    await page.keyboard.press('Enter');
    const viewer = page.frameLocator('.viewer iframe');
    await viewer.locator('.page[data-page-number="2"] .marks > .mark').first().waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.viewer').waitFor({ state: 'detached' });
    expect(await hits().count()).toBeGreaterThan(1);
  });

  it('filters by collection and by type, and says when nothing fits', async () => {
    await page.getByLabel('Search the documents').fill('the');
    await page.getByLabel('Collection').selectOption('farm');
    await expect
      .poll(async () => new Set(await page.locator('.hit-ranks span:first-child').allTextContents()))
      .toEqual(new Set(['farm']));
    await page.getByLabel('Type').selectOption('PDF');
    await page.getByText('Nothing fits these words.').waitFor();
    await page.getByLabel('Type').selectOption('Text and notes');
    await hits().first().waitFor();
    await page.reload();
    await hits().first().waitFor();
    expect(await page.getByLabel('Type').inputValue()).toBe('Text and notes');
    expect(troubles).toEqual([]);
  });
});
