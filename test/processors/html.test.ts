import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { createFolder, createPool } from './bed.ts';

const pool = createPool();
const write = createFolder();

async function textOf(name: string, body: string): Promise<string> {
  const page = `<!doctype html><html><head><title>Tides</title></head><body>${body}</body></html>`;
  return joinSections((await pool.extract(write(name, page))).sections);
}

const links = (...words: readonly string[]): string =>
  `<ul>${words.map((word) => `<li><a href="/${word}">${word}</a></li>`).join('')}</ul>`;
const TEXT =
  '<p>The ebb runs for seven hours at the bar, and a boat that misses it waits for the next one.</p>';

test('what surrounds the text of a page is left out, by its elements and roles', async () => {
  const text = await textOf(
    'roles.html',
    `<div role="dialog"><p>We value your privacy and set cookies.</p></div>
     <header><a href="/">Harbour Gazette</a>${links('Politics', 'Weather')}</header>
     <main><article><header><h1>The ebb</h1><p>by Edda Holm</p></header>${TEXT}
       <aside><p>Pilots call it the long wait.</p></aside><footer>First printed in May.</footer></article></main>
     <aside>${links('Most-read', 'Crossword')}</aside>
     <footer><p>Imprint, terms and <a href="/ads">advertising</a></p></footer>`,
  );
  for (const kept of ['# The ebb', 'by Edda Holm', 'seven hours', 'the long wait', 'First printed in May'])
    expect(text).toContain(kept);
  expect(text).not.toMatch(/privacy|Gazette|Weather|Crossword|advertising/);
});

test('and by the names that authors give it, where it is short or made of links', async () => {
  const text = await textOf(
    'names.html',
    `<div id="cookie-consent"><p>${'We and our partners set cookies for many reasons. '.repeat(8)}</p></div>
     <div class="site-menu">${links('Boats', 'Nets')}</div><h1>The ebb</h1>${TEXT}
     <div class="share-buttons"><a href="/s">Share</a></div>
     <div class="navigation lights"><p>Two red lights over each other mean that a vessel cannot be steered any more by her own crew.</p></div>
     <div class="footer">All rights reserved.</div>`,
  );
  expect(text).toContain('seven hours');
  expect(text).toContain('Two red lights');
  expect(text).not.toMatch(/partners|Nets|Share|rights reserved/);
});

test('a page of links is its text, and so is a foot without links', async () => {
  expect(
    await textOf('list.html', `<h1>Charts</h1><nav>${links('Firth', 'Sound', 'Skerry')}</nav>`),
  ).toContain('Skerry');
  expect(await textOf('note.html', `${TEXT}<footer>Read from the gauge at the quay.</footer>`)).toContain(
    'gauge',
  );
  expect(
    await textOf('picture.html', '<header><a href="/"><img alt="A chart of the bar"></a></header>'),
  ).toContain('A chart of the bar');
});
