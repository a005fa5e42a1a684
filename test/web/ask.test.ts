import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { fixture, hasBrowser, openBrowser, openPage } from './browser.ts';
import { writeWorkflows } from './painter.ts';

const QUESTION = 'What did the lamp burn until 1874?';

describe.skipIf(!hasBrowser)('asking on the page (needs /usr/bin/chromium)', () => {
  let folder: string;
  let ollama: FakeOllama;
  let comfy: FakeComfy;
  let service: Service;
  let settings: Record<string, string>;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    ollama = await createFakeOllama({
      installed: [embedModel(), chatModel(), chatModel({ name: 'gemma3:12b' })],
    });
    comfy = await createFakeComfy();
    settings = {
      OLLAMA_HOST: ollama.url,
      LIMNER_EMBED_MODEL: 'nomic-embed-text',
      LIMNER_CHAT_MODEL: 'qwen3:4b',
      COMFYUI_URL: comfy.url,
      LIMNER_ILLUSTRATE_WORKFLOW: 'draw',
      LIMNER_WORKFLOWS: await writeWorkflows(join(folder, 'workflows')),
    };
    service = await startService(folder, settings);
    await copyFile(fixture('sample.pdf'), join(service.inbox, 'sample.pdf'));
    await service.quiet(1);
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    }));
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await ollama.stop();
    await comfy.stop();
    await removeFolder(folder);
  });

  beforeEach(async () => {
    ollama.settings.costMs.chatPart = 0;
    await page.goto(`${service.url}/#/`);
    await page.goto(`${service.url}/#/ask`);
  });

  const turn = (number = 1) => page.locator(`#turn-${number}`);

  /** The answer so far, whether it is set as Markdown yet or not. */
  const said = async () => (await turn().locator('.answer').textContent())?.trim();

  async function ask(question: string): Promise<void> {
    await page.getByLabel('Ask your documents').fill(question);
    await page.keyboard.press('Enter');
  }

  it('answers with numbers that show the quote and open the page beside the answer', async () => {
    await ask(QUESTION);
    const chip = turn().locator('.answer .chip').first();
    await chip.hover();
    await page.getByRole('tooltip').getByText('colza oil').waitFor();
    expect(await chip.getAttribute('aria-label')).toBe(
      'Source 1: Logbook of the Skerrow Light, page 2 · The lamp',
    );
    await chip.click();
    const viewer = page.frameLocator('.viewer iframe');
    await viewer.locator('.page[data-page-number="2"] .marks > .mark').first().waitFor();
    const [answer, source] = [await turn().boundingBox(), await page.locator('.viewer').boundingBox()];
    expect(source?.x).toBeGreaterThanOrEqual((answer?.x ?? 0) + (answer?.width ?? 0));
    // One step back closes it.
    await page.goBack();
    await page.locator('.viewer').waitFor({ state: 'detached' });
    await page.setViewportSize({ width: 360, height: 700 });
    await chip.click();
    await viewer.locator('.marks > .mark').first().waitFor();
    expect(await page.locator('.viewer').boundingBox()).toEqual({ x: 0, y: 0, width: 360, height: 700 });
    await page.getByRole('button', { name: 'Close the source' }).click();
    await page.setViewportSize({ width: 1280, height: 800 });
  });

  it('copies an answer with what it cites, and a link that leads back to it', async () => {
    await ask(QUESTION);
    await turn().getByRole('button', { name: 'Copy' }).click();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toMatch(/colza oil.*\n\n\[1\] Logbook of the Skerrow Light, page 2 · The lamp\n {4}http/s);
    await turn().getByRole('link', { name: 'Link' }).click();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    await page.goto('about:blank');
    await page.goto(link);
    await turn().getByText('colza oil').first().waitFor();
    expect(await page.getByRole('heading', { level: 2 }).textContent()).toBe(QUESTION);
  });

  it('goes on with what was said, and asks a model and a collection that were chosen in one place', async () => {
    await ask(QUESTION);
    await turn().locator('.actions').waitFor();
    await page.getByLabel('Language model').selectOption('gemma3:12b');
    await page.getByLabel('Collection').selectOption('default');
    await ask('And who was the first keeper?');
    await turn(2).getByText('gemma3:12b').waitFor();
    const sent = JSON.stringify(ollama.requests('chat').at(-1));
    expect(sent).toContain(QUESTION);
    expect(sent).toContain('gemma3:12b');
    await page.getByLabel('Language model').selectOption('');
    await page.getByLabel('Collection').selectOption('');
  });

  it('stops, keeps what came, and asks again in the same place', async () => {
    ollama.settings.costMs.chatPart = 120;
    await ask(QUESTION);
    await expect.poll(() => turn().locator('.answer').textContent()).toMatch(/\w/);
    await page.getByRole('button', { name: 'Stop' }).click();
    await turn().getByText('Stopped.').waitFor();
    const came = await said();
    expect(came).not.toBe('');
    await page.reload();
    await turn().getByText('Stopped.').waitFor();
    expect(await said()).toBe(came);
    ollama.settings.costMs.chatPart = 0;
    await turn().getByRole('button', { name: 'Ask again' }).click();
    await turn().locator('.answer .chip').waitFor();
    expect(await page.locator('.turn').count()).toBe(1);
  });

  it('keeps the question and what came when the service is lost in the middle, and asks again when it is back', async () => {
    ollama.settings.costMs.chatPart = 120;
    await ask(QUESTION);
    await expect.poll(() => turn().locator('.answer').textContent()).toMatch(/\w/);
    const { port } = new URL(service.url);
    await service.kill();
    await turn().getByText('The answer broke off before it was whole.').waitFor();
    await page.getByText('This page tries again by itself.').waitFor();
    const came = await said();
    expect(came).not.toBe('');
    expect(await turn().getByRole('heading').textContent()).toBe(QUESTION);
    ollama.settings.costMs.chatPart = 0;
    service = await startService(folder, { ...settings, LIMNER_PORT: port });
    await page.getByText('This page tries again by itself.').waitFor({ state: 'detached' });
    expect(await said()).toBe(came);
    await turn().getByRole('button', { name: 'Ask again' }).click();
    await turn().locator('.answer .chip').waitFor();
    expect(troubles.splice(0).filter((line) => !line.includes('net::'))).toEqual([]);
    // The painter is found again too, before the next tests need it.
    await until(
      async () => (await (await service.get('/api/workflows')).text()).includes('"ready":true'),
      'ComfyUI',
    );
  });

  it('shows a picture that comes late in the place that was kept for it, labelled, with what it was made of', async () => {
    const mayRun = Promise.withResolvers<void>();
    comfy.settings.onRun = () => mayRun.promise;
    await page.getByLabel('with a picture').check();
    await ask(QUESTION);
    await turn().getByText('A picture is being made').waitFor();
    // The text is whole meanwhile; who leaves and comes back finds the picture, and nothing moves when it comes.
    await turn().locator('.answer .chip').first().waitFor();
    const conversation = new URL(page.url()).hash;
    const kept = `/api/conversations/${conversation.slice('#/ask/'.length)}`;
    await until(
      async () => (await (await service.get(kept)).text()).includes('"image":"'),
      'the turn with its picture',
    );
    await page.goto(`${service.url}/#/documents`);
    await page.reload();
    await page.goto(`${service.url}/${conversation}`);
    await turn().getByText('A picture is being made').waitFor();
    const before = await turn().locator('.sources').boundingBox();
    mayRun.resolve();
    const picture = turn().locator('.picture img');
    await picture.waitFor();
    await expect
      .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth))
      .toBeGreaterThan(0);
    expect((await turn().locator('.sources').boundingBox())?.y).toBe(before?.y);
    await turn().getByText('Generated', { exact: true }).waitFor();
    await turn().getByText('How it was made').click();
    await turn().getByText('draw', { exact: false }).first().waitFor();
    expect(await turn().locator('.picture dl').textContent()).toContain(
      'Logbook of the Skerrow Light, page 2',
    );
    await page.getByLabel('with a picture').uncheck();
  });

  it('paints what /imagine says', async () => {
    await ask('/imagine a lighthouse at dusk');
    const picture = turn().locator('.picture img');
    await picture.waitFor();
    expect(await picture.getAttribute('alt')).toContain('a lighthouse at dusk');
  });

  it('keeps conversations, finds them by their words, exports and deletes them', async () => {
    await ask('Who was the first keeper?');
    await turn().locator('.actions').waitFor();
    const rail = page.getByRole('complementary', { name: 'Conversations' });
    await rail.getByLabel('Search conversations').fill('tobias keeper');
    await expect.poll(() => rail.locator('li').count()).toBeGreaterThan(0);
    expect(await rail.locator('li').allTextContents()).not.toContain(QUESTION);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Export' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('Who was the first keeper.md');
    const item = rail.locator('li', { hasText: 'Who was the first keeper?' });
    await item.hover();
    await item.getByRole('button').click();
    await item.getByRole('button', { name: 'Delete' }).click();
    await item.waitFor({ state: 'detached' });
    await page.getByText('What would you like to know?').waitFor();
  });

  it('says what to do without a language model, and answers with quotes', async () => {
    await ollama.stop();
    await ask(QUESTION);
    await turn().locator('blockquote', { hasText: 'colza oil' }).waitFor();
    await turn().getByText('quoted passages').waitFor();
    await page.getByText(`start Ollama at ${ollama.url}`).waitFor();
    expect(troubles).toEqual([]);
  });
});
