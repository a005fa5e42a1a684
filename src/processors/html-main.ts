import { inkLength } from '../document.ts';
import { walk } from './dom.ts';

/** Landmarks that serve to get about a site, and what lies over a page (WAI-ARIA 1.2, 5.3.4). */
const ASIDE_ROLES = new Set('navigation search dialog alertdialog menu menubar toolbar'.split(' '));
/** Inside these a header, footer or aside belongs to the text. */
const TEXT_PARTS = new Set(['MAIN', 'ARTICLE', 'SECTION', 'BLOCKQUOTE', 'FIGURE', 'TABLE']);
const SITE_PARTS = new Set(['HEADER', 'ASIDE']);
const UNSEEN = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'SVG', 'HEAD']);
const CONTAINERS = new Set('DIV SECTION ASIDE UL OL HEADER FOOTER FORM TABLE P'.split(' '));

/** What authors call such parts in `class` and `id`, as whole words between hyphens and the like. */
const CONSENT = wordPattern('cookie cookies consent gdpr onetrust cookiebanner cookieconsent');
const LINKED = wordPattern(
  'nav navbar navigation menu toc share sharing social related pager skip skiplink toolbar catlinks',
);
const SITE = wordPattern(
  'footer sidebar breadcrumb breadcrumbs pagination newsletter subscribe promo advert advertisement ads sponsored printfooter',
);
/** A note on cookies is not longer, nor is what surrounds a page unless it is made of links. */
const SHORT = 600;
const MOSTLY_LINKS = 0.5;
/** A page without a paragraph of text, of which less than this share is left, is what seemed to surround it. */
const LEAST = 0.5;
/** A stretch of so many characters without blanks that are no link is text. */
const PARAGRAPH = 60;

const TEXT_NODE = 3;

interface Weight {
  ink: number;
  /** Of it what is the text of links. */
  links: number;
  hasTitle: boolean;
  hasText: boolean;
}

/**
 * The elements of a page that are not its text: navigation, the head and foot of the site, notes on cookies. Empty where
 * next to nothing would be left, as on a page that lists links.
 */
export function surroundings(page: Document): ReadonlySet<Node> {
  const { weights, whole } = weigh(page);
  const found = new Set<Node>();
  let taken = 0;
  let hasText = false;
  walk(page, {
    enter(node) {
      hasText ||= node.nodeType === TEXT_NODE && inkLength(node.nodeValue ?? '') >= PARAGRAPH;
      if (!isElement(node) || UNSEEN.has(node.nodeName)) return false;
      const weight = weights.get(node);
      if (!weight || !isAround(node, weight)) return true;
      found.add(node);
      taken += weight.ink;
      return false;
    },
    leave: () => undefined,
  });
  return hasText || taken < (1 - LEAST) * whole ? found : new Set();
}

function isAround(element: Element, weight: Weight): boolean {
  const name = element.nodeName;
  if (name === 'BODY' || name === 'HTML' || name === 'MAIN' || name === 'ARTICLE') return false;
  if (name === 'NAV' || ASIDE_ROLES.has(element.getAttribute('role') ?? '')) return true;
  const isMostlyLinks = weight.links >= MOSTLY_LINKS * weight.ink;
  if (weight.links > 0 && (isSiteFoot(element) || SITE_PARTS.has(name)) && isOfSite(element))
    return isSiteFoot(element) || (isMostlyLinks && !weight.hasTitle);
  if (!CONTAINERS.has(name) || weight.hasTitle) return false;
  const named = `${element.getAttribute('class') ?? ''} ${element.getAttribute('id') ?? ''}`;
  if (CONSENT.test(named)) return weight.ink <= 3 * SHORT;
  if (isMostlyLinks && (LINKED.test(named) || SITE.test(named))) return true;
  return weight.ink <= SHORT && SITE.test(named) && isOfSite(element);
}

function isSiteFoot(element: Element): boolean {
  return element.nodeName === 'FOOTER' || element.getAttribute('role') === 'contentinfo';
}

function isOfSite(element: Element): boolean {
  let node = element.parentElement;
  while (node && !TEXT_PARTS.has(node.nodeName) && node.getAttribute('role') !== 'main')
    node = node.parentElement;
  return !node;
}

/** How much text each element holds, in one walk. */
function weigh(page: Document): { weights: ReadonlyMap<Node, Weight>; whole: number } {
  const weights = new Map<Node, Weight>();
  const open: Weight[] = [none()];
  let links = 0;
  walk(page, {
    enter(node) {
      const ink = node.nodeType === TEXT_NODE ? inkLength(node.nodeValue ?? '') : 0;
      const top = open.at(-1);
      const isText = links === 0 && ink >= PARAGRAPH;
      if (top) add(top, { ...none(), ink, links: links > 0 ? ink : 0, hasText: isText });
      if (!isElement(node) || UNSEEN.has(node.nodeName)) return false;
      open.push(none());
      if (node.nodeName === 'A') links += 1;
      return true;
    },
    leave(node) {
      const own = open.pop();
      if (!own) return;
      if (node.nodeName === 'A') links -= 1;
      if (node.nodeName === 'H1') own.hasTitle = true;
      weights.set(node, own);
      const around = open.at(-1);
      if (around) add(around, own);
    },
  });
  return { weights, whole: open[0]?.ink ?? 0 };
}

function none(): Weight {
  return { ink: 0, links: 0, hasTitle: false, hasText: false };
}

function add(weight: Weight, more: Weight): void {
  weight.ink += more.ink;
  weight.links += more.links;
  weight.hasTitle ||= more.hasTitle;
  weight.hasText ||= more.hasText;
}

function isElement(node: Node): node is Element {
  return node.nodeType === 1;
}

function wordPattern(words: string): RegExp {
  return new RegExp(`(?:^|[\\s_-])(?:${words.replaceAll(' ', '|')})(?:$|[\\s_-])`, 'i');
}
