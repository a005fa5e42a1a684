import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad, useParts } from '../../lib/load.js';
import { placeOf, viewerUrl } from '../../lib/source.js';
import { Empty, Pager, Trouble } from '../../lib/ui.js';

/** The text as searches and models read it. */
export function Text({ document }) {
  const read = async (cursor, signal) => {
    const part = await api.get(`/api/documents/${document.id}/text?start=${cursor || 0}`, { signal });
    return { data: [part.text], length: part.length, next_cursor: part.end < part.length ? part.end : null };
  };
  const { data, error, reload, isMore, more } = useParts(read, [document.id]);
  if (error) return html`<${Trouble} error=${error} onRetry=${reload} />`;
  if (data?.length === 0) return html`<${Empty} title="There is no text in this document." />`;
  return html`<div class="whole-text">
    ${data?.data.map((text) => html`<p dir="auto">${text}</p>`)}
    <${Pager} next=${data?.next_cursor} busy=${isMore} onMore=${more} />
  </div>`;
}

/** What the text was cut into; each piece is found and cited as a whole. */
export function Chunks({ document }) {
  const read = (cursor, signal) =>
    api.get(`/api/documents/${document.id}/chunks?limit=100${cursor && `&cursor=${cursor}`}`, { signal });
  const { data, error, reload, isMore, more } = useParts(read, [document.id]);
  if (error) return html`<${Trouble} error=${error} onRetry=${reload} />`;
  if (data?.data.length === 0) return html`<${Empty} title="Nothing was cut from this document." />`;
  return html`<ol class="chunks">
      ${data?.data.map(
        (chunk) =>
          html`<li key=${chunk.ordinal}>
            <p class="soft small numbers">
              <a href=${viewerUrl({ ...chunk, document_id: document.id })} target="_blank" rel="noopener"
                >${chunk.ordinal + 1}</a
              >
              <span>${placeOf(chunk)}</span>
              <span>${chunk.text.length} characters, ${chunk.span[0]}–${chunk.span[1]}</span>
            </p>
            <p class="chunk-text" dir="auto">${chunk.text}</p>
          </li>`,
      )}
    </ol>
    <${Pager} next=${data?.next_cursor} busy=${isMore} onMore=${more} />`;
}

/** The figures that the document shows. */
export function Pictures({ document }) {
  const { data, error, reload } = useLoad(
    (signal) => api.get(`/api/documents/${document.id}/figures`, { signal }),
    [document.id],
  );
  if (error) return html`<${Trouble} error=${error} onRetry=${reload} />`;
  if (data?.data.length === 0) return html`<${Empty} title="There are no pictures in this document." />`;
  return html`<ul class="figures">
    ${data?.data.map(
      ({ id, url, width, height, page, description, caption }) =>
        html`<li key=${id}>
          <figure>
            <a href=${url} target="_blank" rel="noopener"
              ><img
                src=${url}
                width=${width}
                height=${height}
                loading="lazy"
                alt=${description ?? caption?.text ?? `Picture of page ${page ?? 1}`}
            /></a>
            <figcaption class="small">
              <span class="soft"
                >${[page && `page ${page}`, `${width} × ${height}`].filter(Boolean).join(' · ')}</span
              >
              ${description}
              ${caption && html`<span>${caption.text} <span class="soft">(described by ${caption.model})</span></span>`}
            </figcaption>
          </figure>
        </li>`,
    )}
  </ul>`;
}
