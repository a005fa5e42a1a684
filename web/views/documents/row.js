import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { linkTo } from '../../lib/router.js';
import { Button, Progress, Tag, Time, toast } from '../../lib/ui.js';

const KINDS = { searchable: 'good', failed: 'bad', working: 'busy', waiting: 'plain', seen: 'plain' };
const WORDS = {
  seen: 'settling',
  waiting: 'waiting',
  working: 'being read',
  searchable: 'searchable',
  empty: 'no text',
  failed: 'failed',
  gone: 'gone',
};

/** What the states of the ledger are called on the page. */
export const stateWords = (state) => WORDS[state] ?? state;

export function State({ document }) {
  const { state, chunks, vectors } = document;
  const isPart = state === 'searchable' && vectors > 0 && vectors < chunks;
  return html`<span class="state">
    <${Tag} kind=${KINDS[state] ?? 'plain'}>${stateWords(state)}</${Tag}>
    ${state === 'working' && html`<${Progress} label="Being read" />`}
    ${isPart && html`<${Progress} value=${vectors} max=${chunks} label=${`${vectors} of ${chunks} chunks can be found by meaning`} />`}
  </span>`;
}

export async function readAgain(document) {
  try {
    await api.post(`/api/documents/${document.id}/reindex`);
  } catch (error) {
    toast(error.message, { kind: 'bad' });
  }
}

/** One document of the ledger, with the reason and a way to try again where it failed. */
export function Row({ document }) {
  const { id, title, uri, error, warnings } = document;
  return html`<li class="row">
    <div class="row-main">
      <a class="row-title" href=${linkTo(['documents', id])}>${title || uri}</a>
      <p class="soft small numbers">${aboutOf(document).map((part) => html`<span>${part}</span>`)}</p>
      ${error && html`<p class="reason">${error.message}</p>`}
      ${!error && warnings.length > 0 && html`<p class="soft small">${warnings.join(' ')}</p>`}
    </div>
    <div class="row-side">
      <${State} document=${document} />
      ${
        document.state === 'failed' &&
        html`<${Button} class="small" aria-label=${`Retry ${title}`} onClick=${() => readAgain(document)}
          >Retry</${Button}
        >`
      }
    </div>
  </li>`;
}

/** What is worth knowing at a glance, in short words. */
function aboutOf({ source, uri, title, collection, pages, bytes, chunks, updated_at: at }) {
  const name = uri.split('/').at(-1);
  return [
    // The path of a file of the inbox begins with its collection; that of one that was sent is ours and says nothing.
    ...(source === 'inbox' ? [uri] : [collection, title && name !== title && name]),
    pages && pagesInWords(pages),
    chunks > 0 && `${chunks} ${chunks === 1 ? 'chunk' : 'chunks'}`,
    sizeOf(bytes),
    html`<${Time} at=${at} />`,
  ].filter(Boolean);
}

export const pagesInWords = (count) => `${count} ${count === 1 ? 'page' : 'pages'}`;

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

export function sizeOf(bytes) {
  const power = bytes > 0 ? Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3)) : 0;
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power > 0 && value < 10 ? 1 : 0)} ${UNITS[power]}`;
}
