import { html } from 'htm/preact';

const WORD = /[\p{L}\p{N}]+/gu;
/** Shown around the first word that fits. */
const BEFORE = 120;
const LENGTH = 480;

const fold = (word) => word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

/** The beginnings that count as the same word: `bells` finds `bell`, as the keyword index does. */
export function wordsOf(text) {
  const words = [...text.matchAll(WORD)].map(([word]) => fold(word));
  return words
    .filter((word) => word.length > 2 || words.length === 1)
    .map((word) => word.replace(/(?:ies|es|s|ed|ing)$/, ''));
}

/** Of links and pictures of Markdown the words are shown. */
const LINK = /!?\[([^[\]\n]*)\]\([^\s()]*(?: "[^"\n]*")?\)/g;

/** The part of a passage that holds the words, with each of them marked. */
export function highlight(text, words) {
  const line = text.replace(LINK, '$1').replace(/\*\*/g, '').replace(/\s+/g, ' ').trim();
  const isMarked = (word) => words.some((one) => one.length > 1 && fold(word).startsWith(one));
  const first = [...line.matchAll(WORD)].find(([word]) => isMarked(word))?.index ?? 0;
  const start = first > BEFORE ? line.lastIndexOf(' ', first - BEFORE) + 1 : 0;
  const end = start + LENGTH;
  const shown = `${start > 0 ? '… ' : ''}${line.slice(start, end)}${end < line.length ? '…' : ''}`;
  const parts = [];
  let at = 0;
  for (const { 0: word, index } of shown.matchAll(WORD)) {
    if (!isMarked(word)) continue;
    parts.push(shown.slice(at, index), html`<mark>${word}</mark>`);
    at = index + word.length;
  }
  return [...parts, shown.slice(at)];
}
