import { html } from 'htm/preact';
import { isEnded, useJob } from '../../lib/pictures.js';
import { Progress, Tag } from '../../lib/ui.js';
import { viewerUrl } from '../../lib/source.js';

/** A generated picture in its place from the start, whenever it comes: it is labelled, and says what it was made of. */
export function Picture({ id, told }) {
  const job = useJob(id, told);
  if (!job) return html`<figure class="picture"><div class="frame" style=${shapeOf()}></div></figure>`;
  const { state, error, outputs = [] } = job;
  if (isEnded(job) && state !== 'done')
    return html`<p class="note">No picture: ${error?.message ?? `it was ${state}`}</p>`;
  return html`<figure class="picture">
    <div class="frame" style=${shapeOf(job)}>
      ${
        state === 'done'
          ? outputs.map((output) => html`<${Output} key=${output.id} output=${output} job=${job} />`)
          : html`<div class="waits">
              <p class="soft">A picture is being made…</p>
              <${Progress} value=${job.progress > 0 ? job.progress : undefined} label="The picture" />
            </div>`
      }
    </div>
    <figcaption>
      <${Tag} kind="accent">Generated</${Tag}>
      <span class="soft">Not evidence: painted from the passages below.</span>
      <${Origin} job=${job} />
    </figcaption>
  </figure>`;
}

/** The frame has its shape before the picture comes, and keeps it. */
function shapeOf({ inputs = {}, outputs = [] } = {}) {
  if (outputs.length > 0 && outputs.every(({ kind }) => kind === 'audio' || kind === 'text')) return {};
  const { width, height } = inputs;
  return { aspectRatio: width > 0 && height > 0 ? `${width} / ${height}` : '4 / 3' };
}

function Output({ output, job }) {
  const { kind, url, name } = output;
  const words = typeof job.inputs?.prompt === 'string' ? job.inputs.prompt : job.workflow;
  if (kind === 'video')
    return html`<video src=${url} controls preload="metadata" aria-label=${`Generated: ${words}`}></video>`;
  if (kind === 'audio') return html`<audio src=${url} controls aria-label=${`Generated: ${words}`}></audio>`;
  if (kind === 'image' || kind === 'animation')
    return html`<a href=${url} target="_blank" rel="noopener"
      ><img src=${url} alt=${`Generated: ${words}`}
    /></a>`;
  return html`<a href=${url} target="_blank" rel="noopener">${name}</a>`;
}

/** What a picture was made of: the words, the workflow and the passages behind them. */
function Origin({ job }) {
  const { inputs = {}, passages = [], workflow, seed } = job;
  return html`<details>
    <summary>How it was made</summary>
    <dl>
      ${
        typeof inputs.prompt === 'string' &&
        html`<dt>Prompt</dt>
          <dd>${inputs.prompt}</dd>`
      }
      <dt>Workflow</dt>
      <dd>
        ${workflow}${seed !== null && seed !== undefined && html` <span class="soft">seed ${seed}</span>`}
      </dd>
      ${
        passages.length > 0 &&
        html`<dt>Passages</dt>
          <dd>
            <ul>
              ${passages.map(
                ({ document, title, page, text, url }) =>
                  html`<li>
                    <a
                      href=${viewerUrl({ document_id: document, page, span: spanIn(url) })}
                      target="_blank"
                      rel="noopener"
                      >${title}${page ? `, page ${page}` : ''}</a
                    >
                    <q>${text.trim().slice(0, 200)}</q>
                  </li>`,
              )}
            </ul>
          </dd>`
      }
    </dl>
  </details>`;
}

const spanIn = (url) => /[?&]mark=(\d+)-(\d+)/.exec(url)?.slice(1);

/** A figure of a cited document is no generated picture. */
export function DocumentFigure({ figure }) {
  const { url, title, page, width, height, description, document } = figure;
  return html`<figure class="picture">
    <a class="frame" href=${viewerUrl({ document_id: document, page })} target="_blank" rel="noopener">
      <img src=${url} width=${width} height=${height} alt=${description ?? `Figure in ${title}`} />
    </a>
    <figcaption>
      <${Tag}>From the document</${Tag}> <span class="soft">${title}${page ? `, page ${page}` : ''}</span>
    </figcaption>
  </figure>`;
}
