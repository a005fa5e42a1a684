import { useId } from 'preact/hooks';
import { html } from 'htm/preact';
import { Trouble } from '../../lib/ui.js';

/** A part of the state; `error` is what reading it failed with, and what was read before stays. */
export function Card({ title, error, onRetry, actions, class: more = '', children }) {
  const id = useId();
  return html`<section class=${`card ${more}`} aria-labelledby=${id}>
    <header class="row">
      <h2 id=${id}>${title}</h2>
      ${actions}
    </header>
    ${error && html`<${Trouble} error=${error} onRetry=${onRetry} />`} ${children}
  </section>`;
}
