import { createHash } from 'node:crypto';
import { placeInWords, SECTION_BREAK, type Section, type Span } from '../document.ts';
import type { LedgerDocument } from '../ingest/catalogue.ts';
import { escape } from './escape.ts';
import { withMarks } from './viewer-marks.ts';
import { blocksOf, rowsOf } from './viewer-tables.ts';

/** Text around the mark that is shown of a very long document, in characters to each side. */
const WINDOW = 200_000;

const STYLE = `:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:44rem;margin:0 auto;padding:1rem;background:light-dark(#fff,#201e1b);color:light-dark(#1e1b17,#ece7df)}
a{color:light-dark(#8a4b08,#f0b35a)}header{border-bottom:1px solid light-dark(#e4ded3,#34302b);margin-bottom:1rem}h1{font-size:1.3rem;margin:.5rem 0;overflow-wrap:anywhere}
.meta{font-size:.9rem}section{margin:0 0 1.2rem;scroll-margin-top:1rem}pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
.place{color:light-dark(#625b50,#aba394);font-size:.8rem}figure{margin:1rem 0}figure img{max-width:100%;height:auto;background:#fff}mark{background:#ffe27a;color:#000}
.embedded header{display:none}.wide{overflow-x:auto}table{border-collapse:collapse;margin:.2rem 0}th,td{border:1px solid light-dark(#e4ded3,#34302b);padding:.15rem .5rem;text-align:start;vertical-align:top;white-space:pre-wrap}th{font-weight:600}`;

/**
 * The browser scrolls to the page of the link first; the marked words may stand further down. `scrollIntoView` would
 * also scroll the page that frames this one.
 */
const SCRIPT = `if(top!==self)document.body.classList.add('embedded');addEventListener('load',()=>requestAnimationFrame(()=>{const mark=document.querySelector('mark');if(mark)scrollBy(0,mark.getBoundingClientRect().top-innerHeight/3)}))`;

export const TEXT_POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${sha256(STYLE)}'`,
  `script-src 'sha256-${sha256(SCRIPT)}'`,
  `img-src 'self'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'self'`,
].join('; ');

/** A document as its extracted text, with the passage at `mark` marked; `isMarkdown` has its links and emphasis shown as such. */
export function textPage(
  document: LedgerDocument,
  sections: readonly Section[],
  mark: Span | undefined,
  figures: readonly Shown[] = [],
  isMarkdown = false,
): string {
  const show = isMarkdown ? withMarks : escape;
  return `<!doctype html>
<html lang="und"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="referrer" content="no-referrer"><title>${escape(document.title)}</title>
<link rel="icon" href="/web/icon.svg"><style>${STYLE}</style></head>
<body><header><h1>${escape(document.title)}</h1>
${aboutHtml(document)}</header>
<main>${body(sections, mark, show)}${figures.map(figureHtml).join('\n')}</main><script>${SCRIPT}</script></body></html>`;
}

/** A picture of the document, below its text. */
interface Shown {
  url: string;
  width: number;
  height: number;
  description?: string;
}

function figureHtml({ url, width, height, description = '' }: Shown): string {
  const caption = description === '' ? '' : `<figcaption>${escape(description)}</figcaption>`;
  return `<figure><img src="${escape(url)}" width="${width}" height="${height}" loading="lazy" alt="${escape(description)}">${caption}</figure>`;
}

/** Where a document is, how it stands, and its file. */
export function aboutHtml(document: LedgerDocument, more = ''): string {
  const state = document.error ? `${document.state}: ${document.error.message}` : document.state;
  return `<p class="meta">${escape(nameOf(document))} · ${escape(document.collection)} · ${escape(state)} ·
<a href="/api/documents/${encodeURIComponent(document.id)}/file">original file</a>${more}</p>`;
}

/** Its path; of what was sent only the name, since the folder that we keep it in says nothing. */
function nameOf({ source, uri }: LedgerDocument): string {
  return source === 'inbox' ? uri : uri.replace(/^uploads\/[^/]+\//, '');
}

type Show = (text: string) => string;

function body(sections: readonly Section[], asked: Span | undefined, show: Show): string {
  if (sections.length === 0) return '<p>There is no text of this document.</p>';
  const mark = asked && within(asked, sections);
  const [from, to] = [(mark?.[0] ?? 0) - WINDOW, (mark?.[1] ?? 0) + WINDOW];
  const parts: string[] = [];
  let offset = 0;
  let left = 0;
  let lastPage: number | undefined;
  for (const section of sections) {
    const end = offset + section.text.length;
    if (end >= from && offset <= to)
      parts.push(sectionHtml(section, offset, mark, section.page !== lastPage, [from, to], show));
    else left++;
    lastPage = section.page;
    offset = end + SECTION_BREAK.length;
  }
  if (left > 0) parts.push('<p class="meta">The document is long; the part around the passage is shown.</p>');
  return parts.join('\n');
}

/** A mark beyond the end of a text that became shorter shows the end; an endless one makes no endless page. */
function within([start, end]: Span, sections: readonly Section[]): Span {
  const length = sections.reduce((sum, { text }) => sum + text.length + SECTION_BREAK.length, 0);
  const first = Math.min(start, length);
  return [first, Math.min(end, first + WINDOW)];
}

/** `#page=3` is the anchor that citation links carry; only the first section of a page has it. */
function sectionHtml(
  section: Section,
  offset: number,
  mark: Span | undefined,
  opensPage: boolean,
  [from, to]: Span,
  show: Show,
): string {
  const anchor = section.page !== undefined && opensPage ? ` id="page=${section.page}"` : '';
  const first = Math.max(0, from - offset);
  const text = section.text.slice(first, Math.max(first, to - offset));
  return `<section${anchor}>${place(section)}${textHtml(text, offset + first, mark, show)}</section>`;
}

/** As it stands in the text, but for tables; the words of the mark are marked in either. */
function textHtml(text: string, offset: number, mark: Span | undefined, show: Show): string {
  const showSpan = ([start, end]: Span): string => marked(text.slice(start, end), offset + start, mark, show);
  const html = blocksOf(text).map(({ kind, span }) =>
    kind === 'text' ? `<pre>${showSpan(span)}</pre>` : tableHtml(rowsOf(text, span), showSpan),
  );
  return html.join('');
}

function tableHtml(rows: readonly Span[][], show: (span: Span) => string): string {
  const html = rows.map((cells, at) => {
    const name = at === 0 ? 'th' : 'td';
    return `<tr>${cells.map((cell) => `<${name}>${show(cell)}</${name}>`).join('')}</tr>`;
  });
  return `<div class="wide"><table>${html.join('')}</table></div>`;
}

function place(section: Section): string {
  const parts = [placeInWords(section), ...(section.headings ?? [])].filter(Boolean);
  return parts.length === 0 ? '' : `<div class="place">${escape(parts.join(' › '))}</div>`;
}

function marked(text: string, offset: number, mark: Span | undefined, show: Show): string {
  if (!mark) return show(text);
  const start = Math.min(Math.max(mark[0] - offset, 0), text.length);
  const end = Math.min(Math.max(mark[1] - offset, start), text.length);
  if (start === end) return show(text);
  return `${show(text.slice(0, start))}<mark>${show(text.slice(start, end))}</mark>${show(text.slice(end))}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
