import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_OLLAMA, removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { faults, hasBrowser, openBrowser, openPage } from './browser.ts';

/** Ports that nothing listens on. */
const QDRANT = 'http://127.0.0.1:59125';
const CHAT = 'http://127.0.0.1:59126/v1';

describe.skipIf(!hasBrowser)('the state with every server away (needs /usr/bin/chromium)', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;

  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startService(folder, {
      QDRANT_URL: QDRANT,
      LIMNER_CHAT_URL: CHAT,
      COMFYUI_URL: 'http://127.0.0.1:59124',
      AUTOMATIC1111_URL: 'http://127.0.0.1:59127',
    });
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await removeFolder(folder);
  });

  it('says of each what is wrong and what to do', async () => {
    const { page, troubles } = await openPage(browser, service.url);
    await page.goto(`${service.url}/#/state`);
    const servers = page.getByRole('region', { name: 'Servers' });
    for (const [url, ...words] of [
      [NO_OLLAMA, /is it running/, 'ollama serve'],
      [CHAT, /is it running/, 'LIMNER_CHAT_URL and LIMNER_CHAT_KEY'],
      ['http://127.0.0.1:59124', /cannot be reached/, 'COMFYUI_URL'],
      ['http://127.0.0.1:59127', /cannot be reached/, 'AUTOMATIC1111_URL'],
      [QDRANT, /does not answer/, 'QDRANT_URL and QDRANT_API_KEY'],
    ] as const) {
      const row = servers.getByRole('listitem').filter({ hasText: url }).filter({ hasText: 'away' });
      for (const one of words) await row.getByText(one).first().waitFor();
    }
    expect(await servers.getByText('Another server does this').count()).toBe(0);
    // What cannot be counted is not told as nothing.
    const documents = page.getByRole('region', { name: 'Documents' });
    expect(await documents.getByText('?', { exact: true }).count()).toBe(2);
    await page.goto(`${service.url}/#/state/models`);
    await page.getByText('The only model that its server has.').waitFor();
    expect(await faults(page)).toEqual([]);
    expect(troubles).toEqual([]);
  });
});
