import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';

/** Debian's Chromium; without it the page is not tested, visibly. */
const CHROMIUM = '/usr/bin/chromium';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

describe.skipIf(!existsSync(CHROMIUM))('the page in a browser (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  const troubles: string[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 360, height: 640 } });
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(service.url)) troubles.push(request.url());
    });
    await page.goto(service.url);
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  it('takes a document, and says when it is searchable', async () => {
    await page.setInputFiles('#files', [fixture('sample.pdf'), fixture('encrypted.pdf')]);
    const added = page.locator('#added');
    await added.getByText('sample.pdf: searchable').waitFor();
    await added.getByText('encrypted.pdf: The PDF is locked').waitFor();
    expect(await added.locator('li').count()).toBe(2);
  });

  it('answers with a citation that opens the page with the words marked', async () => {
    await page.getByLabel('Ask your documents').fill('Where does the bell of the Ondine hang?');
    await page.keyboard.press('Enter');
    const chip = page.locator('.answer .chip').first();
    await chip.waitFor();
    expect(await page.locator('.answer').textContent()).toContain('boathouse');
    const [viewer] = await Promise.all([page.waitForEvent('popup'), chip.click()]);
    await viewer.locator('.page[data-page-number="3"] .marks > .mark').first().waitFor();
    expect(viewer.url()).toMatch(/#page=3$/);
    await viewer.close();
  });

  it('shows what documents say as text', async () => {
    const text = 'Pelicans <img src="https://evil.example/x.png" onerror="alert(1)"> roost here.';
    await service.post('/api/documents', { text, title: '<b>Birds</b>' });
    await service.quiet(3);
    await page.getByLabel('Ask your documents').fill('Where do pelicans roost?');
    await page.getByRole('button', { name: 'Ask' }).click();
    const answer = page.locator('article').first();
    await answer.locator('.chip').first().waitFor();
    expect(await answer.textContent()).toContain('<img src="https://evil.example/x.png"');
    expect(await answer.locator('img, b').count()).toBe(0);
  });

  it('fits a small screen, and had no trouble with its policy or anything else', async () => {
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    expect(troubles).toEqual([]);
  });
});
