import { SECTION_BREAK, type Section, type Span } from '../document.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import { escape } from './escape.ts';
import { aboutHtml } from './viewer-text.ts';

/** pdf.js draws on canvases, decodes some pictures in WebAssembly, and works in a worker of ours. */
export const PAGED_POLICY = [
  `default-src 'none'`,
  `script-src 'self' 'wasm-unsafe-eval'`,
  `worker-src 'self'`,
  `style-src 'self'`,
  `img-src 'self' blob: data:`,
  `font-src 'self' data:`,
  `connect-src 'self'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'self'`,
].join('; ');

/** A PDF as it looks, opened at the page of the link or of the passage; web/viewer.js does the rest. */
export function pdfPage(
  document: LedgerDocument,
  sections: readonly Section[],
  mark: Span | undefined,
): string {
  const id = encodeURIComponent(document.id);
  const pages = mark ? pagesOf(sections, mark) : undefined;
  const query = mark ? `&amp;mark=${mark.join('-')}` : '';
  const marked = mark && pages ? ` data-mark="${mark.join('-')}" data-pages="${pages.join('-')}"` : '';
  return `<!doctype html>
<html lang="und"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer"><title>${escape(document.title)}</title>
<link rel="icon" href="/web/icon.svg"><link rel="stylesheet" href="/pdfjs/web/pdf_viewer.css"><link rel="stylesheet" href="/web/viewer.css"></head>
<body data-document="${id}"${marked}><header lang="en"><h1>${escape(document.title)}</h1>
${aboutHtml(document, ` · <a href="?view=text${query}">as text</a>`)}
<div class="bar" role="toolbar" aria-label="Pages and size" aria-controls="pages">
<button id="previous" type="button" aria-label="Previous page">‹</button>
<label>Page <input id="page" inputmode="numeric" size="4" value="1"></label> <span>of <span id="count">…</span></span>
<button id="next" type="button" aria-label="Next page">›</button>
<button id="smaller" type="button" aria-label="Smaller">−</button>
<button id="larger" type="button" aria-label="Larger">+</button>
<button id="passage" type="button" hidden>Cited passage</button></div>
<p id="trouble" role="status"></p></header>
<main><div id="pages" role="region" tabindex="0" aria-label="Pages of the document"><div class="pdfViewer"></div></div></main>
<noscript><p>Pages need JavaScript; the <a href="?view=text${query}">text</a> does not.</p></noscript>
<script type="module" src="/web/viewer.js"></script></body></html>`;
}

/** Pictures as they look. Those of a TIFF are its pages; `page` is missing for all others, which are one. */
export function picturePage(
  document: LedgerDocument,
  pictures: readonly { url: string; width: number; height: number; page?: number }[],
  mark: Span | undefined,
): string {
  const query = mark ? `&amp;mark=${mark.join('-')}` : '';
  const shown = pictures.map(
    ({ url, width, height, page = 1 }) =>
      `<div class="picture" data-page="${page}" id="page=${page}"><img src="${escape(url)}" width="${width}" height="${height}" alt="${escape(document.title)}"></div>`,
  );
  return `<!doctype html>
<html lang="und"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer"><title>${escape(document.title)}</title>
<link rel="icon" href="/web/icon.svg"><link rel="stylesheet" href="/web/viewer.css"></head>
<body data-document="${encodeURIComponent(document.id)}"${mark ? ` data-mark="${mark.join('-')}"` : ''}><header lang="en"><h1>${escape(document.title)}</h1>
${aboutHtml(document, ` · <a href="?view=text${query}">as text</a>`)}</header>
<main class="pictures" tabindex="0">${shown.join('\n')}</main>
<script type="module" src="/web/viewer-picture.js"></script></body></html>`;
}

/** The first and the last page that the passage touches. */
function pagesOf(sections: readonly Section[], [start, end]: Span): [number, number] | undefined {
  const touched: number[] = [];
  let offset = 0;
  for (const { text, page } of sections) {
    if (page !== undefined && offset < end && offset + text.length > start) touched.push(page);
    offset += text.length + SECTION_BREAK.length;
  }
  const [first, last] = [touched[0], touched.at(-1)];
  return first === undefined || last === undefined ? undefined : [first, last];
}
