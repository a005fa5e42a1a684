import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { faults, hasBrowser, isTooWide, openBrowser, openPage } from './browser.ts';
import { openStage } from './stage.ts';

const WIDTHS = [320, 360, 768, 1280, 2560];
const THEMES = ['light', 'dark'] as const;

describe.skipIf(!hasBrowser)('every view in every dress (needs /usr/bin/chromium)', () => {
  let folder: string;
  let stage: Awaited<ReturnType<typeof openStage>>;
  let browser: Browser;
  let page: Page;
  let troubles: string[];
  const addresses: Record<string, string> = {};

  beforeAll(async () => {
    folder = await temporaryFolder();
    stage = await openStage(folder);
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, stage.service.url));
    await page.goto(stage.service.url);
    await page.getByLabel('Ask your documents').fill('When is the honey taken?');
    await page.keyboard.press('Enter');
    await page.locator('.actions').waitFor();
    const [document] = await stage.service.documents('&q=figures');
    Object.assign(addresses, {
      'a new question': '#/ask',
      'an answer': new URL(page.url()).hash,
      'an open source': `${new URL(page.url()).hash}?turn=1&source=1`,
      documents: '#/documents',
      'failed documents': '#/documents?state=failed',
      'a document': `#/documents/${document?.id}`,
      'its text': `#/documents/${document?.id}?view=text`,
      'its chunks': `#/documents/${document?.id}?view=chunks`,
      'its pictures': `#/documents/${document?.id}?view=pictures`,
      'an empty search': '#/search',
      'a search': '#/search?q=honey',
      gallery: '#/gallery',
      workflows: '#/workflows',
      state: '#/state',
    });
  }, 90_000);

  afterAll(async () => {
    await browser.close();
    await stage.close();
    await removeFolder(folder);
  });

  /** Anew, so that what is looked at is never the view before. */
  async function open(hash: string): Promise<void> {
    await page.goto('about:blank');
    await page.goto(`${stage.service.url}/${hash}`);
    await page.locator('main h1').first().waitFor({ state: 'attached' });
    await page.waitForFunction(() => !document.querySelector('main [aria-busy=true]'));
  }

  it('has no fault that axe knows, in light and dark', async () => {
    const ground = new Set<string>();
    for (const colorScheme of THEMES) {
      await page.emulateMedia({ colorScheme });
      for (const [name, hash] of Object.entries(addresses)) {
        await open(hash);
        expect([name, colorScheme, await faults(page)]).toEqual([name, colorScheme, []]);
        ground.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      }
    }
    expect(ground.size).toBe(2);
  }, 120_000);

  it('fits every width', async () => {
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      for (const [name, hash] of Object.entries(addresses)) {
        await open(hash);
        expect([name, width, await isTooWide(page)]).toEqual([name, width, false]);
      }
    }
    expect(troubles).toEqual([]);
  }, 120_000);

  it('can be reached by keyboard alone, and shows where one is', async () => {
    await page.setViewportSize({ width: 1280, height: 800 });
    for (const hash of [addresses['documents'], addresses['a search']]) {
      await open(hash ?? '');
      // What was found comes after the first look of a view.
      await page.locator('main a[href]').nth(3).waitFor();
      const seen = new Set<string>();
      for (let at = 0; at < 25; at++) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate(() => {
          const one = document.activeElement;
          if (!one || one === document.body) return undefined;
          const { outlineStyle, outlineWidth } = getComputedStyle(one);
          return {
            name: one.outerHTML.slice(0, 120),
            isShown: outlineStyle !== 'none' && outlineWidth !== '0px',
          };
        });
        if (!focused) break;
        seen.add(focused.name);
        expect(focused).toEqual({ name: focused.name, isShown: true });
      }
      expect(seen.size).toBeGreaterThan(10);
    }
  });
});
