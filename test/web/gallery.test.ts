import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.ts';
import { faults, hasBrowser, isTooWide } from './browser.ts';
import { openStudio, type Studio } from './studio.ts';

const HOSTILE = '<img src=x onerror=alert(1)> [a](javascript:alert(2)) "grey" heron';

describe.skipIf(!hasBrowser)('the gallery (needs /usr/bin/chromium)', () => {
  let studio: Studio;
  let page: Page;

  beforeAll(async () => {
    studio = await openStudio();
    ({ page } = studio);
    await writeFile(join(studio.service.inbox, 'bell.txt'), 'The bell of the Ondine hangs in the boathouse.');
    await studio.service.quiet(1);
  });
  afterAll(() => studio.close());

  const tiles = () => page.locator('.tile:not(.making)');
  const dialog = () => page.getByRole('dialog').first();

  it('says what to do where nothing was made', async () => {
    await studio.show('gallery');
    await page.getByText('Nothing was made yet').waitFor();
    await page.getByText('Run a workflow, or ask for a picture').waitFor();
    expect(await page.getByRole('link', { name: 'To the workflows' }).count()).toBe(1);
    // A server that is there and lacks a model is not one that has to be set.
    let workers: object[] = [{ url: 'http://painter', state: 'missing', lacks: ['the model x'] }];
    await page.route('**/api/workflows', (route) =>
      route.fulfill({ json: { data: [{ name: 'draw', inputs: [], tags: [], workers, ready: false }] } }),
    );
    await page.reload();
    await page.getByText('No workflow can run yet').waitFor();
    workers = [];
    await page.reload();
    await page.getByText('set COMFYUI_URL or AUTOMATIC1111_URL').waitFor();
    await page.unroute('**/api/workflows');
    await page.reload();
  });

  it('shows a picture that arrives, while it is made and when it is there', async () => {
    const making = studio.make({ workflow: 'slow', inputs: { prompt: HOSTILE, seconds: 1 } });
    await page
      .locator('.tile.making')
      .getByText('Waiting')
      .or(page.locator('.tile.making .preview'))
      .first()
      .waitFor();
    await page.locator('.tile.making progress').waitFor();
    await making;
    await tiles().first().waitFor();
    expect(await page.locator('.tile.making').count()).toBe(0);
    // What was asked for is text, wherever it stands.
    await tiles().first().getByRole('link').click();
    await dialog().getByText(HOSTILE).waitFor();
    expect(await dialog().locator('img').count()).toBe(1);
    expect(await dialog().locator('a[href^=javascript]').count()).toBe(0);
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await until(() => page.url() === `${studio.service.url}/#/gallery`, 'the gallery behind it');
  });

  it('makes an illustration again with another seed and the same passages, which lead to the viewer', async () => {
    const question = { question: 'Where does the bell of the Ondine hang?', illustrate: true };
    await studio.service.post('/api/ask', question);
    await page
      .getByRole('img', { name: /boathouse/ })
      .first()
      .click();
    const passage = dialog().getByRole('link', { name: 'bell.txt' });
    expect(await passage.getAttribute('href')).toMatch(/\/documents\/[^?]+\?mark=\d+-\d+/);
    await dialog().getByText('generated', { exact: true }).waitFor();
    await dialog().getByRole('button', { name: 'Again with another seed' }).click();
    await until(
      async () =>
        (await tiles()
          .getByRole('img', { name: /boathouse/ })
          .count()) === 2,
      'the other one',
    );
    const [again, first] = await studio.jobs('query=boathouse&state=done');
    expect(again?.passages.map(({ title }) => title)).toEqual(['bell.txt']);
    expect(again?.passages).toEqual(first?.passages);
    expect(again?.inputs['prompt']).toBe(first?.inputs['prompt']);
    expect(again?.inputs['seed']).not.toBe(first?.inputs['seed']);
  });

  it('makes a variation of a picture', async () => {
    const [first] = await studio.jobs('query=boathouse');
    await studio.show(`gallery/${first?.id}`);
    await dialog().getByRole('link', { name: 'Variations' }).click();
    await page.getByRole('heading', { name: 'image-to-image' }).waitFor();
    const prompt = page.getByLabel('Prompt');
    expect(await prompt.inputValue()).toBe(first?.inputs['prompt']);
    await prompt.fill('the boathouse at night');
    await page.getByAltText('Chosen from the gallery').waitFor();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.locator('.result img').waitFor();
    const [made] = await studio.jobs('workflow=image-to-image');
    expect(made?.inputs).toMatchObject({ prompt: 'the boathouse at night', image: first?.outputs[0]?.id });
    expect(made?.passages).toEqual(first?.passages);
    expect(studio.comfy.uploads.at(-1)?.bytes).toBeGreaterThan(0);
  });

  it('is filtered by words, kind and workflow', async () => {
    await studio.make({ workflow: 'film', inputs: { prompt: 'waves' } });
    await studio.show('gallery');
    await page.getByRole('link', { name: /waves/ }).waitFor();
    const all = await tiles().count();
    await page.getByLabel('Words').fill('GREY heron');
    await until(async () => (await tiles().count()) === 1, 'the one that fits');
    await page.getByLabel('Words').fill('');
    await until(async () => (await tiles().count()) === all, 'all of them');
    await page.getByLabel('Kind').focus();
    await page.getByLabel('Kind').selectOption('Sound');
    await until(async () => (await tiles().count()) === 1, 'the sound');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('SELECT');
    await tiles().first().getByRole('link').click();
    await until(async () => (await dialog().locator('video, audio').count()) === 2, 'both to be played');
    await page.keyboard.press('Escape');
    await page.getByLabel('Workflow').selectOption('draw');
    await page.getByText('Nothing fits').waitFor();
    await page.getByLabel('Words').fill('no such word');
    await until(() => page.url().includes('query='), 'the words in the address');
    await page.getByRole('link', { name: 'Show everything' }).click();
    await until(async () => (await page.getByLabel('Words').inputValue()) === '', 'no words');
    await until(async () => (await tiles().count()) === all, 'everything');
  });

  it('shows a video by its first picture, and by a sign where that cannot be read', async () => {
    const film = await readFile(new URL('../comfy/made/made.webm', import.meta.url));
    const { outputs } = await studio.make({ workflow: 'film', inputs: { prompt: 'surf' } });
    const tile = page.locator('.tile', { has: page.getByTitle('surf') });
    await studio.show('gallery');
    await tile.locator('.sign .glyph').waitFor();
    await page.route(`**/media/${outputs[0]?.id}`, (route) =>
      route.fulfill({ body: film, contentType: 'video/webm' }),
    );
    await page.reload();
    await tile.locator('.play').waitFor();
    const size = await tile
      .locator('video')
      .evaluate((video) => (video instanceof HTMLVideoElement ? [video.videoWidth, video.videoHeight] : []));
    expect(size).toEqual([64, 64]);
    expect(await tile.getByRole('link', { name: /surf/ }).count()).toBe(1);
    await page.unrouteAll();
    studio.troubles.length = 0;
  });

  it('goes from one to the next by keyboard, and back to where one was', async () => {
    const [first, second] = await studio.jobs('state=done');
    await studio.show('gallery');
    const link = page.locator(`a[href="#/gallery/${first?.id}"]`);
    await link.focus();
    await page.keyboard.press('Enter');
    await dialog().waitFor();
    await page.keyboard.press('ArrowRight');
    await until(() => page.url().endsWith(`/gallery/${second?.id}`), 'the next one');
    // The keys belong to what is shown, which is drawn after the address has changed.
    await dialog().locator('a[rel="prev"]').waitFor();
    await page.evaluate(() => new Promise((drawn) => void requestAnimationFrame(() => setTimeout(drawn))));
    await page.keyboard.press('ArrowLeft');
    await until(() => page.url().endsWith(`/gallery/${first?.id}`), 'the one before');
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    expect(await link.evaluate((one) => one === document.activeElement)).toBe(true);
  });

  it('catches up with what was made while the service could not be reached', async () => {
    await studio.show('gallery');
    const before = (await studio.jobs('state=done')).length;
    await until(async () => (await tiles().count()) === before, 'all tiles');
    await studio.restart();
    await studio.make({ workflow: 'draw', inputs: { prompt: 'made meanwhile' } });
    await page.getByRole('img', { name: 'made meanwhile' }).waitFor();
    expect(await tiles().count()).toBe(before + 1);
    // What the browser says of the time between.
    studio.troubles.length = 0;
  });

  it('deletes what is asked twice', async () => {
    const [first] = await studio.jobs('query=night');
    await studio.show(`gallery/${first?.id}`);
    const remove = () => dialog().getByRole('button', { name: 'Delete' }).first();
    await remove().click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect(await studio.jobs('query=night')).toHaveLength(1);
    await remove().click();
    await page
      .getByRole('dialog', { name: 'Delete this for good?' })
      .getByRole('button', { name: 'Delete' })
      .click();
    await page.getByText('It is deleted.').waitFor();
    expect(await studio.jobs('query=night')).toEqual([]);
    expect(await page.locator(`a[href="#/gallery/${first?.id}"]`).count()).toBe(0);
  });

  it.each(['light', 'dark'] as const)(
    'has no fault for axe in the %s theme, and fits small screens',
    async (theme) => {
      const [first] = await studio.jobs('query=boathouse');
      await page.emulateMedia({ colorScheme: theme });
      for (const view of ['gallery', `gallery/${first?.id}`]) {
        await studio.show(view);
        await tiles().first().waitFor();
        if (view !== 'gallery') await dialog().locator('.about').waitFor();
        expect(await faults(page)).toEqual([]);
        for (const width of [320, 360, 2560]) {
          await page.setViewportSize({ width, height: 720 });
          expect([view, width, await isTooWide(page)]).toEqual([view, width, false]);
        }
        await page.setViewportSize({ width: 1280, height: 800 });
      }
      expect(studio.troubles).toEqual([]);
    },
  );
});
