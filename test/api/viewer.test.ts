import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { startBench } from './setup.ts';

const bench = await startBench();

async function open(id: string, query = ''): Promise<{ html: string; policy: string }> {
  const response = await bench.get(`/documents/${id}${query}`);
  expect(response.statusCode).toBe(200);
  expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
  return { html: response.body, policy: String(response.headers['content-security-policy']) };
}

/** What stands between the first two of these, as a reader sees it. */
function between(html: string, start: string, end: string): string {
  const [, rest = ''] = html.split(start, 2);
  return unescape(rest.split(end, 1)[0] ?? '');
}

function unescape(html: string): string {
  return html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

const HOSTILE = `<img src=x onerror=alert(1)>"><svg onload='a'>&amp;</pre></main><script>alert(2)</script>`;

describe('what a document says is text', () => {
  test('in its title, its address, its collection and its words', async () => {
    const { id } = await bench.send({
      text: HOSTILE,
      title: HOSTILE,
      external_id: `<b>${HOSTILE}`,
      collection: `<i onclick="x">`,
    });
    const { html } = await open(id);
    expect(html.match(/<[a-z!][a-z1-6]*/gi)?.toSorted()).toEqual(
      [
        ...[
          '<!doctype',
          '<html',
          '<head',
          '<meta',
          '<meta',
          '<meta',
          '<title',
          '<link',
          '<style',
          '<body',
          '<header',
        ],
        ...['<h1', '<p', '<a', '<main', '<section', '<pre', '<script'],
      ].toSorted(),
    );
    expect(between(html, '<title>', '</title>')).toBe(HOSTILE);
    expect(between(html, '<h1>', '</h1>')).toBe(HOSTILE);
    expect(between(html, '<pre>', '</pre>')).toBe(HOSTILE);
  });

  test('and the policy lets nothing run but our own style and script', async () => {
    const { id } = await bench.send({ text: 'plain' });
    const { html, policy } = await open(id);
    const hashOf = (tag: string): string => {
      const content = html.split(`<${tag}>`, 2)[1]?.split(`</${tag}>`, 1)[0] ?? '';
      return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
    };
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`style-src ${hashOf('style')}`);
    expect(policy).toContain(`script-src ${hashOf('script')}`);
    expect(policy).not.toContain('unsafe');
  });
});

describe('a table', () => {
  const text =
    'Stock:\n| item | shelf |\n| --- | :-: |\n| <b>oil</b> | C\\|1 |\n| nails || B4 |\n| odd\n\n| no | table |\n\n| a |\n|---|';
  const rows = (html: string): string[] =>
    html.match(/<t[hd]>.*?<\/t[hd]>/gs)?.map((cell) => cell.replaceAll(/<\/?t[hd]>/g, '')) ?? [];

  test('is shown as one, and what is none as it stands', async () => {
    const { id } = await bench.send({ text, external_id: 'table' });
    const { html } = await open(id);
    expect(rows(html)).toEqual([
      ...['item', 'shelf', '&lt;b&gt;oil&lt;/b&gt;', 'C\\|1', 'nails', '', 'B4', 'a'],
    ]);
    expect(between(html, '</table></div><pre>', '</pre>')).toBe('| odd\n\n| no | table |\n');
  });

  test('has its cited words marked', async () => {
    const { id } = await bench.send({ text, external_id: 'table' });
    const start = text.indexOf('oil');
    const { html } = await open(id, `?mark=${start}-${text.indexOf(' B4')}`);
    expect(html.match(/<mark>.*?<\/mark>/gs)).toEqual([
      '<mark>oil&lt;/b&gt;</mark>',
      '<mark>C\\|1</mark>',
      '<mark>nails</mark>',
    ]);
  });
});

describe('the mark', () => {
  const text = 'Before & <b>bold</b> 🦑 after.';

  test.each([
    [0, 6],
    [9, 20],
    [7, 13],
    [21, 23],
    [24, 30],
    [0, text.length],
  ])('is at the words from %i to %i', async (start, end) => {
    const { id } = await bench.send({ text, external_id: 'marked' });
    const { html } = await open(id, `?mark=${start}-${end}`);
    expect(between(html, '<mark>', '</mark>')).toBe(text.slice(start, end));
    expect(between(html, '<pre>', '</pre>').replaceAll(/<\/?mark>/g, '')).toBe(text);
  });

  test.each([
    '',
    '?mark=',
    '?mark=a-b',
    '?mark=5',
    '?mark=9-2',
    '?mark=3-3',
    '?mark=-1-5',
    '?mark=1-99999999999',
    '?other=1',
  ])('is left out where there is none to make: "%s"', async (query) => {
    const { id } = await bench.send({ text, external_id: 'marked' });
    const { html } = await open(id, query);
    expect(html).not.toContain('<mark>');
    expect(between(html, '<pre>', '</pre>')).toBe(text);
  });

  test('beyond the end of a text that became shorter still shows the text', async () => {
    const { id } = await bench.send({ text, external_id: 'marked' });
    for (const query of ['?mark=500000-500010', '?mark=9999999998-9999999999'])
      expect(between((await open(id, query)).html, '<pre>', '</pre>')).toBe(text);
  });

  test('a citation opens at the words it cites', async () => {
    const words = 'The bell of the Ondine hangs in the boathouse.';
    await bench.drop('log.md', `# Log\n\nSome <i>text</i> & more 🦑.\n\n## Bell\n\n${words}\n`);
    const { id } = (await bench.post('/webhooks/process', { filepath: 'log.md' })).json<{ id: string }>();
    await bench.done(id);
    const asked = await bench.post('/v1/chat/completions', {
      model: 'limner',
      messages: [{ role: 'user', content: 'Where does the bell of the Ondine hang?' }],
    });
    const { citations, sources } = asked.json<{ citations: string[]; sources: { text: string }[] }>();
    const url = new URL(citations[0] ?? '');
    expect(url.pathname).toBe(`/documents/${id}`);
    const { html } = await open(id, url.search);
    expect(between(html, '<mark>', '</mark>')).toBe(sources[0]?.text);
    expect(sources[0]?.text).toContain(words);
  });
});

