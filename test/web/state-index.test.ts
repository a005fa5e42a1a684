import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeOllama, embedModel, type FakeOllama } from '../fakes/ollama.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { hasBrowser, openBrowser, openPage } from './browser.ts';

const PASSAGES = 300;

describe.skipIf(!hasBrowser)('a change of the embedding model on the page (needs /usr/bin/chromium)', () => {
  let folder: string;
  let ollama: FakeOllama;
  let service: Service;
  let browser: Browser;

  beforeAll(async () => {
    folder = await temporaryFolder();
    ollama = await createFakeOllama({
      installed: [
        embedModel({ name: 'old-model:latest', dimension: 64 }),
        embedModel({ name: 'new-model:latest', dimension: 96 }),
      ],
    });
    browser = await openBrowser();
  });

  afterAll(async () => {
    await browser.close();
    await service.stop();
    await ollama.stop();
    await removeFolder(folder);
  });

  const start = async (model: string): Promise<void> => {
    service = await startService(folder, { OLLAMA_HOST: ollama.url, LIMNER_EMBED_MODEL: model });
  };

  it('is told with its progress, and left again by a button', async () => {
    await start('old-model');
    const records = Array.from(
      { length: PASSAGES },
      (_, at) => `Record ${at} tells of ship number ${at}. ${'It lay in the harbour. '.repeat(36)}`,
    );
    await service.post('/api/documents', { text: records.join('\n\n'), external_id: 'records' });
    await until(
      async () => (await (await service.get('/api/status')).text()).includes(`"vectors":${PASSAGES}`),
      'the vectors of the old model',
    );
    await service.stop();
    ollama.settings.costMs.embedText = 15;
    await start('new-model');

    const { page, troubles } = await openPage(browser, service.url);
    await page.goto(`${service.url}/#/state/models`);
    const index = page.getByRole('region', { name: 'Vectors of the index' });
    await index.getByText('old-model answers.').waitFor();
    await index.getByRole('progressbar').waitFor();
    await index.getByText(/The vectors of new-model are built beside it: \d+ of 300/).waitFor();
    ollama.settings.costMs.embedText = 0;
    await index.getByText('new-model answers.').waitFor({ timeout: 60_000 });
    expect(await index.getByRole('progressbar').count()).toBe(0);
    await index.getByRole('button', { name: 'Back to old-model' }).click();
    await index.getByText(/old-model answers\. Somebody went back/).waitFor();
    await index.getByRole('button', { name: 'Take the model of the settings' }).click();
    await index.getByText('new-model answers.').waitFor({ timeout: 60_000 });
    expect(troubles).toEqual([]);
  }, 120_000);
});
