import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chatModel, createFakeOllama, embedModel, type FakeOllama } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { faults, hasBrowser, isTooWide, openBrowser, openPage } from './browser.ts';

const FILES = 30;
const SECRET = 'whsec_c2VjcmV0IG9mIG5vYm9keQ==';
const Held = z.looseObject({ inbox: z.looseObject({ held: z.number() }) });

describe.skipIf(!hasBrowser)('the state of the service (needs /usr/bin/chromium)', () => {
  let folder: string;
  let ollama: FakeOllama;
  let service: Service;
  let browser: Browser;
  let page: Page;
  let troubles: string[];

  beforeAll(async () => {
    folder = await temporaryFolder();
    ollama = await createFakeOllama({
      registry: [chatModel({ name: 'late:4b' })],
      costMs: { pullStep: 40 },
    });
    service = await startService(folder, {
      OLLAMA_HOST: ollama.url,
      LIMNER_CHAT_MODEL: 'qwen3:4b',
      LIMNER_EMBED_MODEL: embedModel().name,
      COMFYUI_URL: 'http://somebody:hunter2@127.0.0.1:59124',
      LIMNER_WEBHOOK_SECRETS: SECRET,
    });
    await mkdir(join(service.inbox, 'birds'));
    for (let at = 0; at < FILES; at++)
      await writeFile(join(service.inbox, 'birds', `<i>heron ${at}.txt`), `Heron ${at} stands in the reeds.`);
    await service.quiet(FILES);
    browser = await openBrowser();
    ({ page, troubles } = await openPage(browser, service.url));
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
  });

  const show = async (part: string) => void (await page.goto(`${service.url}/#/state/${part}`));
  const card = (name: string) => page.getByRole('region', { name });

  it('tells of documents, servers, disk and throughput, and what to do where a server is away', async () => {
    await show('health');
    const documents = card('Documents');
    await documents.getByRole('link', { name: String(FILES), exact: true }).waitFor();
    await card('Throughput').getByText('documents, last hour').waitFor();
    await card('Disk')
      .getByText(/ free\./)
      .waitFor();
    const servers = card('Servers');
    await servers.getByText('Start it there, or look at COMFYUI_URL.').waitFor();
    expect(await servers.textContent()).toContain('http://127.0.0.1:59124');
    await ollama.stop();
    // Whoever calls it in vain tells of it.
    await service.post('/api/search', { query: 'heron' });
    await servers.getByText(/Start it there with “ollama serve”/).waitFor({ timeout: 60_000 });
    await ollama.start();
    await servers.getByText('ready').first().waitFor({ timeout: 60_000 });
  }, 120_000);

  it('says what a scan would do, and scans', async () => {
    await show('health');
    await card('Folder').getByRole('button', { name: 'What would it do?' }).click();
    await card('Folder').getByText('Folder and ledger say the same.').waitFor();
    await card('Folder').getByRole('button', { name: 'Scan now' }).click();
    await card('Folder').getByText('Folder and ledger say the same.').waitFor();
    expect(await service.documents()).toHaveLength(FILES);
  });

  it('downloads a model with its progress, and says why one cannot be had', async () => {
    await show('models');
    await card('In force').getByText('qwen3:4b').first().waitFor();
    const pulls = card('Download a model');
    await pulls.getByLabel('Model').fill('late:4b');
    await page.keyboard.press('Enter');
    const list = pulls.getByRole('list', { name: 'Downloads' });
    await list.getByRole('progressbar', { name: 'Downloading late:4b' }).waitFor();
    const shares = new Set<string>();
    await until(async () => {
      const words = (await list.textContent()) ?? '';
      shares.add(/\d+ %/.exec(words)?.[0] ?? '');
      return words.includes('done');
    }, 'the end of the download');
    expect(shares.size).toBeGreaterThan(2);
    await card('In force').getByText('late:4b').waitFor({ timeout: 60_000 });
    await pulls.getByLabel('Model').fill('no such model');
    await page.keyboard.press('Enter');
    await pulls.getByRole('alert').waitFor();
    await pulls.getByLabel('Model').fill('unheard-of');
    await page.keyboard.press('Enter');
    await list.getByText(/file does not exist/).waitFor();
  }, 120_000);

  it('asks the golden questions, and tells the last result', async () => {
    await show('questions');
    await page.getByText('No questions yet').waitFor();
    const add = card('Add a question');
    await add.getByRole('button', { name: 'Add' }).click();
    await add.getByRole('alert').first().waitFor();
    await add.getByLabel('Question').fill('Where does heron 7 <b>stand</b>?');
    await add.getByLabel('Take one of the list').selectOption('birds/<i>heron 7.txt');
    await add.getByRole('button', { name: 'Add' }).click();
    const golden = card('Golden questions');
    await golden.getByText('Where does heron 7 <b>stand</b>?').waitFor();
    await golden.getByText('not asked yet').waitFor();
    await golden.getByRole('button', { name: 'Ask them all' }).click();
    await golden.getByText(/place \d/).waitFor();
    await golden.getByText('100 %').waitFor();
    await page.reload();
    await golden.getByText(/1 question, /).waitFor();
    await golden.getByRole('button', { name: /^Remove/ }).click();
    await page.getByText('No questions yet').waitFor();
    expect(await golden.getByRole('listitem').count()).toBe(0);
  });

  it('shows every setting, and no secret', async () => {
    await show('settings');
    await page
      .getByRole('row', { name: /COMFYUI_URL/ })
      .getByText('http://127.0.0.1:59124')
      .waitFor();
    await page
      .getByRole('row', { name: /LIMNER_WEBHOOK_SECRETS/ })
      .getByText('set, and not shown')
      .waitFor();
    const all = await page.getByRole('row').count();
    await page.getByLabel('Only those that are set').check();
    expect(await page.getByRole('row').count()).toBeLessThan(all);
    const text = await page.locator('body').textContent();
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain(SECRET);
  });

  it.each(['light', 'dark'] as const)(
    'has no fault for axe in the %s theme, and fits small screens',
    async (theme) => {
      await page.emulateMedia({ colorScheme: theme });
      for (const part of ['health', 'models', 'questions', 'keys', 'settings']) {
        await show(part);
        await page.getByRole('region').first().waitFor();
        if (part === 'keys') await page.getByRole('button', { name: 'Make a key' }).click();
        expect([part, await faults(page)]).toEqual([part, []]);
        for (const width of [320, 360, 2560]) {
          await page.setViewportSize({ width, height: 720 });
          expect([part, width, await isTooWide(page)]).toEqual([part, width, false]);
        }
        await page.setViewportSize({ width: 1280, height: 800 });
        await page.keyboard.press('Escape');
      }
      expect(troubles.filter((line) => !line.includes('status of 400'))).toEqual([]);
    },
  );

  it('asks before it forgets what the brake holds', async () => {
    const held = async () => Held.parse(await (await service.get('/api/status')).json()).inbox.held;
    await rename(join(service.inbox, 'birds'), join(folder, 'away'));
    await until(async () => (await held()) === FILES, 'the brake', 30_000);
    await show('health');
    const brake = card(`${FILES} files missing at once`);
    await brake.waitFor();
    expect(await faults(page)).toEqual([]);
    await brake.getByRole('button', { name: 'They are meant to be gone' }).click();
    await page.getByRole('button', { name: 'Keep them' }).click();
    expect(await held()).toBe(FILES);
    await rename(join(folder, 'away'), join(service.inbox, 'birds'));
    await brake.getByRole('button', { name: 'They are back' }).click();
    await brake.waitFor({ state: 'detached', timeout: 30_000 });
    expect(await service.documents('&status=searchable')).toHaveLength(FILES);
    await rename(join(service.inbox, 'birds'), join(folder, 'away'));
    await brake.waitFor({ timeout: 30_000 });
    await brake.getByRole('button', { name: 'They are meant to be gone' }).click();
    await page.getByRole('button', { name: `Forget ${FILES}` }).click();
    await page.getByText(`${FILES} documents forgotten.`).waitFor();
    await brake.waitFor({ state: 'detached' });
    await until(
      async () => (await service.documents('&status=searchable')).length === 0,
      'nothing to be found',
    );
  }, 120_000);

  it('makes a key that is shown once, and revokes it', async () => {
    const status = async (key: string) =>
      (await fetch(`${service.url}/api/keys`, { headers: { authorization: `Bearer ${key}` } })).status;
    const make = async (name: string) => {
      await page.getByRole('button', { name: 'Make a key' }).click();
      await page.getByLabel('Name').fill(name);
    };
    const taken = async () => {
      const key = await page.getByLabel('Key', { exact: true }).inputValue();
      await page.getByRole('button', { name: 'I have it' }).click();
      return key;
    };
    await service.post('/api/documents', { text: 'A heron.', collection: 'birds' });
    await show('keys');
    await page.getByText('No keys were made here.').waitFor();
    await make('');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Name').fill('<b>mine');
    await page.getByRole('button', { name: 'Make it' }).click();
    const admin = await taken();
    expect(admin).toMatch(/^lim_[0-9a-f]{12}_[\w-]{43}$/);
    // With the first key the page needs one too.
    await page.getByLabel('API key').fill(admin);
    await page.keyboard.press('Enter');
    const list = card('Keys');
    await list.getByText('<b>mine').waitFor();
    expect(await page.locator('body').textContent()).not.toContain(admin.slice(-43));

    await make('a reader');
    await page.getByLabel('Only these').check();
    await page.getByRole('checkbox', { name: 'birds' }).check();
    await page.getByLabel('Ends after').fill('2099-12-31');
    await page.getByLabel('Requests a minute').fill('30');
    await page.getByRole('button', { name: 'Make it' }).click();
    const reader = await taken();
    await list.getByText(/collections: birds, 30 requests a minute, until/).waitFor();
    expect([await status(admin), await status(reader), await status('none')]).toEqual([200, 403, 401]);
    await list.getByRole('button', { name: 'Revoke a reader' }).click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    expect(await status(reader)).toBe(403);
    await list.getByRole('button', { name: 'Revoke a reader' }).click();
    await page.getByRole('button', { name: 'Revoke', exact: true }).click();
    await list.getByText('a reader', { exact: true }).waitFor({ state: 'detached' });
    expect(await status(reader)).toBe(401);
  });
});