describe('a PDF', () => {
  test('is shown as it looks, with the pages of the passage and no script but ours', async () => {
    const { id } = await fromFixture('sample.pdf');
    const { words } = (await bench.get(`/api/documents/${id}/words?page=2`)).json<Placed>();
    const mark = words[0]?.span.join('-');
    const { html, policy } = await open(id, `?mark=${mark}`);
    expect(html).toContain(`<body data-document="${id}" data-mark="${mark}" data-pages="2-2">`);
    expect(html.match(/<script[^>]*>/g)).toEqual(['<script type="module" src="/web/viewer.js">']);
    expect(html).not.toMatch(/<style|style=|onload|onclick/);
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).not.toContain('unsafe-inline');
    expect((await open(id, '?mark=9999999-99999999')).html).toContain(`<body data-document="${id}">`);
  });

  test('has places of its words, those of a passage or all', async () => {
    const { id } = await fromFixture('sample.pdf');
    const all = (await bench.get(`/api/documents/${id}/words?page=2`)).json<Placed>();
    expect(all).toMatchObject({ page: 2, width: 595, height: 842 });
    const at = all.words.findIndex(({ text }) => text === 'colza');
    const [colza, oil] = all.words.slice(at);
    expect(oil?.text).toBe('oil,');
    const passage = `${colza?.span[0]}-${oil?.span[1]}`;
    const some = (await bench.get(`/api/documents/${id}/words?page=2&mark=${passage}`)).json<Placed>();
    expect(some.words).toEqual([colza, oil]);
    for (const { box } of all.words) {
      expect(box[0]).toBeGreaterThan(50);
      expect(box[0] + box[2]).toBeLessThan(560);
    }
  });

  test('a page without places is told apart from a wrong request', async () => {
    const { id } = await fromFixture('sample.pdf');
    expect((await bench.get(`/api/documents/${id}/words?page=9`)).statusCode).toBe(404);
    expect((await bench.get(`/api/documents/${id}/words?page=0`)).statusCode).toBe(400);
    expect((await bench.get(`/api/documents/${id}/words?page=1&mark=x`)).statusCode).toBe(400);
  });

  test('is drawn with files of the installed package, and no others are served', async () => {
    for (const [path, type] of [
      ['build/pdf.min.mjs', 'text/javascript'],
      ['build/pdf.worker.min.mjs', 'text/javascript'],
      ['web/pdf_viewer.css', 'text/css'],
      ['web/images/annotation-note.svg', 'image/svg+xml'],
      ['cmaps/Adobe-Japan1-0.bcmap', 'application/octet-stream'],
      ['fonts/LiberationSans-Regular.ttf', 'font/ttf'],
      ['wasm/openjpeg.wasm', 'application/wasm'],
    ]) {
      const response = await bench.get(`/pdfjs/${path}`);
      expect([path, response.statusCode, response.headers['content-type']]).toEqual([
        path,
        200,
        expect.stringContaining(type ?? ''),
      ]);
    }
    for (const path of [
      'build/..%2f..%2fpackage.json',
      'build/..',
      'constructor/pdf.mjs',
      'build/pdf.mjs.map',
      'web/images',
      'web/images/..%2fpdf_viewer.css',
    ])
      expect([path, (await bench.get(`/pdfjs/${path}`)).statusCode]).toEqual([path, 404]);
  });
});

interface Placed {
  words: { text: string; span: [number, number]; box: [number, number, number, number] }[];
}

describe('places', () => {
  test('every page has one anchor, and headings stand above their text', async () => {
    const { id } = await fromFixture('sample.pdf');
    const { html } = await open(id, '?view=text');
    const anchors = html.match(/id="page=\d+"/g) ?? [];
    expect(anchors.length).toBeGreaterThanOrEqual(3);
    expect(new Set(anchors).size).toBe(anchors.length);
    expect(html).toContain('id="page=3"');
    expect(html).toMatch(/<div class="place">page 3/);
  });

  test('of a very long document the part around the mark is shown, and it says so', async () => {
    await bench.drop(
      'long.md',
      Array.from({ length: 300 }, (_, at) => `# Part ${at}\n\n${'word '.repeat(800)}`).join('\n\n'),
    );
    const { id } = (await bench.post('/webhooks/process', { filepath: 'long.md' })).json<{ id: string }>();
    await bench.done(id);
    for (const query of ['', '?mark=600000-600010', '?mark=0-9999999999']) {
      const { html } = await open(id, query);
      expect(html.includes('The document is long'), query).toBe(true);
      expect(html.length, query).toBeLessThan(700_000);
      expect(html.includes('<mark>'), query).toBe(query !== '');
    }
  });

  test('a document without text says so, with its reason', async () => {
    await bench.drop('broken.pdf', '%PDF-1.4 and <nothing> else');
    const { id } = (await bench.post('/webhooks/process', { filepath: 'broken.pdf' })).json<{ id: string }>();
    const { error } = await bench.done(id);
    const { html } = await open(id);
    expect(html).toContain('There is no text of this document.');
    expect(unescape(html)).toContain(`failed: ${error?.message}`);
  });
});

async function fromFixture(name: string): Promise<{ id: string }> {
  await bench.drop(name, await readFile(new URL(`../fixtures/${name}`, import.meta.url)));
  const { id } = (await bench.post('/webhooks/process', { filepath: name })).json<{ id: string }>();
  return bench.done(id);
}
