import { expect, test } from 'vitest';
import { joinSections } from '../../src/document.ts';
import { targetOf } from '../../src/processors/redirects.ts';
import { createFolder, createPool } from './bed.ts';

const pool = createPool();
const write = createFolder();

async function extract(body: string) {
  const page = `<!doctype html><html><head><title>Tides</title></head><body>${body}</body></html>`;
  return pool.extract(write('page.html', page));
}

const textOf = async (body: string): Promise<string> => joinSections((await extract(body)).sections);

test.each([
  ['<p>the <b>bar </b>and <i>the ebb</i>.</p>', 'the **bar** and *the ebb*.'],
  ['<p><b>O</b>nce un<em>believ</em>able</p>', 'Once unbelievable'],
  ['<p><b><i>both</i> of them</b> <b> </b>here</p>', '**both of them** here'],
  [`<p><b>${'long '.repeat(100)}</b></p>`, 'long '.repeat(100).trim()],
  ['<pre><b>let</b> a = 1</pre>', '```\nlet a = 1\n```'],
  [
    '<table><tr><th><b>Port</b></th></tr><tr><td><b>Leith</b></td></tr></table>',
    '| Port |\n| --- |\n| **Leith** |',
  ],
])('emphasis stands around words: %s', async (body, text) => {
  expect(await textOf(body)).toBe(text);
});

test.each([
  [
    '<p>see <a href="https://a.example/x (1)" title="The tables">the tables</a>.</p>',
    'see [the tables](https://a.example/x%20%281%29 "The tables").',
  ],
  [
    '<p><a href="tides/may.html">May</a> <a href="#top">up</a> <a href="javascript:go()">go</a></p>',
    '[May](tides/may.html) up go',
  ],
  [
    '<p><a href="data:text/html,x">x</a> <a href="https://a.example/">https://a.example/</a></p>',
    'x https://a.example/',
  ],
  ['<p><a href="/a"></a>none <a href="/b"> <b>bold</b> </a>end</p>', 'none [**bold**](/b) end'],
  ['<a href="/card"><p>one</p><p>two</p></a>', '[one](/card)\n\ntwo'],
])('links have their addresses: %s', async (body, text) => {
  expect(await textOf(body)).toBe(text);
});

test('a heading is told without the address that it links to', async () => {
  const { sections } = await extract(
    '<h2><b>The</b> <a href="https://a.example/bar">bar</a></h2><p>It shifts.</p>',
  );
  expect(sections).toMatchObject([
    { text: '## The [bar](https://a.example/bar)\n\nIt shifts.', headings: ['The bar'] },
  ]);
});

test('quotations have their sign, as deep as three', async () => {
  const quote = (text: string, more = ''): string => `<blockquote><p>${text}</p>${more}</blockquote>`;
  expect(await textOf(quote('a', quote('b', quote('c', quote('d')))) + '<p>end</p>')).toBe(
    '> a\n\n> > b\n\n> > > c\n\n> > > d\n\nend',
  );
});

test('pages that nest marks without end take no longer', async () => {
  const nested = '<b><i>'.repeat(10_000);
  expect(await textOf(`${nested}deep`)).toContain('deep');
  expect(await textOf('<b>x </b>'.repeat(30_000))).toContain('**x** **x**');
  expect(await textOf('<p><a href="/x">'.repeat(5000))).toBe('');
});

const LONG = encodeURIComponent('https://a.example/x?y=1&z=2');

test.each([
  [`https://eur01.safelinks.protection.outlook.com/?url=${LONG}&data=05`, 'https://a.example/x?y=1&z=2'],
  [`https://www.google.com/url?sa=t&url=${LONG}`, 'https://a.example/x?y=1&z=2'],
  [
    `https://www.bing.com/ck/a?!&&p=1&u=a1${Buffer.from('https://a.example/').toString('base64url')}&ntb=1`,
    'https://a.example/',
  ],
  [
    `https://www.bing.com/ck/a?u=a1${Buffer.from('/search?q=x').toString('base64url')}`,
    'https://www.bing.com/search?q=x',
  ],
  [`https://www.bing.com/ck/a?u=a1${Buffer.from('javascript:void(0)').toString('base64url')}`, ''],
  [`https://a.example/login?url=${LONG}`, `https://a.example/login?url=${LONG}`],
  ['https://www.google.com/search?q=tides', 'https://www.google.com/search?q=tides'],
  ['tides.html', 'tides.html'],
])('%s leads to %s', (href, target) => {
  expect(targetOf(href)).toBe(target);
});
