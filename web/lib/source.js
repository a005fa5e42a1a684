import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { Button } from './ui.js';

/** The viewer's address for a passage: the document at the page, with the words marked. */
export function viewerUrl({ document_id: id, span, page }) {
  const mark = span ? `?mark=${span.join('-')}` : '';
  return `/documents/${encodeURIComponent(id)}${mark}${page ? `#page=${page}` : ''}`;
}

/** Where a passage stands, after the title. */
export function placeOf({ page, headings = [], place = {}, lines }) {
  const parts = [
    place.member,
    place.sheet && [place.sheet, place.range].filter(Boolean).join(', '),
    place.slide && `slide ${place.slide}`,
    place.chapter,
    place.time && clock(place.time[0]),
    page && !place.slide && `page ${page}`,
    !page && lines && `lines ${lines[0]}–${lines[1]}`,
    headings.at(-1),
  ];
  return parts.filter(Boolean).join(' · ');
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

/**
 * The viewer beside what cites it: `source` is a passage, or a document without `span`. Escape closes it; on a narrow
 * screen it covers everything.
 */
export function ViewerPane({ source, onClose }) {
  const pane = useRef();
  const src = viewerUrl(source);
  useEffect(() => {
    const close = (event) => event.key === 'Escape' && !document.querySelector('dialog[open]') && onClose();
    addEventListener('keydown', close);
    return () => removeEventListener('keydown', close);
  }, [onClose]);
  useEffect(() => pane.current.focus({ preventScroll: true }), [src]);
  return html`<section ref=${pane} class="viewer" tabindex="-1" aria-label=${`Source: ${source.title}`}>
    <header>
      <p>
        <strong>${source.title}</strong>
        <span class="soft small">${placeOf(source)}</span>
      </p>
      <a class="button quiet small" href=${src} target="_blank" rel="noopener">Open alone</a>
      <${Button} kind="quiet" class="icon" aria-label="Close the source" onClick=${onClose}>×</${Button}>
    </header>
    <iframe key=${src} src=${src} title=${`${source.title}, opened at the passage`}></iframe>
  </section>`;
}

/** Shows the quote of whatever link is hovered or focused; `data-quote` of it is an index into `sources`. */
export function useQuote() {
  const [quote, setQuote] = useState(null);
  const show = (source) => (event) => setQuote({ source, box: event.currentTarget.getBoundingClientRect() });
  const hide = () => setQuote(null);
  useEffect(() => {
    if (!quote) return undefined;
    addEventListener('scroll', hide, { passive: true, once: true });
    return () => removeEventListener('scroll', hide);
  }, [quote]);
  return {
    quote,
    handlers: (source) => ({
      onMouseEnter: show(source),
      onFocus: show(source),
      onMouseLeave: hide,
      onBlur: hide,
    }),
  };
}

const QUOTE_WIDTH = 352;

export function Quote({ quote }) {
  if (!quote) return html`<div id="quote" role="tooltip" hidden></div>`;
  const { source, box } = quote;
  const left = Math.max(8, Math.min(box.left - 24, innerWidth - QUOTE_WIDTH - 8));
  const isBelow = box.top < innerHeight / 2;
  const style = isBelow
    ? { left: `${left}px`, top: `${box.bottom + 8}px` }
    : { left: `${left}px`, bottom: `${innerHeight - box.top + 8}px` };
  return html`<div id="quote" role="tooltip" class="quote" style=${style}>
    <p class="quote-from"><strong>${source.title}</strong> <span class="soft">${placeOf(source)}</span></p>
    <p class="quote-text">${shorten(source.text)}</p>
  </div>`;
}

const shorten = (text) => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 420 ? `${line.slice(0, 420)}…` : line;
};
