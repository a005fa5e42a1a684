import { createCanvas, loadImage } from '@napi-rs/canvas';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePng } from '../fakes/comfyui-nodes.ts';
import { until } from '../until.ts';
import { faults, hasBrowser, isTooWide } from './browser.ts';
import { openStudio, type Studio } from './studio.ts';

const PICTURE = { name: '<b>pond.png', mimeType: 'image/png', buffer: makePng(320, 200, 0x3377aa, '') };

describe.skipIf(!hasBrowser)('workflows as forms (needs /usr/bin/chromium)', () => {
  let studio: Studio;
  let page: Page;

  beforeAll(async () => {
    studio = await openStudio();
    ({ page } = studio);
  });
  afterAll(() => studio.close());

  const input = (name: string) => page.locator(`[data-input="${name}"]`);
  const run = () => page.getByRole('button', { name: 'Run' }).click();
  const lastGraph = () => studio.comfy.prompts.at(-1)?.prompt ?? {};

  it('lists them with what is missing in plain words', async () => {
    await studio.show('workflows');
    const cards = page.getByRole('list', { name: 'Workflows' }).getByRole('listitem');
    await cards.first().waitFor();
    expect(await cards.filter({ hasText: 'ready' }).count()).toBe(7);
    const trained = cards.filter({ hasText: 'trained' });
    expect(await trained.textContent()).toContain('It lacks the model checkpoints/none.safetensors.');
    await trained.getByRole('link').click();
    await page.getByText('lacks models').waitFor();
    expect(await page.getByRole('link', { name: 'Download' }).getAttribute('href')).toBe(
      'https://models.example/none.safetensors',
    );
    await run();
    await page.getByRole('alert').getByText('No worker can run trained').waitFor();
  });

  it('has an input of the right kind for each, and sends what was chosen', async () => {
    await studio.show('workflows/draw');
    await page.getByLabel('Prompt').fill('a heron');
    await page.getByLabel('Seed').fill('4711');
    await page.getByLabel('Width', { exact: true }).fill('128');
    await page.getByLabel('Guidance, as a slider').press('ArrowRight');
    await page.getByLabel('Style').selectOption('ink');
    await page.getByLabel('Tiled').check();
    expect(await page.getByLabel('Width', { exact: true }).getAttribute('max')).toBe('1024');
    expect(await input('width').textContent()).toContain('16 to 1024, in steps of 8');
    await run();
    await page.locator('.result img').waitFor();
    const [job] = await studio.jobs('limit=1');
    expect(job?.inputs).toMatchObject({
      prompt: 'a heron',
      seed: 4711,
      width: 128,
      guidance: 7.1,
      style: 'ink',
      tiled: true,
    });
    expect(lastGraph()['1']?.inputs).toMatchObject({ color: 4711, width: 128 });
  });

  it('shows what is refused at the input that it names, and goes there', async () => {
    await studio.show('workflows/slow');
    await run();
    await input('prompt').getByRole('alert').getByText('Is required.').waitFor();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA');
    expect(await page.getByLabel('Prompt').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Prompt').fill('a heron');
    expect(await input('prompt').getByRole('alert').count()).toBe(0);
    await page.getByLabel('Seconds', { exact: true }).fill('99');
    await run();
    await input('seconds').getByRole('alert').getByText('Must be at most 30.').waitFor();
    await studio.show('workflows/inpaint');
    await page.getByLabel('Prompt').fill('a heron');
    await input('image')
      .locator('input')
      .setInputFiles({ ...PICTURE, buffer: Buffer.from('no picture, no') });
    await run();
    await input('image')
      .getByRole('alert')
      .getByText(/not a PNG, JPEG or WebP/)
      .waitFor();
    const failing = () => studio.comfy.prompts.length;
    const before = failing();
    await studio.show('workflows/failing');
    await run();
    await page.locator('.result').getByText('probe failure').waitFor();
    expect(failing()).toBeGreaterThan(before);
  });

  it('shows progress and a preview while it is made, the queue, and cancels', async () => {
    await studio.show('workflows/slow');
    await page.getByLabel('Prompt').fill('a slow heron');
    await page.getByLabel('Seconds', { exact: true }).fill('2');
    await run();
    const result = page.locator('.result').first();
    await result.locator('.preview').waitFor();
    const shares = new Set<string>();
    await until(async () => {
      const share = await result
        .locator('.numbers')
        .textContent({ timeout: 500 })
        .catch(() => null);
      if (share !== null) shares.add(share);
      return (await result.locator('.media img').count()) > 0;
    }, 'the picture');
    expect(shares.size).toBeGreaterThan(2);
    await page.getByLabel('Seconds', { exact: true }).fill('10');
    await run();
    await page.locator('.result .tag').first().getByText('Being made').waitFor();
    // Whoever looks elsewhere sees it in the queue.
    await studio.show('workflows');
    const queued = page.locator('.queue .job');
    await queued.getByText('a slow heron').waitFor();
    await queued.getByRole('button', { name: 'Cancel a slow heron' }).click();
    await page.getByText('Nothing waits.').waitFor();
    expect((await studio.jobs('limit=1'))[0]?.state).toBe('cancelled');
  });

  /** The mask as the worker has it. */
  async function maskOfWorker() {
    const given = lastGraph()['2']?.inputs['image'];
    const parts = String(given).split('/');
    const [filename = '', subfolder] = [parts.pop(), parts.join('/')];
    const query = new URLSearchParams({ filename, subfolder, type: 'input' });
    const response = await fetch(`${studio.comfy.url}/view?${query}`);
    const image = await loadImage(Buffer.from(await response.arrayBuffer()));
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    return {
      width: image.width,
      height: image.height,
      alphaAt: (x: number, y: number) => context.getImageData(x, y, 1, 1).data[3],
    };
  }

  it('has a mask painted over the picture, which reaches the worker as it was painted', async () => {
    await studio.show('workflows/inpaint');
    await page.getByLabel('Prompt').fill('a boat');
    await page.getByText('Choose a picture first').waitFor();
    // Dropped here it is a picture of the form, and no document.
    const dropped = await page.evaluateHandle(
      ([name, bytes]) => {
        const transfer = new DataTransfer();
        const data = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
        transfer.items.add(new File([data], name, { type: 'image/png' }));
        return transfer;
      },
      [PICTURE.name, PICTURE.buffer.toString('base64')] as const,
    );
    for (const event of ['dragenter', 'dragover', 'drop'])
      await input('image').locator('.drop').dispatchEvent(event, { dataTransfer: dropped });
    const canvas = page.getByRole('application');
    await page.getByAltText('Chosen: <b>pond.png').waitFor();
    expect(await page.locator('.dropping').count()).toBe(0);
    expect(await studio.service.documents()).toEqual([]);
    await until(async () => (await canvas.getAttribute('width')) === '320', 'the mask over the picture');
    await canvas.scrollIntoViewIfNeeded();
    /** To a point of the picture, wherever it stands on the screen now. */
    const move = async (x: number, y: number): Promise<void> => {
      const box = (await canvas.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
      await page.mouse.move(box.x + (x / 320) * box.width, box.y + (y / 200) * box.height, { steps: 5 });
    };
    await move(60, 50);
    await page.mouse.down();
    await move(160, 50);
    await move(260, 50);
    await page.mouse.up();
    await page.getByText('A part is marked.').waitFor();
    // A hole in the middle of the stroke.
    await page.getByLabel('Erase').check();
    await move(160, 50);
    await page.mouse.down();
    await page.mouse.up();
    // And a dot by keyboard, forty pixels below the pointer.
    await page.getByLabel('Paint', { exact: true }).check();
    await move(160, 100);
    await canvas.focus();
    for (let step = 0; step < 6; step++) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Space');
    await run();
    await page.locator('.result img').waitFor();
    const mask = await maskOfWorker();
    expect([mask.width, mask.height]).toEqual([320, 200]);
    for (const [x, y] of [
      [60, 50],
      [110, 50],
      [260, 50],
      [260, 58],
      [160, 138],
    ] as const)
      expect([x, y, mask.alphaAt(x, y)]).toEqual([x, y, 0]);
    for (const [x, y] of [
      [160, 50],
      [10, 10],
      [60, 80],
      [300, 190],
      [200, 138],
    ] as const)
      expect([x, y, mask.alphaAt(x, y)]).toEqual([x, y, 255]);
    await page.getByRole('button', { name: 'Clear' }).click();
    await run();
    await input('mask').getByRole('alert').getByText('Is required.').waitFor();
  });

  it.each(['light', 'dark'] as const)(
    'has no fault for axe in the %s theme, and fits small screens',
    async (theme) => {
      await page.emulateMedia({ colorScheme: theme });
      for (const view of ['workflows', 'workflows/draw', 'workflows/inpaint', 'workflows/trained']) {
        await studio.show(view);
        await page.getByRole('heading', { level: 1 }).waitFor();
        if (view.endsWith('inpaint')) {
          await input('image').locator('input').setInputFiles(PICTURE);
          await page.getByRole('application').waitFor();
        }
        if (view.endsWith('draw')) await page.getByRole('button', { name: 'Add a LoRA' }).click();
        expect([view, await faults(page)]).toEqual([view, []]);
        for (const width of [320, 360, 2560]) {
          await page.setViewportSize({ width, height: 720 });
          expect([view, width, await isTooWide(page)]).toEqual([view, width, false]);
        }
        await page.setViewportSize({ width: 1280, height: 800 });
      }
      // The requests that were to be refused.
      expect(studio.troubles.filter((line) => !/status of (?:400|422|503)/.test(line))).toEqual([]);
    },
  );
});
