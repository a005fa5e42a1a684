import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from './api.js';
import { listen } from './events.js';
import { linkTo } from './router.js';

/** Events tell of documents and pictures; that a model server went away is found by asking. */
const AGAIN_MS = 10_000;

const watchers = new Set();
let latest = null;
let isStarted = false;
let isReading = false;
let isRefused = false;

function set(status) {
  latest = status;
  for (const watcher of watchers) watcher(status);
}

async function read() {
  if (isReading || isRefused) return;
  isReading = true;
  try {
    set(await api.get('/api/status'));
  } catch (error) {
    // Who may not see it sees no number, and a lost connection is said elsewhere.
    isRefused = error.code === 'forbidden';
  } finally {
    isReading = false;
  }
}

function start() {
  isStarted = true;
  listen((name, data) => {
    if (name === 'status') set(data);
    if (name === 'connected') void read();
  });
  setInterval(() => !document.hidden && void read(), AGAIN_MS);
  void read();
}

/** What `GET /api/status` says, kept up to date; null before it is known and where a key may not see it. */
export function useStatus() {
  const [status, setStatus] = useState(latest);
  useEffect(() => {
    watchers.add(setStatus);
    setStatus(latest);
    if (!isStarted) start();
    return () => watchers.delete(setStatus);
  }, []);
  return status;
}

/** How documents come in, where there is none yet; nothing before that is known. */
export function HowToAdd() {
  const status = useStatus();
  if (!status || countAll(status) > 0) return null;
  return html`<p class="how-to-add">
    There are no documents yet: drop files anywhere on this page,${' '}
    <a href=${linkTo(['documents'])}>choose them</a>, or put them into the folder${' '}
    <code>${status.inbox.path}</code>.
  </p>`;
}

const countAll = ({ documents, settling }) =>
  Object.entries(documents).reduce((sum, [state, count]) => sum + (state === 'gone' ? 0 : count), settling);

const number = new Intl.NumberFormat('en');

/** How many of the documents can be found, everywhere on the page. */
export function Coverage() {
  const status = useStatus();
  if (!status) return html`<p class="coverage"></p>`;
  const { searchable = 0, failed = 0, gone = 0, ...others } = status.documents;
  const pending = (others.seen ?? 0) + (others.waiting ?? 0) + (others.working ?? 0) + status.settling;
  const all = countAll(status);
  const share = `${number.format(searchable)}${searchable === all ? '' : ` of ${number.format(all)}`} searchable`;
  const words =
    all === 0 ? 'no documents yet' : `${share}${failed > 0 ? `, ${number.format(failed)} failed` : ''}`;
  const filter = failed > 0 ? { state: 'failed' } : {};
  return html`<p class="coverage">
    <a href=${linkTo(['documents'], filter)} title=${`${pending} being read, ${failed} failed, ${gone} gone`}>
      ${all > 0 && html`<meter min="0" max=${all} value=${searchable} aria-hidden="true"></meter>`}
      <span>${words}</span>
    </a>
  </p>`;
}
