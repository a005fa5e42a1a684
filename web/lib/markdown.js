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

/**
 * Markdown as nodes of preact, so that an answer that grows changes only where it grew. `inText(text)` may give nodes
 * in place of a text, for citations; it is not asked inside code and links.
 */
export function renderMarkdown(text, inText = (words) => words) {
  const fragment = DOMPurify.sanitize(marked.parse(text, { async: false }), SAFE);
  return [...fragment.childNodes].map((node) => toNode(node, inText));
}

function toNode(node, inText) {
  if (node.nodeType === Node.TEXT_NODE) return inText(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const name = node.localName;
  const inside = name === 'code' || name === 'a' ? (words) => words : inText;
  const children = [...node.childNodes].map((child) => toNode(child, inside));
  // Wide tables and code scroll by themselves, also by keyboard.
  if (name === 'table') return h('div', { class: 'scrolls', tabindex: 0 }, h('table', {}, children));
  if (name === 'pre') return h('pre', { tabindex: 0 }, children);
  return h(BELOW[name] ?? name, attributesOf(node), children);
}

function attributesOf(node) {
  const attributes = Object.fromEntries([...node.attributes].map(({ name, value }) => [name, value]));
  if (node.localName === 'a')
    Object.assign(attributes, { target: '_blank', rel: 'noopener noreferrer nofollow' });
  if (node.localName === 'input') attributes['aria-label'] = 'task';
  return attributes;
}
