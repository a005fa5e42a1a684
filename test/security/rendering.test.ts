import { createServer } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { listen, stopListening } from '../fakes/listen.ts';
import { removeFolder, startService, temporaryFolder, type Service } from '../service.ts';
import { hasBrowser, openBrowser, openPage } from '../web/browser.ts';

/** Ways in which a text makes a browser run or load something, as facts about renderers have them. */
const sinks = (canary: string): string[] => [
  `![x](${canary}/image)`,
  `![x][r]\n\n[r]: ${canary}/reference`,
  `<img src="${canary}/img" onerror="document.title='ran'">`,
  `<img srcset="${canary}/srcset 2x">`,
  `<script>document.title='ran'</script>`,
  `<svg onload="document.title='ran'"><image href="${canary}/svg"/></svg>`,
  `<iframe src="${canary}/frame"></iframe>`,
  `<video poster="${canary}/poster"></video><audio src="${canary}/audio" autoplay></audio>`,
  `<style>@import url(${canary}/import); p { background: url(${canary}/style) }</style>`,
  `<p style="background:url(${canary}/inline)">x</p>`,
  `<link rel="stylesheet" href="${canary}/link">`,
  `<form action="${canary}/form"><input type="image" src="${canary}/input" autofocus></form>`,
  `<table background="${canary}/table"><tr><td>x</td></tr></table>`,
  `<object data="${canary}/object"></object><embed src="${canary}/embed">`,
  `<meta http-equiv="refresh" content="0;url=${canary}/meta"><base href="${canary}/">`,
  `[click](javascript:document.title='ran') [data](data:text/html,<script>1</script>) [vb](vbscript:x)`,
  `<a href="java&#10;script:document.title='ran'">x</a>`,
  `[looks like home](${canary}/phish)`,
];

describe.skipIf(!hasBrowser)('what documents and models write, in a real browser', () => {
  let folder: string;
  let service: Service;
  let browser: Browser;
  let canary: string;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });

  beforeAll(async () => {
    canary = `http://127.0.0.1:${await listen(server, 0)}`;
    folder = await temporaryFolder();
    service = await startService(folder);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await service.stop();
    await stopListening(server);
    await removeFolder(folder);
  });

  it('is rendered as Markdown without loading or running anything; only links to click are left', async () => {
    const { page } = await openPage(browser, service.url);
    await page.goto(service.url);
    // As text, since the tests' own loader would rewrite an import in a function.
    const { tags, links } = await page.evaluate<{ tags: string[]; links: string[] }>(`(async () => {
      const { renderMarkdown } = await import('/web/lib/markdown.js');
      const { render } = await import('preact');
      const element = document.createElement('div');
      document.body.append(element);
      render(renderMarkdown(${JSON.stringify(sinks(canary).join('\n\n'))}), element);
      const all = [...element.querySelectorAll('*')];
      return { tags: all.map((one) => one.localName), links: all.flatMap((one) => one.getAttribute('href') ?? []) };
    })()`);
    await page.waitForLoadState('networkidle');
    expect(await page.title()).not.toBe('ran');
    expect(asked).toEqual([]);
    for (const tag of [
      'img',
      'script',
      'svg',
      'iframe',
      'style',
      'link',
      'form',
      'object',
      'embed',
      'video',
      'base',
    ])
      expect(tags).not.toContain(tag);
    for (const href of links) expect(href).toMatch(/^(https?:|mailto:|#)/);
    expect(links).toContain(`${canary}/phish`);
    await page.close();
  });

  it('stands as text in titles, names and the viewer, and in every view of the page', async () => {
    const nasty = sinks(canary).join('\n\n');
    const { id } = z.looseObject({ id: z.string() }).parse(
      await (
        await service.post('/api/documents', {
          title: `"><img src=${canary}/title onerror=document.title='ran'>`,
          text: nasty,
          external_id: `</script><script>document.title='ran'</script>`,
          metadata: { note: `<img src=${canary}/metadata>` },
          tags: [`<img src=${canary}/tag>`],
        })
      ).json(),
    );
    await service.quiet(1);
    const { page, troubles } = await openPage(browser, service.url);
    for (const path of [
      `/documents/${id}`,
      `/documents/${id}?mark=0-20&view=text`,
      '/#/documents',
      `/#/documents/${id}`,
      '/#/search',
      '/#/ask',
    ]) {
      await page.goto(service.url + path);
      await page.waitForLoadState('networkidle');
      expect(await page.title(), path).not.toBe('ran');
    }
    await page.goto(`${service.url}/#/search`);
    await page.getByRole('searchbox').first().fill('click');
    await page.keyboard.press('Enter');
    await page.getByText('onerror=').first().waitFor();
    await page.goto(`${service.url}/#/ask`);
    await page.getByRole('textbox').first().fill('What does it say of click?');
    await page.keyboard.press('Enter');
    await page.getByText('These passages fit best').first().waitFor();
    await page.waitForLoadState('networkidle');
    expect(await page.title()).not.toBe('ran');
    expect(asked).toEqual([]);
    expect(troubles.filter((line) => line.includes(canary))).toEqual([]);
    await page.close();
  });
});
