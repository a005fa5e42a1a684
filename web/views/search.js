import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../lib/api.js';
import { useLoad, useStill } from '../lib/load.js';
import { go, linkTo } from '../lib/router.js';
import { placeOf, ViewerPane } from '../lib/source.js';
import { Empty, Progress, Trouble } from '../lib/ui.js';
import { highlight, wordsOf } from './search/highlight.js';

/** Kinds of files as people call them, by their endings. */
const TYPES = {
  PDF: ['pdf'],
  'Text and notes': ['txt', 'md', 'markdown', 'text', 'rst', 'adoc', 'org', 'tex'],
  'Office documents': ['docx', 'doc', 'docm', 'odt', 'rtf', 'dotx'],
  Tables: ['xlsx', 'xls', 'xlsm', 'xlsb', 'ods', 'csv', 'tsv'],
  Presentations: ['pptx', 'ppt', 'pptm', 'odp'],
  'Web pages': ['html', 'htm', 'xhtml'],
  'Books and mail': ['epub', 'eml', 'msg', 'mbox'],
  Pictures: ['png', 'jpg', 'jpeg', 'webp', 'gif', 'tif', 'tiff', 'bmp', 'avif'],
  'Sound and video': ['mp3', 'wav', 'm4a', 'ogg', 'flac', 'mp4', 'webm', 'mkv', 'mov'],
};
const MOST = 30;

/** Passages as one types: `#/search?q&collection&type`, and `&open=<n>` shows the n-th beside them. */
export default function Search({ route }) {
  const [q, collection, type] = ['q', 'collection', 'type'].map((name) => route.query.get(name) ?? '');
  const [words, setWords] = useState(q);
  const still = useStill(words.trim(), 150);
  const field = useRef();
  const { data, error, isLoading, reload } = useLoad(
    (signal) => (still === '' ? Promise.resolve(null) : find({ q: still, collection, type }, signal)),
    [still, collection, type],
  );
  const collections = useLoad((signal) => api.get('/api/collections', { signal }), []);
  const change = (part) => go(['search'], { q: still, collection, type, ...part }, { replace: true });
  useEffect(() => field.current.focus({ preventScroll: true }), []);
  useEffect(() => {
    if (still !== q) change({});
  }, [still]);
  const open = data?.hits[Number(route.query.get('open')) - 1];
  const close = useCallback(() => go(['search'], { q: still, collection, type }), [still, collection, type]);

  return html`<div class=${`search ${open ? 'viewing' : ''}`}>
    <div class="page">
      <h1 class="unseen">Search</h1>
      <search class="search-form">
        <label class="unseen" for="search-words">Search the documents</label>
        <input
          ref=${field}
          id="search-words"
          type="search"
          placeholder="Search the documents"
          autocomplete="off"
          maxlength="2000"
          value=${words}
          onInput=${(event) => setWords(event.currentTarget.value)}
        />
        <label class="unseen" for="search-collection">Collection</label>
        <select
          id="search-collection"
          value=${collection}
          onChange=${(event) => change({ collection: event.currentTarget.value })}
        >
          <option value="">Every collection</option>
          ${namesIn(collections.data, collection).map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
        <label class="unseen" for="search-type">Type</label>
        <select
          id="search-type"
          value=${type}
          onChange=${(event) => change({ type: event.currentTarget.value })}
        >
          <option value="">Every type</option>
          ${Object.keys(TYPES).map((name) => html`<option value=${name}>${name}</option>`)}
        </select>
      </search>
      <div class="search-busy">${isLoading && still !== '' && html`<${Progress} label="Searching" />`}</div>
      ${error && html`<${Trouble} error=${error} onRetry=${reload} />`}
      <${Hits}
        data=${data}
        link=${(number) => linkTo(['search'], { q: still, collection, type, open: number })}
        current=${open}
        words=${still}
      />
    </div>
    ${open && html`<${ViewerPane} source=${sourceOf(open)} onClose=${close} />`}
  </div>`;
}

const namesIn = (list, chosen) => {
  const names = list?.data.map(({ name }) => name) ?? [];
  return chosen && !names.includes(chosen) ? [chosen, ...names] : names;
};

const sourceOf = ({ document, ...hit }) => ({ ...hit, document_id: document.id, title: document.title });

async function find({ q, collection, type }, signal) {
  const extensions = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  const body = {
    query: q,
    limit: MOST,
    ...(collection && { collection }),
    ...(extensions && { filter: { type: 'in', key: 'extension', value: extensions } }),
  };
  return api.post('/api/search', body, { signal });
}

function Hits({ data, link, current, words }) {
  if (!data)
    return html`<${Empty} title="Search as you type."
      ><p>By words and, with a model, by meaning.</p></${Empty}
    >`;
  const { hits } = data;
  if (hits.length === 0) return html`<${Empty} title="Nothing fits these words." />`;
  const marked = wordsOf(words);
  return html`<p class="unseen" role="status">${hits.length} passages</p>
    <ol class="hits" aria-label="Passages">
      ${hits.map(
        (hit, at) =>
          html`<li key=${`${hit.document.id}-${hit.ordinal}`}>
            <a href=${link(at + 1)} aria-current=${hit === current ? 'true' : undefined}>
              <p class="hit-title">
                <strong>${hit.document.title}</strong> <span class="soft small">${placeOf(hit)}</span>
              </p>
              <p class="hit-text" dir="auto">${highlight(hit.text, marked)}</p>
            </a>
            <p class="hit-ranks soft small numbers">
              <span>${hit.document.collection}</span> <${Ranks} hit=${hit} />
              ${hit.also.length > 0 && html`<span>also in ${hit.also.map(({ uri }) => uri.split('/').at(-1)).join(', ')}</span>`}
            </p>
          </li>`,
      )}
    </ol>`;
}

/** The place of a passage in each of the two lists that were joined, and what that list gave it. */
function Ranks({ hit: { ranks, scores } }) {
  return html`<span>${rankWords('words', ranks.keyword, scores.keyword, 1)}</span>
    <span>${rankWords('meaning', ranks.vector, scores.vector, 2)}</span>`;
}

function rankWords(list, rank, score, digits) {
  if (rank === null) return `not by ${list}`;
  return `by ${list} #${rank}${score === null ? '' : ` (${score.toFixed(digits)})`}`;
}
