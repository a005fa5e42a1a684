/**
 * Pictures of every view in both themes, wide and narrow, to be looked at: `npm run screenshots [-- folder]`. The folder is
 * `screenshots` where none is named. With `--readme` only the three of the README, into docs/images.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { removeFolder, temporaryFolder } from '../service.ts';
import { openBrowser } from './browser.ts';
import { openStage } from './stage.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { readme: { type: 'boolean' } },
});
const target = values.readme ? 'docs/images' : (positionals[0] ?? 'screenshots');
await mkdir(target, { recursive: true });
const folder = await temporaryFolder();
const stage = await openStage(folder);
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
const addresses = await prepare();
await (values.readme ? takeForReadme() : takeAll());
await browser.close();
await stage.close();
await removeFolder(folder);

/** Asks what the views are to show, and gives the address of each. */
async function prepare(): Promise<Record<string, string>> {
  await page.goto(stage.service.url);
  await ask(page, 'How much honey did two hives give in 2023?');
  // A stand-in paints one colour, which is nothing to show to a reader.
  if (!values.readme) await page.getByLabel('with a picture').check();
  await ask(page, 'How long did the boat not come in the winter of 1881?');
  if (!values.readme) await page.locator('.picture img').waitFor();
  await page.getByLabel('with a picture').uncheck();
  const answered = new URL(page.url()).hash;
  const cited = await page.locator('#turn-2 .answer .chip').first().getAttribute('href');
  const [document] = await stage.service.documents('&q=sample.pdf');
  return {
    ask: '#/ask',
    answer: answered,
    source: cited ?? '',
    documents: '#/documents',
    document: `#/documents/${document?.id}`,
    chunks: `#/documents/${document?.id}?view=chunks`,
    search: '#/search?q=lamp keeper winter',
    gallery: '#/gallery',
    workflows: '#/workflows',
    workflow: '#/workflows/inpaint',
    state: '#/state',
  };
}

async function ask(asking: Page, question: string): Promise<void> {
  const before = await asking.locator('.actions').count();
  await asking.getByLabel('Ask your documents').fill(question);
  await asking.keyboard.press('Enter');
  await asking.locator('.actions').nth(before).waitFor();
}

async function take(view: string, name: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${stage.service.url}/${addresses[view]}`);
  await page.locator('main h1').first().waitFor({ state: 'attached' });
  await page.waitForFunction(() => !document.querySelector('main [aria-busy=true]'));
  if (view === 'source') await page.frameLocator('main iframe').locator('.mark').first().waitFor();
  if (view === 'document')
    await page.frameLocator('main iframe').locator('.textLayer span').first().waitFor();
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  await page.screenshot({ path: join(target, `${name}.png`) });
}

async function takeAll(): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const)
    for (const [dress, width] of [
      ['wide', 1280],
      ['narrow', 360],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      for (const view of Object.keys(addresses)) await take(view, `${view}-${colorScheme}-${dress}`);
    }
}

async function takeForReadme(): Promise<void> {
  await page.setViewportSize({ width: 1200, height: 720 });
  for (const [view, colorScheme] of [
    ['source', 'light'],
    ['documents', 'light'],
    ['search', 'dark'],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await take(view, `page-${view}`);
  }
}
