import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useEvents } from '../../lib/events.js';
import { useLoad } from '../../lib/load.js';
import { go, linkTo } from '../../lib/router.js';
import { viewerUrl } from '../../lib/source.js';
import { Button, Dialog, Tag, Time, toast, Trouble } from '../../lib/ui.js';
import { Chunks, Pictures, Text } from './parts.js';
import { pagesInWords, readAgain, sizeOf, State } from './row.js';

const VIEWS = { document: 'Document', text: 'Text', chunks: 'Chunks', pictures: 'Pictures' };

/** One document: as it looks, its text, its chunks as they were cut, its pictures, and all that is known of it. */
export function Detail({ id, route }) {
  const { data, error, setData, reload } = useLoad(
    (signal) => api.get(`/api/documents/${id}`, { signal }),
    [id],
  );
  useEvents((name, document) => {
    if (name === 'document' && document.id === id) setData(() => document);
    if (name === 'connected') reload();
  });
  const view = Object.hasOwn(VIEWS, route.query.get('view') ?? '') ? route.query.get('view') : 'document';
  return html`<div class="page detail">
    <p class="small"><a href=${linkTo(['documents'])}>← Documents</a></p>
    ${!data && html`<h1 class="unseen">Document</h1>`}
    ${error && html`<${Trouble} error=${error} onRetry=${reload} />`}
    ${
      data &&
      html`<header>
          <h1>${data.title || data.uri}</h1>
          <${State} document=${data} />
        </header>
        ${data.error && html`<div class="trouble" role="alert"><p>${data.error.message}</p></div>`}
        <${Actions} document=${data} />
        <${About} document=${data} />
        <nav class="tabs" aria-label="Views of the document">
          ${Object.entries(VIEWS).map(
            ([name, label]) =>
              html`<a
                href=${linkTo(['documents', id], { view: name })}
                aria-current=${name === view ? 'page' : undefined}
                >${label}</a
              >`,
          )}
        </nav>
        <${Shown} key=${`${view} ${data.revision} ${data.state}`} document=${data} view=${view} />`
    }
  </div>`;
}

function Shown({ document, view }) {
  if (view === 'text') return html`<${Text} document=${document} />`;
  if (view === 'chunks') return html`<${Chunks} document=${document} />`;
  if (view === 'pictures') return html`<${Pictures} document=${document} />`;
  return html`<iframe
    class="sheet"
    src=${viewerUrl({ document_id: document.id })}
    title=${document.title}
  ></iframe>`;
}

function Actions({ document }) {
  const [isDoomed, setDoomed] = useState(false);
  const remove = async () => {
    try {
      await api.delete(`/api/documents/${document.id}`);
      toast(`${document.title} is taken away`);
      go(['documents']);
    } catch (error) {
      setDoomed(false);
      toast(error.message, { kind: 'bad' });
    }
  };
  return html`<div class="detail-actions">
    <a class="button" href=${`/api/documents/${document.id}/file`} download>Original file</a>
    <a class="button" href=${viewerUrl({ document_id: document.id })} target="_blank" rel="noopener"
      >Open alone</a
    >
    <${Button} onClick=${() => readAgain(document)}>Read again</${Button}>
    ${document.source === 'upload' && html`<${Button} kind="danger" onClick=${() => setDoomed(true)}>Take away</${Button}>`}
    ${
      isDoomed &&
      html`<${Dialog}
        title="Take this document away?"
        onClose=${() => setDoomed(false)}
        actions=${html`<${Button} onClick=${() => setDoomed(false)}>Keep it</${Button}> <${Button} kind="danger" onClick=${remove}>Take away</${Button}>`}
      >
        <p>${document.title} and what was made of it are deleted here.</p>
      </${Dialog}>`
    }
  </div>`;
}

function About({ document }) {
  const {
    uri,
    collection,
    bytes,
    pages,
    chunks,
    vectors,
    ocr,
    processor,
    revision,
    hash,
    tags,
    metadata,
    warnings,
  } = document;
  const facts = {
    Path: uri,
    Collection: html`<a href=${linkTo(['documents'], { collection })}>${collection}</a>`,
    Size: [sizeOf(bytes), pages && pagesInWords(pages)].filter(Boolean).join(', '),
    Chunks: chunks > 0 && `${chunks}, ${vectors === chunks ? 'all' : vectors} found by meaning`,
    'Read from pictures': ocr && `${pagesInWords(ocr.pages)}, ${Math.round(ocr.confidence ?? 0)} % sure`,
    Tags: tags.length > 0 && tags.map((tag) => html`<${Tag}>${tag}</${Tag}> `),
    ...metadata,
    'Read by': processor,
    Changed: html`<${Time} at=${document.updated_at} />${revision > 1 ? `, ${revision} versions` : ''}`,
    'SHA-256': hash && html`<code>${hash}</code>`,
    Remarks: warnings.length > 0 && warnings.join(' '),
  };
  return html`<details class="about">
    <summary>About this document</summary>
    <dl>
      ${Object.entries(facts)
        .filter(([, value]) => value !== null && value !== undefined && value !== false && value !== '')
        .map(
          ([name, value]) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${typeof value === 'boolean' ? String(value) : value}</dd>
            </div>`,
        )}
    </dl>
  </details>`;
}
