import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { Tag } from '../../lib/ui.js';
import { Card } from './card.js';

/** Every setting as it is in force; secrets are only said to be set. */
export function Settings() {
  const { data, error, reload } = useLoad((signal) => api.get('/api/settings', { signal }), []);
  const [isShort, setShort] = useState(false);
  const all = data?.data ?? [];
  const shown = all.filter((one) => !isShort || one.is_set);
  return html`<div class="cards">
    <${Card} title="Settings" error=${error} onRetry=${reload} class="wide">
      <p class="soft">
        Environment variables, also read from a file .env where Limner is started. They count from the next
        start on; the README says what each does.
      </p>
      <label class="check">
        <input type="checkbox" checked=${isShort} onChange=${({ target }) => setShort(target.checked)} />
        Only those that are set
      </label>
      <table>
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">In force</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            ({ name, value, is_set: isSet, is_secret: isSecret }) =>
              html`<tr key=${name}>
                <th scope="row"><code>${name}</code></th>
                <td>
                  ${isSecret ? html`<span class="soft">${isSet ? 'set, and not shown' : 'not set'}</span>` : valueOf(value)}
                  ${isSet && !isSecret && html` <${Tag} kind="accent">set</${Tag}>`}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${data && shown.length === 0 && html`<p class="soft">Nothing is set: these are all defaults.</p>`}
    </${Card}>
  </div>`;
}

function valueOf(value) {
  const isNothing = value === null || value === '' || (Array.isArray(value) && value.length === 0);
  if (isNothing) return html`<span class="soft">none</span>`;
  return Array.isArray(value) ? value.join(', ') : String(value);
}
