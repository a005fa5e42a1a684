import { html } from 'htm/preact';
import { promptOf } from '../../lib/pictures.js';
import { linkTo } from '../../lib/router.js';
import { Progress, Tag } from '../../lib/ui.js';
import { Cancel } from './cancel.js';

const SHOWN = 50;

/** Everything that waits or runs, whoever asked for it. */
export function Queue({ jobs }) {
  return html`<section class="queue" aria-labelledby="queue">
    <h2 id="queue">Queue</h2>
    ${jobs?.length === 0 && html`<p class="soft">Nothing waits.</p>`}
    <ol>
      ${jobs?.slice(0, SHOWN).map((job) => html`<${Row} key=${job.id} job=${job} />`)}
    </ol>
    ${jobs?.length > SHOWN && html`<p class="soft">and ${jobs.length - SHOWN} more</p>`}
  </section>`;
}

function Row({ job }) {
  const { workflow, state, progress, worker } = job;
  const isRunning = state === 'running';
  return html`<li class="job">
    <div>
      <p class="words">${promptOf(job)}</p>
      <p class="soft small">
        <a href=${linkTo(['workflows', workflow])}>${workflow}</a>
        ${worker && ` on ${worker}`}
      </p>
      <${Progress} value=${isRunning ? progress : 0} label=${`${workflow}: ${promptOf(job).slice(0, 80)}`} />
    </div>
    <${Tag} kind=${state === 'waiting' ? 'plain' : 'busy'}
      >${isRunning ? `${Math.round(progress * 100)} %` : state}</${Tag}
    >
    <${Cancel} job=${job} />
  </li>`;
}
