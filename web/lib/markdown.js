import DOMPurify from 'dompurify';
import { h } from 'preact';
import { Marked } from 'marked';

/** HTML in the text is shown as it stands there: a model has no use for it, and a document's is none of ours. */
const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escape(text),
    // A picture from elsewhere would tell its server who reads what.
    image: ({ href, text }) => escape(`![${text}](${href})`),
  },
});

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const TAGS =
  'p br hr h1 h2 h3 h4 h5 h6 strong em del code pre blockquote ul ol li table thead tbody tr th td a input'.split(
    ' ',
  );
const SAFE = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ['href', 'start', 'align', 'type', 'checked', 'disabled'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** Headings of an answer stand below those of the page. */
const BELOW = { h1: 'h3', h2: 'h4', h3: 'h5', h4: 'h6', h5: 'h6', h6: 'h6' };

/** `[2]` is a marker everywhere but in code; Markdown would make a link of some. Signs of no text stand for it. */
const MARKER = /\[(\d{1,3})\]/g;
const SIGNED = /\uE000(\d+)\uE001/;

/**
 * Markdown as nodes of preact, so that an answer that grows changes only where it grew. `marker(number)` gives the
 * node for `[number]`, or nothing where that is no marker.
 */
export function renderMarkdown(text, marker = () => undefined) {
  return nodesOf(parse(text), marker);
}

/** What was read last, so that a page of answers is not read again with every word of another one. */
const parsed = new Map();
const HELD = 60;

function parse(text) {
  const known = parsed.get(text);
  if (known) return known;
  const signed = text.replaceAll(/[\uE000\uE001]/g, '').replaceAll(MARKER, '\uE000$1\uE001');
  const fragment = DOMPurify.sanitize(marked.parse(signed, { async: false }), SAFE);
  parsed.set(text, fragment);
  if (parsed.size > HELD) parsed.delete(parsed.keys().next().value);
  return fragment;
}

const nodesOf = (parent, marker) => [...parent.childNodes].map((node) => toNode(node, marker));

function toNode(node, marker) {
  if (node.nodeType === Node.TEXT_NODE) return withMarkers(node.data, marker);
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const name = node.localName;
  const children = nodesOf(node, name === 'code' ? () => undefined : marker);
  // Wide tables and code scroll by themselves, also by keyboard.
  if (name === 'table') return h('div', { class: 'scrolls', tabindex: 0 }, h('table', {}, children));
  if (name === 'pre') return h('pre', { tabindex: 0 }, children);
  if (name === 'a') return linkOf(node, children);
  return h(BELOW[name] ?? name, attributesOf(node), children);
}

/** The parts between the signs are texts, and every second one is a number. */
function withMarkers(text, marker) {
  return text.split(SIGNED).map((part, at) => (at % 2 === 0 ? part : (marker(Number(part)) ?? `[${part}]`)));
}

/** Where a link leads is seen before it is followed: a text of its own does not hide it. */
function linkOf(node, children) {
  const href = node.getAttribute('href');
  if (!href) return h('span', {}, children);
  const link = (words) => h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, words);
  const isPlain = [href, href.replace(/^(?:https?:\/\/|mailto:)/, '')].includes(
    node.textContent.replace(/\/$/, ''),
  );
  return isPlain ? link(children) : h('span', {}, children, ' (', link(href), ')');
}

function attributesOf(node) {
  const attributes = Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value]));
  if (node.localName === 'input') attributes['aria-label'] = 'task';
  return attributes;
}
