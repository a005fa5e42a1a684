import { walk } from './dom.ts';
import { createLineWriter } from './line-writer.ts';
import type { Line } from './lines.ts';

export interface HtmlLineOptions {
  /** Whether the addresses of links are kept after their text. */
  links: boolean;
  /** Elements that are passed over with all they hold, in upper case. */
  skip: ReadonlySet<string>;
  /** Elements that are passed over as well. */
  except?: ReadonlySet<Node>;
}

/** What shows nothing, or nothing of the page itself. */
export const UNSEEN = [
  'SCRIPT',
  'STYLE',
  'NOSCRIPT',
  'TEMPLATE',
  'SVG',
  'IFRAME',
  'OBJECT',
  'CANVAS',
  'HEAD',
];

const BLOCKS = new Set(
  (
    'ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION CENTER DD DETAILS DIALOG DIV DL DT FIELDSET FIGCAPTION FIGURE ' +
    'FOOTER FORM H1 H2 H3 H4 H5 H6 HEADER HR LEGEND LI MAIN NAV OL OPTION P PRE SECTION SUMMARY TABLE TBODY TFOOT ' +
    'THEAD TR UL'
  ).split(' '),
);
const PARAGRAPHS = new Set(
  'P H1 H2 H3 H4 H5 H6 TABLE PRE UL OL DL BLOCKQUOTE FIGURE SECTION ARTICLE'.split(' '),
);
const MAX_INDENT = 6;
/** What a list item says of its own sign (docx-source.ts). */
const LABEL = 'data-limner-label';

/**
 * Writes an HTML tree as lines in the manner of Markdown: `#` headings, `-` and `1.` lists, `|` tables, fenced
 * code, a blank line between paragraphs; emphasis is dropped, for it parts phrases. Takes time in proportion to
 * the tree however it is nested, which converters that look at the whole text of every element do not.
 */
export function writeLines(root: Node, options: HtmlLineOptions, emit: (line: Line) => void): void {
  const writer = createLineWriter(emit);
  const layout = layoutTables(root);
  const lists: List[] = [];
  const links: { href: string; start: number }[] = [];

  function open(element: Element, name: string): void {
    if (BLOCKS.has(name)) writer.block(PARAGRAPHS.has(name) && lists.length === 0);
    if (isCell(name) && layout.has(tableOf(element))) writer.block(true);
    if (name === 'A') links.push({ href: absolute(element), start: writer.written });
    if (name === 'IMG') writer.text(element.getAttribute('alt') ?? '');
    if (name === 'BR') writer.lineBreak();
    if (name === 'UL' || name === 'OL') lists.push({ ordered: name === 'OL', next: firstNumber(element) });
    if (name === 'LI') writer.prefix(bullet(lists, element.getAttribute(LABEL)));
    if (name === 'PRE') writer.openCode();
    if (headingLevel(name) > 0) writer.openHeading(headingLevel(name));
    if (name === 'TR' && !layout.has(tableOf(element))) writer.openRow(isHeaderRow(element));
  }

  function close(element: Element, name: string): void {
    if (name === 'A') closeLink();
    if (name === 'UL' || name === 'OL') lists.pop();
    if (isCell(name) && !layout.has(tableOf(element))) writer.closeCell();
    if (name === 'TR') writer.closeRow();
    if (name === 'PRE') writer.closeCode();
    if (BLOCKS.has(name)) writer.block(PARAGRAPHS.has(name) && lists.length === 0);
  }

  function closeLink(): void {
    const link = links.pop();
    if (link?.href && options.links && writer.written > link.start) writer.text(` (${link.href})`);
  }

  walk(root, {
    enter(node) {
      if (node.nodeType === TEXT_NODE) writer.text(node.nodeValue ?? '');
      if (!isElement(node) || options.skip.has(node.nodeName.toUpperCase()) || isHidden(node)) return false;
      if (options.except?.has(node)) return false;
      open(node, node.nodeName);
      return true;
    },
    leave(node) {
      if (isElement(node)) close(node, node.nodeName);
    },
  });
  writer.block(false);
}

interface List {
  ordered: boolean;
  next: number;
}

const TEXT_NODE = 3;

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}

function isCell(name: string): boolean {
  return name === 'TD' || name === 'TH';
}

/** 1 to 6, and 0 for what is no heading. */
function headingLevel(name: string): number {
  return name.length === 2 && name > 'H0' && name < 'H7' ? Number(name.charAt(1)) : 0;
}

function isHidden(element: Element): boolean {
  if (element.hasAttribute('hidden')) return true;
  const style = element.getAttribute('style');
  return style !== null && style.replaceAll(' ', '').includes('display:none');
}

/** Addresses that lead out of the page; the others mean nothing away from it. */
function absolute(link: Element): string {
  const href = link.getAttribute('href') ?? '';
  return /^(https?:|mailto:)/i.test(href) && href.length <= 300 ? href : '';
}

function firstNumber(list: Element): number {
  const start = Number(list.getAttribute('start') ?? 1);
  return Number.isSafeInteger(start) ? start : 1;
}

function bullet(lists: readonly List[], label: string | null): string {
  const list = lists.at(-1);
  const indent = '  '.repeat(Math.min(Math.max(lists.length - 1, 0), MAX_INDENT));
  if (label !== null) return label === '' ? indent : `${indent}${label} `;
  if (!list?.ordered) return `${indent}- `;
  list.next += 1;
  return `${indent}${list.next - 1}. `;
}

/** A parser puts every row and cell into a table, so that the way up is short. */
function tableOf(element: Element): Node | null {
  let node: Node | null = element.parentNode;
  while (node && node.nodeName !== 'TABLE') node = node.parentNode;
  return node;
}

function isHeaderRow(row: Element): boolean {
  let cells = 0;
  for (let child = row.firstChild; child; child = child.nextSibling) {
    if (child.nodeName === 'TD') return false;
    if (child.nodeName === 'TH') cells += 1;
  }
  return cells > 0;
}

/** Tables with a table or a heading inside: they place parts of a page and are not data. */
function layoutTables(root: Node): ReadonlySet<Node | null> {
  const layout = new Set<Node | null>();
  const open: Node[] = [];
  walk(root, {
    enter(node) {
      if (node.nodeName === 'TABLE' || headingLevel(node.nodeName) > 0) markOpen(open, layout);
      if (node.nodeName === 'TABLE') open.push(node);
      return true;
    },
    leave(node) {
      if (node.nodeName === 'TABLE') open.pop();
    },
  });
  return layout;
}

function markOpen(open: readonly Node[], layout: Set<Node | null>): void {
  for (let at = open.length - 1; at >= 0; at -= 1) {
    const table = open[at] ?? null;
    // What is around a marked table was marked with it.
    if (layout.has(table)) return;
    layout.add(table);
  }
}
