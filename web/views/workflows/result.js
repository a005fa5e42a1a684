import { html } from 'htm/preact';
import { isEnded, Media, Preview, promptOf, useJob } from '../../lib/pictures.js';
import { linkTo } from '../../lib/router.js';
import { Progress, Tag } from '../../lib/ui.js';
import { Cancel } from './cancel.js';

const STATES = {
  waiting: 'Waiting for a worker',
  running: 'Being made',
  cancelling: 'Stopping',
  failed: 'Failed',
  cancelled: 'Cancelled',
  lost: 'Lost by its worker',
};

/** A job from its beginning to its picture. */
export function Result({ job: begun }) {
  const job = useJob(begun.id, begun);
  const isDone = job.state === 'done';
  return html`<li class="result">
    <p class="unseen" role="status">${isDone ? 'It is made.' : STATES[job.state]}</p>
    ${isDone ? html`<${Made} job=${job} />` : html`<${Waiting} job=${job} />`}
  </li>`;
}

function Waiting({ job }) {
  const isOver = isEnded(job);
  const share = job.state === 'running' ? job.progress : 0;
  return html`<div class="waiting">
    <${Preview} job=${job} />
    <p class="row">
      <${Tag} kind=${job.state === 'failed' || job.state === 'lost' ? 'bad' : 'busy'}
        >${STATES[job.state]}</${Tag}
      >
      ${job.state === 'running' && html`<span class="numbers">${Math.round(share * 100)} %</span>`}
    </p>
    ${job.error && html`<p class=${isOver ? 'wrong' : 'soft'}>${job.error.message}</p>`}
    ${!isOver && html`<${Progress} value=${share} label="Progress" />`}
    ${!isOver && html`<${Cancel} job=${job} />`}
  </div>`;
}

function Made({ job }) {
  return html`<div class="media">
      ${job.outputs.map(
        (output) => html`<${Media} key=${output.id} output=${output} alt=${promptOf(job)} />`,
      )}
      ${job.outputs.length === 0 && html`<p>The run ended without a file.</p>`}
    </div>
    <p class="row">
      <${Tag} kind="accent">generated</${Tag}>
      <a href=${linkTo(['gallery', job.id])}>In the gallery</a>
    </p>`;
}
