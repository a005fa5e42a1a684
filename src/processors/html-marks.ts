import { inkLength } from '../document.ts';
import { targetOf } from './redirects.ts';

const EMPHASIS: Readonly<Record<string, string>> = { STRONG: '**', B: '**', EM: '*', I: '*' };
/** What is longer is no emphasis but a style. */
const MAX_EMPHASIS = 300;
/** Whatever holds more nodes is neither emphasis nor the text of a link. */
const MAX_NODES = 100;
const MAX_DEEP = 10;
const MAX_LINK = 300;
const MAX_TITLE = 100;

export function isEmphasis(element: Element): boolean {
  return element.nodeName in EMPHASIS;
}

/** The sign of Markdown around the words of an element; none where it marks parts of words, or nothing that shows. */
export function emphasisOf(element: Element): string {
  const sign = EMPHASIS[element.nodeName] ?? '';
  if (sign === '') return '';
  const text = shortText(element) ?? '';
  if (text.length > MAX_EMPHASIS || inkLength(text) === 0 || text.includes('*')) return '';
  return joins(element.previousSibling, -1, text) || joins(element.nextSibling, 1, text) ? '' : sign;
}

/** The text of a small element; undefined for one that holds much. Takes the same time however deep elements nest. */
function shortText(element: Element): string | undefined {
  const open: Node[] = [element];
  let text = '';
  for (let nodes = 0; open.length > 0; nodes += 1) {
    const node = open.pop();
    if (nodes > MAX_NODES) return undefined;
    text += node?.nodeType === TEXT_NODE ? (node.nodeValue ?? '') : '';
    for (let child = node?.lastChild; child; child = child.previousSibling) {
      open.push(child);
      if (open.length > MAX_NODES) return undefined;
    }
  }
  return text;
}

const TEXT_NODE = 3;

const WORD = /[\p{L}\p{N}]/u;

/** Whether a word goes on from an element into its neighbour on this side. */
function joins(neighbour: Node | null, side: 1 | -1, text: string): boolean {
  let beside = neighbour;
  for (let deep = 0; deep < MAX_DEEP && beside?.firstChild; deep += 1)
    beside = side === 1 ? beside.firstChild : beside.lastChild;
  const words = beside?.nodeType === TEXT_NODE ? (beside.nodeValue ?? '') : '';
  const [inner, outer] = side === 1 ? [text.at(-1), words.at(0)] : [text.at(0), words.at(-1)];
  return WORD.test(inner ?? '') && WORD.test(outer ?? '');
}

/** The end of a link in Markdown, with its address as the page has it; none where it leads nowhere out of the page. */
export function linkTail(link: Element): string {
  const target = targetOf(link.getAttribute('href')?.trim() ?? '');
  if (target.length > MAX_LINK || !LEADS.test(target) || target === shortText(link)?.trim()) return '';
  const title =
    link
      .getAttribute('title')
      ?.replaceAll(/[\s"]+/g, ' ')
      .trim() ?? '';
  return `](${escaped(target)}${title !== '' && title.length <= MAX_TITLE ? ` "${title}"` : ''})`;
}

/** A web address, one of mail, or a path: no script, no data, no place on the page itself. */
const LEADS = /^(?:(?:https?|mailto):|(?![a-z][a-z0-9+.-]*:)[^#])/i;

function escaped(target: string): string {
  return target.replaceAll(
    /[\s()<>]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
