/**
 * What each view of the page costs a browser that has nothing yet: bytes of script and style as they are sent, requests,
 * and when something is to be seen; as it is, and through a slow line on a slow machine. `node bench/page.ts [runs]`
 */
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { removeFolder, temporaryFolder } from '../test/service.ts';
import { openBrowser } from '../test/web/browser.ts';
import { openStage } from '../test/web/stage.ts';
import { median } from './figures.ts';

const VIEWS = ['ask', 'documents', 'search', 'gallery', 'workflows', 'state'];
/** A phone that is not new, and its line: a quarter of this processor, 10 Mbit/s, 40 ms there and back. */
const SLOW = { processor: 4, bytesPerSecond: 10e6 / 8, latencyMs: 40 };

const { positionals } = parseArgs({ allowPositionals: true });
const runs = Number(positionals[0] ?? 5);
const folder = await temporaryFolder();
const stage = await openStage(folder);
const browser = await openBrowser();
const table: Record<string, object> = {};
for (const view of VIEWS) {
  const [quick, slow] = [await repeated(view, false), await repeated(view, true)];
  table[view] = {
    'script kB, Brotli': figure(quick, ({ script }) => script / 1000),
    'script kB, gzip': figure(
      [{ script: await gzipped(quick[0]?.urls ?? []) }],
      ({ script }) => script / 1000,
    ),
    'style kB': figure(quick, ({ style }) => style / 1000),
    requests: figure(quick, ({ urls }) => urls.length),
    'first paint ms': figure(quick, ({ paintMs }) => paintMs),
    'view there ms': figure(quick, ({ thereMs }) => thereMs),
    'slow: first paint ms': figure(slow, ({ paintMs }) => paintMs),
    'slow: view there ms': figure(slow, ({ thereMs }) => thereMs),
  };
}
console.table(table);
await browser.close();
await stage.close();
await removeFolder(folder);

interface Load {
  script: number;
  style: number;
  urls: string[];
  paintMs: number;
  thereMs: number;
}

function figure<T>(loads: readonly T[], of: (load: T) => number): number {
  return Math.round(10 * median(loads.map(of))) / 10;
}

async function repeated(view: string, isSlow: boolean): Promise<Load[]> {
  const loads: Load[] = [];
  for (let left = runs; left > 0; left--) loads.push(await load(browser, view, isSlow));
  return loads;
}

/** One load with an empty cache. */
async function load(browser: Browser, view: string, isSlow: boolean): Promise<Load> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  if (isSlow) await slowDown(page);
  await page.goto(`${stage.service.url}/#/${view}`);
  await page.waitForFunction(() => performance.getEntriesByName('view').length > 0);
  const found = await page.evaluate(() => {
    // What comes after the view is there, when the browser has time, is not what it waits for.
    const thereMs = performance.getEntriesByName('view')[0]?.startTime ?? Number.NaN;
    const entries = performance
      .getEntriesByType('resource')
      .filter(({ startTime }) => startTime < thereMs)
      .filter((one): one is PerformanceResourceTiming => one instanceof PerformanceResourceTiming);
    const bytes = (ending: RegExp): number =>
      entries.reduce((sum, { name, encodedBodySize }) => sum + (ending.test(name) ? encodedBodySize : 0), 0);
    return {
      script: bytes(/\.m?js$/),
      style: bytes(/\.css$/),
      urls: entries.map(({ name }) => name).filter((name) => name.includes('/web/')),
      paintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
      thereMs,
    };
  });
  await page.close();
  return found;
}

async function slowDown(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOW.processor });
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: SLOW.latencyMs,
    downloadThroughput: SLOW.bytesPerSecond,
    uploadThroughput: SLOW.bytesPerSecond,
  });
}

/** What the scripts weigh for a browser on another machine without TLS, which takes no Brotli. */
async function gzipped(urls: readonly string[]): Promise<number> {
  const scripts = urls.filter((url) => /\.m?js$/.test(url));
  const sizes = await Promise.all(
    scripts.map(async (url) => {
      const { headers } = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
      return Number(headers.get('content-length'));
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
