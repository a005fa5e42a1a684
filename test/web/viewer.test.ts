import { copyFile } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';

/** Debian's Chromium; without it the viewer is not tested, visibly. */
const CHROMIUM = '/usr/bin/chromium';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const Cited = z.object({ citations: z.array(z.object({ url: z.string() })) });

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

describe.skipIf(!existsSync(CHROMIUM))('the viewer in a browser (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  const ids = new Map<string, string>();
  const troubles: string[] = [];

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder);
    for (const name of ['sample.pdf', 'scanned.pdf', 'sample.tif', 'sample.md'])
      await copyFile(fixture(name), join(service.inbox, name));
    for (const [uri, { id }] of await service.quiet(4, 60_000)) ids.set(uri, id);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 360, height: 640 } });
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('response', (response) => response.status() >= 400 && troubles.push(response.url()));
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(service.url) && !/^(blob|data):/.test(request.url()))
        troubles.push(request.url());
    });
  }, 90_000);

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  /** The address of the viewer for the passage that answers, as a citation gives it. */
  async function citation(question: string): Promise<string> {
    const answer = await service.post('/api/ask', { question });
    return Cited.parse(await answer.json()).citations[0]?.url ?? '';
  }

  const marks = () => page.locator('.marks > .mark');
  const shownPage = () => page.locator('#page').inputValue();

  /** The text of the layer that lies under a mark. */
  function textUnderMarks(): Promise<string> {
    return page.evaluate(() => {
      const boxes = [...document.querySelectorAll('.marks > .mark')].map((one) =>
        one.getBoundingClientRect(),
      );
      const texts = [...document.querySelectorAll<HTMLElement>('.textLayer span')].filter((span) => {
        const { left, right, top, bottom } = span.getBoundingClientRect();
        const [x, y] = [(left + right) / 2, (top + bottom) / 2];
        return boxes.some((box) => x > box.left && x < box.right && y > box.top && y < box.bottom);
      });
      return texts.map((span) => span.textContent).join(' ');
    });
  }

  it('opens a citation of page 2 at page 2 with the cited words marked there', async () => {
    const url = await citation('What did the lamp burn until 1874?');
    expect(url).toMatch(/#page=2$/);
    await page.goto(url);
    await marks().first().waitFor();
    expect(await page.locator('.page[data-page-number="2"] .marks > .mark').count()).toBeGreaterThan(0);
    expect(await page.locator('.page[data-page-number="1"] .mark').count()).toBe(0);
    await expect.poll(shownPage).toBe('2');
    await page.locator('.page[data-page-number="2"] .textLayer span').first().waitFor();
    const text = await textUnderMarks();
    expect(text).toContain('colza oil');
    expect(text).not.toContain('Marigold');
    const first = await marks().first().boundingBox();
    expect(first?.y).toBeGreaterThan(0);
    expect(first?.y).toBeLessThan(640);
  });

  it('marks single words where they stand', async () => {
    const id = ids.get('sample.pdf') ?? '';
    const words = await (await service.get(`/api/documents/${id}/words?page=3`)).json();
    const { span } = words.words.find(({ text }: { text: string }) => text === 'boathouse,');
    await page.goto(`${service.url}/documents/${id}?mark=${span.join('-')}#page=3`);
    await marks().first().waitFor();
    expect(await marks().count()).toBe(1);
    await page.locator('.page[data-page-number="3"] .textLayer span').first().waitFor();
    // What the browser itself says of the word's place, in the layer of text over the picture.
    const [mark, word] = await page.evaluate(() => {
      const span = [...document.querySelectorAll<HTMLElement>('.textLayer span')].find((one) =>
        one.textContent?.includes('boathouse'),
      );
      const range = document.createRange();
      const at = span?.textContent?.indexOf('boathouse') ?? 0;
      range.setStart(span?.firstChild ?? document.body, at);
      range.setEnd(span?.firstChild ?? document.body, at + 'boathouse'.length);
      const of = ({ left, right, top, bottom }: DOMRect) => ({ left, right, top, bottom });
      const box = document.querySelector('.marks > .mark')?.getBoundingClientRect();
      return [of(box ?? new DOMRect()), of(range.getBoundingClientRect())];
    });
    const width = word.right - word.left;
    expect(Math.abs(mark.left - word.left)).toBeLessThan(width / 3);
    expect(Math.abs(mark.right - word.right)).toBeLessThan(width / 3);
    expect(mark.top).toBeLessThan((word.top + word.bottom) / 2);
    expect(mark.bottom).toBeGreaterThan((word.top + word.bottom) / 2);
  });

  it('shows a scan with the words marked that OCR read', async () => {
    const id = ids.get('scanned.pdf');
    const read = await (await service.get(`/api/documents/${id}/words?page=2`)).json();
    const { span } = read.words.find(({ text }: { text: string }) => text === 'bicycle');
    await page.goto(`${service.url}/documents/${id}?mark=${span.join('-')}#page=2`);
    await page.locator('.page[data-page-number="2"] .marks > .mark').first().waitFor();
    const [box, sheet] = [
      await marks().first().boundingBox(),
      await page.locator('.page[data-page-number="2"]').boundingBox(),
    ];
    expect((box?.y ?? 0) - (sheet?.y ?? 0)).toBeLessThan((sheet?.height ?? 0) / 4);
  });

  it('shows a picture with the cited words marked', async () => {
    const id = ids.get('sample.tif');
    await page.goto(`${service.url}/documents/${id}?mark=130-180#page=2`);
    await page.locator('.picture[data-page="2"] .mark').first().waitFor();
    expect(await page.locator('.picture[data-page="1"] .mark').count()).toBe(0);
    const picture = page.locator('.picture[data-page="2"] img');
    expect(await picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(709);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });

  it('is worked by keyboard, and its text can be selected', async () => {
    await page.goto(`${service.url}/documents/${ids.get('sample.pdf')}#page=1`);
    await page.locator('.textLayer span').first().waitFor();
    await page.locator('#next').focus();
    await page.keyboard.press('Enter');
    await expect.poll(shownPage).toBe('2');
    await page.locator('#page').fill('3');
    await page.keyboard.press('Enter');
    await page.locator('.page[data-page-number="3"] .textLayer span').first().waitFor();
    await page.locator('#pages').focus();
    await page.keyboard.press('Control+A');
    expect(await page.evaluate(() => getSelection()?.toString() ?? '')).toContain('Ondine');
  });

  it('follows a change of the link, also in a frame of ours', async () => {
    const id = ids.get('sample.pdf') ?? '';
    await page.route(`${service.url}/frame`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<link rel="icon" href="data:,"><iframe src="/documents/${id}#page=3" width="340" height="600"></iframe>`,
      }),
    );
    await page.goto(`${service.url}/frame`);
    const frame = page.frameLocator('iframe');
    await frame.locator('.page[data-page-number="3"] .textLayer span').first().waitFor();
    expect(await frame.locator('h1').isVisible()).toBe(false);
    await page.evaluate(() => {
      const inner = document.querySelector('iframe')?.contentWindow;
      if (inner) inner.location.hash = '#page=1';
    });
    await frame.locator('.page[data-page-number="1"] .textLayer span').first().waitFor();
    await expect.poll(() => frame.locator('#page').inputValue()).toBe('1');
  });

  it('shows a text in a frame without what the frame has above it', async () => {
    const id = ids.get('sample.md') ?? '';
    await page.route(`${service.url}/frame`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<link rel="icon" href="data:,"><iframe src="/documents/${id}" width="340" height="600"></iframe>`,
      }),
    );
    await page.goto(`${service.url}/frame`);
    await page.frameLocator('iframe').locator('pre').first().waitFor();
    expect(await page.frameLocator('iframe').locator('h1').isVisible()).toBe(false);
    await page.goto(`${service.url}/documents/${id}`);
    expect(await page.locator('h1').isVisible()).toBe(true);
    await page.unroute(`${service.url}/frame`);
  });

  it('leads to the text, and shows other formats as text', async () => {
    const url = await citation('What did the lamp burn until 1874?');
    await page.goto(url);
    await page.getByRole('link', { name: 'as text' }).click();
    expect(await page.locator('mark').textContent()).toContain('colza oil');
    await page.goto(`${service.url}/documents/${ids.get('sample.md')}`);
    expect(await page.locator('main').textContent()).toContain('six hens');
  });

  it('has no fault that axe knows, in dark and light', async () => {
    for (const path of [
      `${ids.get('sample.pdf')}#page=2`,
      `${ids.get('sample.tif')}`,
      `${ids.get('sample.md')}`,
    ])
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.goto(`${service.url}/documents/${path}`);
        await page.evaluate(axe);
        // Pages of a PDF are the document's own, whatever it looks like.
        const found: unknown =
          await page.evaluate(`axe.run({ exclude: ['.pdfViewer'] }).then(({ violations }) =>
          violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`);
        expect([path, colorScheme, found]).toEqual([path, colorScheme, []]);
      }
  });

  it('fits a small screen in dark and light, and had no trouble with its policy or anything else', async () => {
    await page.goto(`${service.url}/documents/${ids.get('sample.pdf')}#page=1`);
    await page.locator('.textLayer span').first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    const ground = () =>
      page.evaluate(
        () => getComputedStyle(document.querySelector('#pages') ?? document.body).backgroundColor,
      );
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await ground()).not.toBe(light);
    expect(troubles).toEqual([]);
  });
});
