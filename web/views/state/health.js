import { html } from 'htm/preact';
import { Trouble } from '../../lib/ui.js';
import { Brake } from './brake.js';
import { Card } from './card.js';
import { Disk } from './disk.js';
import { Folder } from './folder.js';
import { Jobs } from './jobs.js';
import { Servers } from './servers.js';
import { Workers } from './workers.js';
import { count, many } from './units.js';
import { useOften } from './use-often.js';

/** Whether all is well, and what to do where it is not. */
export function Health() {
  const { data: status, error, reload } = useOften('/api/status');
  const system = useOften('/api/system', 10_000);
  if (!status) return error && html`<${Trouble} error=${error} onRetry=${reload} />`;
  return html`<div class="cards">
    ${status.inbox.held > 0 && html`<${Brake} held=${status.inbox.held} onDone=${reload} />`}
    <div class="column">
      <${Documents} status=${status} />
      <${Servers} servers=${status.servers} store=${status.store} />
      <${Jobs} />
    </div>
    <div class="column">
      <${Folder} inbox=${status.inbox} onScan=${reload} />
      <${Throughput} system=${system} />
      <${Workers} />
      <${Disk} system=${system} />
    </div>
  </div>`;
}

const LABELS = {
  searchable: 'searchable',
  seen: 'just seen',
  waiting: 'waiting',
  working: 'being read',
  empty: 'without text',
  failed: 'failed',
  gone: 'gone',
};

function Documents({ status }) {
  const { documents, chunks, vectors, failed } = status;
  const states = Object.keys(LABELS).filter((state) => documents[state] > 0);
  return html`<${Card} title="Documents">
    <dl class="figures">
      ${states.map(
        (state) =>
          html`<div>
            <dt>${LABELS[state]}</dt>
            <dd><a href=${`#/documents?state=${state}`}>${count(documents[state])}</a></dd>
          </div>`,
      )}
      <div>
        <dt>passages</dt>
        <dd>${count(chunks)}</dd>
      </div>
      <div>
        <dt>with meaning</dt>
        <dd>${count(vectors)}</dd>
      </div>
    </dl>
    ${states.length === 0 && html`<p class="soft">No documents yet.</p>`}
    ${
      Object.keys(failed).length > 0 &&
      html`<p class="small soft">
        ${`Failed: ${Object.entries(failed)
          .map(([code, times]) => `${code} ${count(times)}`)
          .join(', ')}`}
      </p>`
    }
  </${Card}>`;
}

function Throughput({ system: { data, error, reload } }) {
  const { last_minute: minute, last_hour: hour, readers } = data?.throughput ?? {};
  return html`<${Card} title="Throughput" error=${error} onRetry=${reload}>
    ${
      data &&
      html`<dl class="figures">
          <${Figure} label="documents, last minute" value=${minute.documents} />
          <${Figure} label="documents, last hour" value=${hour.documents} />
          <${Figure} label="pictures, last hour" value=${hour.pictures} />
        </dl>
        <p class="small soft">
          Limner ${data.version}, ${many(readers, 'document')} read side by side at most.
        </p>`
    }
  </${Card}>`;
}

function Figure({ label, value }) {
  return html`<div>
    <dt>${label}</dt>
    <dd>${count(value)}</dd>
  </div>`;
}
