import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { createFakeComfy, type FakeComfy } from '../fakes/comfyui.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { until } from '../until.ts';
import { openBrowser, openPage } from './browser.ts';
import { writeWorkflows } from './painter.ts';

const Job = z.looseObject({
  id: z.string(),
  state: z.string(),
  inputs: z.record(z.string(), z.unknown()),
  passages: z.array(z.looseObject({ title: z.string() })),
  outputs: z.array(z.looseObject({ id: z.string(), kind: z.string() })),
});
export type Job = z.infer<typeof Job>;

/** The service with a painter beside it, and a browser on its page. */
export interface Studio {
  service: Service;
  comfy: FakeComfy;
  browser: Browser;
  page: Page;
  troubles: string[];
  /** Shows a view: `gallery`, `workflows/draw`. */
  show(view: string): Promise<void>;
  /** Has something made, and waits until it is. */
  make(body: object): Promise<Job>;
  jobs(query?: string): Promise<Job[]>;
  /** The service ends at once; resolves when it is there again, at the same address. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** `prepare` may write into the folder before the service starts. */
export async function openStudio(
  env: Record<string, string> = {},
  prepare: (folder: string) => Promise<void> = async () => {},
): Promise<Studio> {
  const folder = await temporaryFolder();
  const comfy = await createFakeComfy();
  const LIMNER_WORKFLOWS = await writeWorkflows(join(folder, 'workflows'));
  await prepare(folder);
  async function start(more: Record<string, string> = {}): Promise<Service> {
    const started = await startService(folder, {
      COMFYUI_URL: comfy.url,
      LIMNER_WORKFLOWS,
      LIMNER_ILLUSTRATE_WORKFLOW: 'draw',
      ...env,
      ...more,
    });
    await until(
      async () => (await (await started.get('/api/workflows')).text()).includes('"ready":true'),
      'the painter',
    );
    return started;
  }
  let service = await start();
  const browser = await openBrowser();
  const { page, troubles } = await openPage(browser, service.url);
  return {
    get service() {
      return service;
    },
    comfy,
    browser,
    page,
    troubles,
    show: async (view) => void (await page.goto(`${service.url}/#/${view}`)),
    make: async (body) =>
      Job.parse(await (await service.post('/api/images', { wait: true, ...body })).json()),
    jobs: async (query = '') =>
      z.object({ data: z.array(Job) }).parse(await (await service.get(`/api/images?${query}`)).json()).data,
    async restart() {
      await service.kill();
      service = await start({ LIMNER_PORT: new URL(service.url).port });
    },
    async close() {
      await browser.close();
      await service.stop();
      await comfy.stop();
      await removeFolder(folder);
    },
  };
}
