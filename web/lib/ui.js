import { cloneElement, toChildArray } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';

/** `kind`: plain, primary (one a view), quiet (no frame) or danger. A busy button keeps its width and its focus. */
export function Button({
  kind = 'plain',
  busy = false,
  type = 'button',
  class: more = '',
  onClick,
  children,
  ...rest
}) {
  return html`<button
    ...${rest}
    type=${type}
    class=${`button ${kind} ${more}`}
    aria-busy=${busy ? 'true' : undefined}
    aria-disabled=${busy ? 'true' : undefined}
    onClick=${(event) => (busy ? event.preventDefault() : onClick?.(event))}
  >
    ${children}
  </button>`;
}

/** A label over its one input, with a hint or what is wrong below it. */
export function Field({ label, hint = '', error = '', children, class: more = '' }) {
  const id = useId();
  const [input] = toChildArray(children);
  const words = error || hint;
  return html`<div class=${`field ${more}`}>
    <label for=${id}>${label}</label>
    ${cloneElement(input, {
      id,
      'aria-describedby': words ? `${id}-words` : undefined,
      'aria-invalid': error ? 'true' : undefined,
    })}
    ${words && html`<p id=${`${id}-words`} class=${error ? 'wrong' : 'soft'} role=${error ? 'alert' : undefined}>${words}</p>`}
  </div>`;
}

/** The browser's own dialog: Escape closes it, focus stays in it and goes back. `actions` stand at its end. */
export function Dialog({ title, onClose, actions, children, class: more = '' }) {
  const dialog = useRef();
  const id = useId();
  // Before anything is drawn, so that a key that follows at once is the dialog's.
  useLayoutEffect(() => {
    dialog.current.showModal();
    return () => dialog.current?.close();
  }, []);
  const closeOutside = (event) => event.target === dialog.current && onClose();
  return html`<dialog
    ref=${dialog}
    class=${more}
    aria-labelledby=${id}
    onClose=${onClose}
    onClick=${closeOutside}
  >
    <div class="dialog">
      <header>
        <h2 id=${id}>${title}</h2>
        <${Button} kind="quiet" class="icon" aria-label="Close" onClick=${onClose}>×</${Button}>
      </header>
      ${children} ${actions && html`<footer>${actions}</footer>`}
    </div>
  </dialog>`;
}

/** @type {{ list: { id: number, words: string, kind: string, action?: object }[], show: (list: object[]) => void }} */
const toasts = { list: [], show: () => {} };
let nextToast = 0;

/** Says something shortly at the edge of the page; `action` is `{label, run}`. Failures stay until they are closed. */
export function toast(words, { kind = 'plain', action } = {}) {
  const id = nextToast++;
  toasts.list = [...toasts.list.slice(-3), { id, words, kind, action }];
  toasts.show(toasts.list);
  if (kind !== 'bad') setTimeout(closeToast, action ? 10_000 : 5000, id);
}

function closeToast(id) {
  toasts.list = toasts.list.filter((one) => one.id !== id);
  toasts.show(toasts.list);
}

export function Toasts() {
  const [list, setList] = useState(toasts.list);
  useEffect(() => {
    toasts.show = setList;
  }, []);
  return html`<div class="toasts" role="status">
    ${list.map(
      ({ id, words, kind, action }) =>
        html`<div key=${id} class=${`toast ${kind}`}>
          <p>${words}</p>
          ${action && html`<${Button} kind="quiet" onClick=${() => (closeToast(id), action.run())}>${action.label}</${Button}>`}
          <${Button} kind="quiet" class="icon" aria-label="Close" onClick=${() => closeToast(id)}
            >×</${Button}
          >
        </div>`,
    )}
  </div>`;
}

/** What stands where there is nothing, and what to do about it. */
export function Empty({ title, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${children}
  </div>`;
}

/** What went wrong with what a view shows, with a way to try again. */
export function Trouble({ error, onRetry }) {
  return html`<div class="trouble" role="alert">
    <p>${error.message}</p>
    ${onRetry && html`<${Button} onClick=${onRetry}>Try again</${Button}>`}
  </div>`;
}

/** `value` of `max`, 0 to 1 as it is; without a value it only says that something goes on. */
export function Progress({ value, max = 1, label }) {
  return html`<progress
    class="progress"
    value=${value ?? undefined}
    max=${max}
    aria-label=${label}
  ></progress>`;
}

/** A word about a thing; `kind`: plain, good, busy, bad or accent. */
export function Tag({ kind = 'plain', children, ...rest }) {
  return html`<span ...${rest} class=${`tag ${kind}`}>${children}</span>`;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** How long ago, with the exact time behind it; older than a month: the date. */
export function Time({ at }) {
  const date = new Date(at);
  const seconds = (date.getTime() - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  const words =
    Math.abs(seconds) > 30 * 86_400
      ? date.toISOString().slice(0, 10)
      : Math.abs(seconds) < 45
        ? 'just now'
        : relative.format(Math.round(seconds / length), unit);
  return html`<time datetime=${date.toISOString()} title=${exact.format(date)}>${words}</time>`;
}

/** The rest of a list that comes in parts; nothing when all of it is there. */
export function Pager({ next, busy, onMore, label = 'Show more' }) {
  return (
    next && html`<div class="pager"><${Button} busy=${busy} onClick=${onMore}>${label}</${Button}></div>`
  );
}
