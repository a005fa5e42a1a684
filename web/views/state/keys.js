import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { Button, Dialog, Tag, Time, toast } from '../../lib/ui.js';
import { Card } from './card.js';
import { MakeKey } from './make-key.js';
import { count } from './units.js';

/** Who may do what: keys are made here, shown once, and revoked. */
export function Keys() {
  const { data, error, reload } = useLoad((signal) => api.get('/api/keys', { signal }), []);
  const [isMaking, setMaking] = useState(false);
  const make = html`<${Button} kind="primary" onClick=${() => setMaking(true)}>Make a key</${Button}>`;
  return html`<div class="cards">
    <${Card} title="Keys" error=${error} onRetry=${reload} actions=${make} class="wide">
      ${
        data?.data.length === 0 &&
        html`<p class="soft">
          No keys were made here. With the first one, every request needs a key, this page too. Keys of
          LIMNER_API_KEYS are not listed.
        </p>`
      }
      <ul class="rows">
        ${data?.data.map((key) => html`<${Key} key=${key.id} about=${key} onGone=${reload} />`)}
      </ul>
    </${Card}>
    ${isMaking && html`<${MakeKey} isFirst=${data?.data.length === 0} onMade=${reload} onClose=${() => setMaking(false)} />`}
  </div>`;
}

function Key({ about, onGone }) {
  const { id, name, scopes, collections, rate, expires_at: until, created_at: made } = about;
  const [isAsking, setAsking] = useState(false);
  const revoke = async () => {
    await api.delete(`/api/keys/${id}`).catch((error) => toast(error.message, { kind: 'bad' }));
    setAsking(false);
    onGone();
  };
  const isOver = until !== null && Date.parse(until) <= Date.now();
  return html`<li>
    <p class="row">
      <strong>${name}</strong>
      <span class="labels">
        ${isOver && html`<${Tag} kind="bad">expired</${Tag}>`}
        ${scopes.map((scope) => html`<${Tag} kind=${scope === 'admin' ? 'accent' : 'plain'}>${scope}</${Tag}>`)}
      </span>
    </p>
    <div class="row">
      <p class="small soft">
        <code>lim_${id}_…</code> made <${Time} at=${made} />,
        ${collections === null ? ' all collections' : ` collections: ${collections.join(', ')}`}${
          rate !== null && `, ${count(rate)} requests a minute`
        }${until !== null && html`, until <${Time} at=${until} />`}
      </p>
      <${Button} kind="danger" class="small" aria-label=${`Revoke ${name}`} onClick=${() => setAsking(true)}
        >Revoke</${Button}
      >
    </div>
    ${
      isAsking &&
      html`<${Dialog}
        title=${`Revoke ${name}?`}
        onClose=${() => setAsking(false)}
        actions=${html`
          <${Button} onClick=${() => setAsking(false)}>Keep it</${Button}>
          <${Button} kind="danger" onClick=${revoke}>Revoke</${Button}>
        `}
      >
        <p>Whoever uses it is refused from now on.</p>
      </${Dialog}>`
    }
  </li>`;
}
