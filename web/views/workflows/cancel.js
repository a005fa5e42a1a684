import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { promptOf } from '../../lib/pictures.js';
import { Button, toast } from '../../lib/ui.js';

/** Ends a job that waits or runs. */
export function Cancel({ job }) {
  const cancel = () =>
    api.delete(`/api/images/${job.id}`).catch((error) => toast(error.message, { kind: 'bad' }));
  return html`<${Button}
    class="small"
    busy=${job.state === 'cancelling'}
    aria-label=${`Cancel ${promptOf(job).slice(0, 80)}`}
    onClick=${cancel}
    >Cancel</${Button}
  >`;
}
