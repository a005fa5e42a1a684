import { html } from 'htm/preact';
import { fileUrl, isFile, promptOf } from '../../lib/pictures.js';
import { linkTo } from '../../lib/router.js';

/** What it was made with, and from which words. */
export function Facts({ job }) {
  const prompt = promptOf(job);
  const inputs = Object.entries(job.inputs).filter(([, value]) => value !== prompt);
  return html`
    <dl class="facts">
      <dt>Workflow</dt>
      <dd><a href=${linkTo(['workflows', job.workflow])}>${job.workflow}</a></dd>
      ${inputs.map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd><${Value} name=${name} value=${value} /></dd>`,
      )}
      ${
        job.worker &&
        html`<dt>Made by</dt>
          <dd>${job.worker}</dd>`
      }
    </dl>
    ${job.passages.length > 0 && html`<${Passages} passages=${job.passages} />`}
  `;
}

function Value({ name, value }) {
  if (isFile(value))
    return html`<a href=${fileUrl(value)} target="_blank" rel="noreferrer"
      ><img class="given" src=${fileUrl(value, 128)} alt=${`The ${name} it was given`} loading="lazy"
    /></a>`;
  if (Array.isArray(value))
    return value.map(({ name: one, strength }) => `${one} (${strength})`).join(', ') || 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

function Passages({ passages }) {
  return html`<section class="passages" aria-label="Made from these passages">
    <h3>Made from</h3>
    <ol>
      ${passages.map(
        ({ url, title, page, text }) =>
          html`<li>
            <a href=${safe(url)} target="_blank" rel="noreferrer"
              >${title}${page !== null && `, page ${page}`}</a
            >
            <blockquote>${text}</blockquote>
          </li>`,
      )}
    </ol>
  </section>`;
}

/** A link that a document could have written leads nowhere else than to a page. */
function safe(url) {
  const { protocol } = URL.parse(url, location.href) ?? {};
  return protocol === 'http:' || protocol === 'https:' ? url : undefined;
}
