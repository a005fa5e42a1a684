import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useEvents } from '../../lib/events.js';
import { Button, Tag, Time, toast } from '../../lib/ui.js';
import { linkTo } from '../../lib/router.js';
import { Card } from './card.js';
import { useOften } from './use-often.js';

const SHOWN = 20;
const STATES = { queued: 'waiting its turn', waiting: 'waiting to be tried again', running: 'running' };

/** What waits or runs of the documents; pictures have their queue with the workflows. */
export function Jobs() {
  const { data, error, reload } = useOften(`/api/jobs?limit=${SHOWN}`);
  useEvents((name) => name === 'status' && reload());
  const act = (work) => () => work().then(reload, (failure) => toast(failure.message, { kind: 'bad' }));
  return html`<${Card} title="Queue" error=${error} onRetry=${reload}>
    ${data?.data.length === 0 && html`<p class="soft">Nothing waits to be read.</p>`}
    <ul class="rows">
      ${data?.data.map(
        (job) =>
          html`<li key=${job.id} class="job">
            <p class="row">
              ${
                job.document_id
                  ? html`<a href=${linkTo(['documents', job.document_id])}>Document ${job.document_id}</a>`
                  : html`<span>${job.kind}</span>`
              }
              <${Tag} kind=${job.state === 'running' ? 'busy' : 'plain'}
                >${STATES[job.state] ?? job.state}</${Tag}
              >
            </p>
            ${job.reason && html`<p class="small soft">${job.reason}, ${job.failures} failed, again <${Time} at=${job.run_at} /></p>`}
            <p class="row">
              ${
                job.state === 'waiting' &&
                html`<${Button} class="small" onClick=${act(() => api.post(`/api/jobs/${job.id}/retry`))}
                  >Try now</${Button}
                >`
              }
              <${Button} class="small" onClick=${act(() => api.delete(`/api/jobs/${job.id}`))}
                >Cancel</${Button}
              >
            </p>
          </li>`,
      )}
    </ul>
    ${data?.next_cursor && html`<p class="soft">and more</p>`}
  </${Card}>`;
}
