import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { Button, Progress, toast } from '../../lib/ui.js';
import { Card } from './card.js';
import { count, percent } from './units.js';
import { useOften } from './use-often.js';

/** The model whose vectors answer, and what is built beside it. */
export function Index() {
  const { data, error, reload } = useOften('/api/index');
  const [isBusy, setBusy] = useState(false);
  const change = (where) => async () => {
    setBusy(true);
    await api.post(`/api/index/${where}`).catch((failure) => toast(failure.message, { kind: 'bad' }));
    setBusy(false);
    reload();
  };
  return html`<${Card} title="Vectors of the index" error=${error} onRetry=${reload}>
    ${data && html`<${Shown} index=${data} />`}
    <div class="row">
      ${
        data?.previous &&
        !data.held &&
        html`<${Button} busy=${isBusy} onClick=${change('back')}>Back to ${nameOf(data.previous)}</${Button}>`
      }
      ${
        data?.held &&
        html`<${Button} busy=${isBusy} onClick=${change('forward')}
          >Take the model of the settings</${Button}
        >`
      }
    </div>
  </${Card}>`;
}

/** Without the fingerprint that tells one build of a model from another. */
const nameOf = (identity) => identity.replace(/@[^@]*$/, '');

function Shown({ index: { model, building, held, compared } }) {
  return html`
    <p>
      ${
        model === null
          ? 'There are no vectors yet: keywords answer.'
          : html`<strong title=${model}>${nameOf(model)}</strong> answers.`
      }
      ${held && ' Somebody went back to it, and it stays until you say otherwise.'}
    </p>
    ${
      building &&
      building.chunks > 0 &&
      html`<p class="small">
          The vectors of ${nameOf(building.model)} are built beside it: ${count(building.vectors)} of
          ${` ${count(building.chunks)}`}.
        </p>
        <${Progress}
          value=${building.vectors / building.chunks}
          label=${`Building the vectors of ${building.model}`}
        />`
    }
    ${
      compared &&
      html`<p class="small soft">
        On the golden questions ${nameOf(compared.from)} reached ${percent(compared.before)},
        ${nameOf(compared.to)} ${` ${percent(compared.after)}`} (nDCG).
      </p>`
    }
  `;
}
