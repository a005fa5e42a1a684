import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { fixture, hasBrowser, isTooWide, openBrowser, openPage } from './browser.ts';

/** A reader whose file beside it says whether it works. */
const FLAKY = `import { readFile } from 'node:fs/promises';
export default {
  name: 'flaky', version: 1, kinds: ['text'], label: 'a note', extensions: ['flaky'],
  async *read(file) {
    const works = await readFile(new URL('./data/works.txt', import.meta.url), 'utf8');
    if (works !== 'yes') throw Object.assign(new Error('The scanner was asleep; wake it.'), { code: 'corrupt' });
    yield { sections: [{ text: await readFile(file.path, 'utf8') }] };
  },
};`;

describe.skipIf(!hasBrowser)('documents on the page (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    const own = join(folder, 'own');
    await mkdir(join(own, 'data'), { recursive: true });
    await writeFile(join(own, 'flaky.js'), FLAKY);
    await writeFile(join(own, 'data/works.txt'), 'no');
    service = await startService(folder, { LIMNER_PROCESSORS: own });
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url));
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  const shownTitles = async () => (await page.locator('.row-title').allTextContents()).toSorted();
  const row = (title: string) => page.locator('.row', { hasText: title });

  /** Drops files on whatever is shown, as a hand does. */
  async function drop(...names: string[]): Promise<void> {
    const files = await Promise.all(
      names.map(async (name) => ({ name, base64: (await readFile(fixture(name))).toString('base64') })),
    );
    await page.evaluate((sent) => {
      const dataTransfer = new DataTransfer();
      for (const { name, base64 } of sent) {
        const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name));
      }
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    }, files);
  }

  it('takes a PDF dropped on any view, shows it become searchable, and answers from it with its page marked', async () => {
    await page.goto(service.url);
    await page.getByLabel('Ask your documents').waitFor();
    await drop('sample.pdf');
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    await row('Logbook of the Skerrow Light').getByText('searchable').waitFor();
    await page.getByText('1 searchable').waitFor();
    // The title is the document's own; whoever dropped it knows it by its name.
    await row('Logbook of the Skerrow Light').getByText('sample.pdf').waitFor();
    await page.getByRole('link', { name: 'Ask' }).click();
    await page.getByLabel('Ask your documents').fill('What did the lamp burn until 1874?');
    await page.keyboard.press('Enter');
    const chip = page.locator('.answer .chip').first();
    await chip.focus();
    await page.getByRole('tooltip').getByText('colza oil').waitFor();
    await page.keyboard.press('Enter');
    const viewer = page.frameLocator('.viewer iframe');
    await viewer.locator('.page[data-page-number="2"] .marks > .mark').first().waitFor();
    await expect.poll(() => viewer.locator('#page').inputValue()).toBe('2');
    // The frame does not move the page that it stands in.
    expect(await page.evaluate(() => scrollY)).toBe(0);
    await page.keyboard.press('Escape');
    await page.locator('.viewer').waitFor({ state: 'detached' });
  });

  it('says plainly why a file failed, and reads it when it is retried', async () => {
    await page.goto(`${service.url}/#/documents`);
    await page.setInputFiles('input[type=file][multiple]', [
      {
        name: 'minutes.flaky',
        mimeType: 'text/plain',
        buffer: Buffer.from('The minutes of the bell ringers.'),
      },
      { name: 'locked.pdf', mimeType: 'application/pdf', buffer: await readFile(fixture('encrypted.pdf')) },
    ]);
    await row('locked.pdf').getByText('The PDF is locked with a password').waitFor();
    await row('minutes.flaky').getByText('The scanner was asleep; wake it.').waitFor();
    // The number leads to what failed as soon as it has counted it.
    await page.getByRole('link', { name: '1 of 3 searchable, 2 failed' }).click();
    await expect.poll(() => page.locator('.row').count()).toBe(2);
    await writeFile(join(folder, 'own/data/works.txt'), 'yes');
    await page.getByRole('button', { name: 'Retry minutes.flaky' }).click();
    // It is failed no more, and so no longer among those.
    await row('minutes.flaky').waitFor({ state: 'detached' });
    await page.getByLabel('State').selectOption('searchable');
    await row('minutes.flaky').waitFor();
  });

  it('takes a whole folder with the paths in it, and leaves out what systems leave behind', async () => {
    const chosen = join(folder, 'chosen');
    await mkdir(join(chosen, 'deep/deeper'), { recursive: true });
    await writeFile(join(chosen, 'top.txt'), 'At the top.');
    await writeFile(join(chosen, 'deep/deeper/down.txt'), 'Far down.');
    await writeFile(join(chosen, 'deep/.DS_Store'), 'litter');
    await page.goto(`${service.url}/#/documents`);
    await page.getByLabel('into the collection').fill('folders');
    await page.setInputFiles('input[type=file][webkitdirectory]', chosen);
    await row('down.txt').getByText('searchable').waitFor();
    await row('top.txt').getByText('searchable').waitFor();
    const sent = await service.documents('&collection=folders');
    expect(sent.map(({ uri }) => uri).toSorted()).toEqual(['chosen/deep/deeper/down.txt', 'chosen/top.txt']);
    await page.getByLabel('into the collection').fill('');
  });

  it('takes a text, and says what is wrong with a link', async () => {
    await page.getByRole('button', { name: 'Paste a text' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Text').fill('The ferry takes no horses.');
    await dialog.getByLabel('Title').fill('Ferry rules');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await row('Ferry rules').getByText('searchable').waitFor();
    await page.getByRole('button', { name: 'Add a link' }).click();
    await dialog.getByLabel('Address').fill('http://127.0.0.1:1/secret');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    // The refusal itself is told by the browser.
    expect(troubles.filter((line) => !line.includes('status of 4'))).toEqual([]);
    troubles.length = 0;
  });

  it('finds documents by words and collection, and keeps the filters in the address', async () => {
    await page.goto(`${service.url}/#/documents`);
    await page.getByLabel('Find by title or path').fill('ferry');
    await row('Logbook').waitFor({ state: 'detached' });
    expect(await page.locator('.row').count()).toBe(1);
    expect(page.url()).toContain('q=ferry');
    await page.getByLabel('Find by title or path').fill('');
    await page.getByLabel('Collection', { exact: true }).selectOption('folders');
    await expect.poll(shownTitles).toEqual(['down.txt', 'top.txt']);
    await page.reload();
    await expect.poll(shownTitles).toEqual(['down.txt', 'top.txt']);
  });

  it('shows a document with its text, its chunks and its pictures, and takes it away', async () => {
    await page.goto(`${service.url}/#/documents`);
    await row('Logbook').getByRole('link').click();
    await page.frameLocator('iframe.sheet').locator('.page[data-page-number="1"]').waitFor();
    await page.getByRole('link', { name: 'Text', exact: true }).click();
    await page.getByText('The Skerrow lighthouse stands on a rock').waitFor();
    await page.getByRole('link', { name: 'Chunks' }).click();
    await page.locator('.chunks li', { hasText: 'colza oil' }).getByText('page 2').waitFor();
    await page.getByRole('link', { name: 'Pictures' }).click();
    await page.getByText('There are no pictures in this document.').waitFor();
    await page.getByRole('button', { name: 'Take away' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take away' }).click();
    await page.getByRole('heading', { name: 'Documents' }).waitFor();
    await row('Logbook').waitFor({ state: 'detached' });
    expect((await service.documents('&status=searchable&q=sample.pdf')).length).toBe(0);
  });

  it('fits a small screen', async () => {
    for (const width of [320, 360]) {
      await page.setViewportSize({ width, height: 700 });
      expect([width, await isTooWide(page)]).toEqual([width, false]);
    }
    expect(troubles).toEqual([]);
  });
});
