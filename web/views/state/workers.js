import { html } from 'htm/preact';
import { linkTo } from '../../lib/router.js';
import { Tag } from '../../lib/ui.js';
import { Card } from './card.js';
import { NAMES } from './servers.js';
import { bytes, count, many } from './units.js';
import { useOften } from './use-often.js';

/** Who makes pictures, how busy each is, and what waits. */
export function Workers() {
  const { data, error, reload } = useOften('/api/workflows/queue/status');
  if (data?.workers.length === 0) return null;
  return html`<${Card} title="Pictures" error=${error} onRetry=${reload}>
    ${
      data &&
      html`<dl class="figures">
          <div>
            <dt>being made</dt>
            <dd>${count(data.running)}</dd>
          </div>
          <div>
            <dt>waiting</dt>
            <dd>${count(data.waiting)}</dd>
          </div>
          <div>
            <dt>made</dt>
            <dd>${count(data.states.done ?? 0)}</dd>
          </div>
          ${
            data.states.failed > 0 &&
            html`<div>
              <dt>failed</dt>
              <dd>${count(data.states.failed)}</dd>
            </div>`
          }
        </dl>
        <ul class="rows">
          ${data.workers.map((worker) => html`<${Worker} key=${worker.url} worker=${worker} />`)}
        </ul>`
    }
    <p class="small"><a href=${linkTo(['workflows'])}>The queue, and what each worker lacks</a></p>
  </${Card}>`;
}

function Worker({ worker: { kind, url, reachable, busy, vram_bytes: memory } }) {
  return html`<li>
    <p class="row">
      <span class="name">${url}</span>
      ${
        reachable
          ? html`<${Tag} kind=${busy > 0 ? 'busy' : 'good'}
              >${busy > 0 ? `has ${many(busy, 'job')}` : 'free'}</${Tag}
            >`
          : html`<${Tag} kind="bad">away</${Tag}>`
      }
    </p>
    <p class="small soft">${NAMES[kind]}${memory !== null && `, ${bytes(memory)} of graphics memory`}</p>
  </li>`;
}
