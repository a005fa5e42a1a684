import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useEvents } from '../../lib/events.js';
import { useParts, useStill } from '../../lib/load.js';
import { go } from '../../lib/router.js';
import { HowToAdd, useStatus } from '../../lib/status.js';
import { Button, Empty, Pager, Trouble } from '../../lib/ui.js';
import { Add } from './add.js';
import { readAgain, Row, stateWords } from './row.js';

const PAGE = '60';
const NONE = new Set();
const STATES = ['searchable', 'failed', 'working', 'waiting', 'seen', 'empty', 'gone'];

/** Every document with its state as it is now, and the ways to add some. */
export function Ledger({ route }) {
  const [state, collection] = ['state', 'collection'].map((name) => route.query.get(name) ?? '');
  const [words, setWords] = useState(route.query.get('q') ?? '');
  const q = useStill(words, 200);
  const filter = { state, collection, q };
  const { data, error, isLoading, setData, reload, isMore, more } = useParts(
    (cursor, signal) => read(filter, cursor, signal),
    [state, collection, q],
    merged,
  );
  const { news, show } = useLive(filter, setData, reload);
  useEffect(() => {
    if (q !== (route.query.get('q') ?? '')) go(['documents'], filter, { replace: true });
  }, [q]);
  const change = (part) => go(['documents'], { ...filter, ...part }, { replace: true });

  const rows = (data?.data ?? []).filter((one) => state !== '' || one.state !== 'gone');
  const isFiltered = Boolean(state || collection || q);
  return html`<div class="page documents">
    <header><h1>Documents</h1></header>
    <${Add} collections=${data?.collections ?? []} />
    <${Filters}
      filter=${filter}
      words=${words}
      onWords=${setWords}
      onChange=${change}
      collections=${data?.collections ?? []}
    />
    ${error && html`<${Trouble} error=${error} onRetry=${reload} />`}
    ${news > 0 && html`<p class="news"><${Button} class="small" onClick=${show}>${news} new, show</${Button}></p>`}
    ${
      state === 'failed' &&
      rows.length > 1 &&
      html`<p class="news">
        <${Button} class="small" onClick=${() => rows.forEach(readAgain)}>Retry all ${rows.length}</${Button}>
      </p>`
    }
    <ul class="rows" aria-busy=${isLoading ? 'true' : undefined} aria-label="Documents">
      ${rows.map((document) => html`<${Row} key=${document.id} document=${document} />`)}
    </ul>
    ${
      data &&
      rows.length === 0 &&
      html`<${Empty} title=${isFiltered ? 'Nothing fits these filters.' : 'No documents yet.'}>
        ${
          isFiltered
            ? html`<${Button} onClick=${() => (setWords(''), go(['documents'], {}, { replace: true }))}
                >Show all</${Button}
              >`
            : html`<${HowToAdd} />`
        }
      </${Empty}>`
    }
    <${Pager} next=${data?.next_cursor} busy=${isMore} onMore=${more} />
  </div>`;
}

/** Each document once, with what was said of it last. */
function merged(old, next) {
  const known = new Map(old.map((one) => [one.id, one]));
  for (const one of next) known.set(one.id, one);
  return [...known.values()];
}

/**
 * Changes come in as they happen, some together. A document that is shown changes in its place; a new one comes on top
 * while the top is in sight, and is only counted otherwise, so that nothing moves under the reader.
 */
function useLive(filter, setData, reload) {
  const waiting = useRef(new Map());
  const timer = useRef();
  const [news, setNews] = useState(NONE);
  const key = JSON.stringify(filter);
  useEffect(() => {
    setNews(NONE);
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
      waiting.current.clear();
    };
  }, [key]);
  const flush = () => {
    timer.current = undefined;
    const changes = [...waiting.current.values()];
    waiting.current.clear();
    setData((old) => {
      if (!old) return old;
      const known = new Set(old.data.map(({ id }) => id));
      const fresh = changes.filter((one) => !known.has(one.id) && fits(one, filter)).toReversed();
      const isOnTop = scrollY < 300;
      if (!isOnTop && fresh.length > 0) setNews((ids) => new Set([...ids, ...fresh.map(({ id }) => id)]));
      const by = new Map(changes.map((one) => [one.id, one]));
      const shown = old.data
        .map((one) => by.get(one.id) ?? one)
        .filter((one) => !by.has(one.id) || fits(one, filter));
      return { ...old, data: [...(isOnTop ? fresh : []), ...shown] };
    });
  };
  useEvents((name, document) => {
    if (name === 'connected') reload();
    if (name !== 'document') return;
    waiting.current.set(document.id, document);
    timer.current ??= setTimeout(flush, 150);
  });
  const show = () => {
    setNews(NONE);
    reload();
  };
  return { news: news.size, show };
}

function fits({ state, collection, title, uri }, filter) {
  const text = `${title} ${uri}`.toLowerCase();
  return (
    (filter.state === '' || state === filter.state) &&
    (filter.collection === '' || collection === filter.collection) &&
    filter.q
      .toLowerCase()
      .split(/\s+/)
      .every((word) => text.includes(word))
  );
}

async function read({ state, collection, q }, cursor, signal) {
  const given = { status: state, collection, q, cursor, order: 'newest', limit: PAGE };
  const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
  const [list, collections] = await Promise.all([
    api.get(`/api/documents?${query}`, { signal }),
    api.get('/api/collections', { signal }),
  ]);
  return { ...list, collections: collections.data.map(({ name }) => name) };
}

function Filters({ filter, words, onWords, onChange, collections }) {
  const counts = useStatus()?.documents ?? {};
  const pick = (name) => (event) => onChange({ [name]: event.currentTarget.value });
  const names =
    filter.collection && !collections.includes(filter.collection)
      ? [filter.collection, ...collections]
      : collections;
  return html`<search class="filters">
    <label class="unseen" for="find-document">Find by title or path</label>
    <input
      id="find-document"
      type="search"
      placeholder="Title or path"
      value=${words}
      onInput=${(event) => onWords(event.currentTarget.value)}
    />
    <label class="unseen" for="of-state">State</label>
    <select id="of-state" value=${filter.state} onChange=${pick('state')}>
      <option value="">Every state</option>
      ${STATES.map((state) => html`<option value=${state}>${stateWords(state)}${counts[state] ? ` (${counts[state]})` : ''}</option>`)}
    </select>
    <label class="unseen" for="of-collection">Collection</label>
    <select id="of-collection" value=${filter.collection} onChange=${pick('collection')}>
      <option value="">Every collection</option>
      ${names.map((name) => html`<option value=${name}>${name}</option>`)}
    </select>
  </search>`;
}
