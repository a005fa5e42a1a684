import { html } from 'htm/preact';

export default function View() {
  return html`<div class="page">
    <header><h1>Ask</h1></header>
  </div>`;
}
