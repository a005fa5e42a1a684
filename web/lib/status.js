import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from './api.js';
import { useEvents } from './events.js';
import { linkTo } from './router.js';

let latest = null;
let asked;

/** What `GET /api/status` says, kept up to date by the events; null before it is known or where a key may not see it. */
export function useStatus() {
  const [status, setStatus] = useState(latest);
  const read = () => {
    asked ??= api.get('/api/status').finally(() => (asked = undefined));
    asked.then(
      (body) => setStatus((latest = body)),
      () => {}, // who cannot see it sees no number, and the lost connection is said elsewhere
    );
  };
  useEffect(read, []);
  useEvents((name, data) => {
    if (name === 'status') setStatus((latest = data));
    if (name === 'connected') read();
  });
  return status;
}

const number = new Intl.NumberFormat('en');

/** How many of the documents can be found, everywhere on the page. */
export function Coverage() {
  const status = useStatus();
  if (!status) return html`<p class="coverage"></p>`;
  const { searchable = 0, failed = 0, gone = 0, ...others } = status.documents;
  const pending = (others.seen ?? 0) + (others.waiting ?? 0) + (others.working ?? 0) + status.settling;
  const all = searchable + failed + pending + (others.empty ?? 0);
  const words =
    all === 0
      ? 'no documents yet'
      : `${number.format(searchable)}${searchable === all ? '' : ` of ${number.format(all)}`} searchable`;
  const filter = failed > 0 ? { state: 'failed' } : {};
  return html`<p class="coverage">
    <a href=${linkTo(['documents'], filter)} title=${`${pending} being read, ${failed} failed, ${gone} gone`}>
      ${all > 0 && html`<meter min="0" max=${all} value=${searchable} aria-hidden="true"></meter>`} ${words}
    </a>
  </p>`;
}
