import { walk } from './dom.ts';
import { emphasisOf, isEmphasis, linkTail } from './html-marks.ts';
import { createLineWriter } from './line-writer.ts';
import type { Line } from './lines.ts';

export interface HtmlLineOptions {
  /** Whether the addresses of links are kept. */
  links: boolean;
  /** Whether emphasis is; where programs put it about as they like, it parts words and phrases. */
  emphasis?: boolean;
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
 * Writes an HTML tree as lines in the manner of Markdown: `#` headings, `*` and `1.` lists, `|` tables, `>` quotations,
 * fenced code, `[text](address)`, a blank line between paragraphs. Takes time in proportion to the tree however it is
 * nested, which converters that look at the whole text of every element do not.
 */
export function writeLines(root: Node, options: HtmlLineOptions, emit: (line: Line) => void): void {
  const writer = createLineWriter(emit);
  const layout = layoutTables(root);
  const lists: List[] = [];
  /** The outermost element of emphasis that is open; those inside it add none. */
  let emphasised: Element | undefined;

  function open(element: Element, name: string): void {
    if (BLOCKS.has(name)) writer.block(PARAGRAPHS.has(name) && lists.length === 0);
    if (isCell(name) && layout.has(tableOf(element))) writer.block(true);
    if (name === 'BLOCKQUOTE') writer.quote(1);
    if (name === 'A') openLink(element);
    if (options.emphasis && !emphasised && isEmphasis(element)) openEmphasis(element);
    if (name === 'IMG') writer.text(element.getAttribute('alt') ?? '');
    if (name === 'BR') writer.lineBreak();
    if (name === 'UL' || name === 'OL') lists.push({ ordered: name === 'OL', next: firstNumber(element) });
    if (name === 'LI') writer.prefix(bullet(lists, element.getAttribute(LABEL)));
    if (name === 'PRE') writer.openCode();
    if (headingLevel(name) > 0) writer.openHeading(headingLevel(name));
    if (name === 'TR' && !layout.has(tableOf(element))) writer.openRow(isHeaderRow(element));
  }

  function close(element: Element, name: string): void {
    if (name === 'A') writer.closeMark();
    if (emphasised === element) closeEmphasis();
    if (name === 'UL' || name === 'OL') lists.pop();
    if (isCell(name) && !layout.has(tableOf(element))) writer.closeCell();
    if (name === 'TR') writer.closeRow();
    if (name === 'PRE') writer.closeCode();
    if (BLOCKS.has(name)) writer.block(PARAGRAPHS.has(name) && lists.length === 0);
    if (name === 'BLOCKQUOTE') writer.quote(-1);
  }

  function openLink(link: Element): void {
    const tail = options.links ? linkTail(link) : '';
    writer.openMark(tail && '[', tail);
  }

  function openEmphasis(element: Element): void {
    const sign = emphasisOf(element);
    writer.openMark(sign, sign);
    emphasised = element;
  }

  function closeEmphasis(): void {
    writer.closeMark();
    emphasised = undefined;
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

function firstNumber(list: Element): number {
  const start = Number(list.getAttribute('start') ?? 1);
  return Number.isSafeInteger(start) ? start : 1;
}

function bullet(lists: readonly List[], label: string | null): string {
  const list = lists.at(-1);
  const indent = '  '.repeat(Math.min(Math.max(lists.length - 1, 0), MAX_INDENT));
  if (label !== null) return label === '' ? indent : `${indent}${label} `;
  if (!list?.ordered) return `${indent}* `;
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
