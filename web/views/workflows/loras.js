import { useId } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { Button } from '../../lib/ui.js';

const MOST = 10;

/** Small additions to a model, each with its strength. */
export function Loras({ value, label, error, onChange }) {
  const id = useId();
  const { data } = useLoad((signal) => api.get('/api/models', { signal }), []);
  const known = [...new Set(data?.data.flatMap(({ models }) => models.loras ?? []))];
  const change = (at, part) =>
    onChange(value.map((one, place) => (place === at ? Object.assign({}, one, part) : one)));
  return html`<fieldset class="loras">
    <legend>${label}</legend>
    ${error && html`<p class="wrong small" role="alert">${error}</p>`}
    ${value.map(
      ({ name, strength }, at) =>
        html`<div class="row">
          <input
            list=${id}
            value=${name}
            aria-label=${`Name of LoRA ${at + 1}`}
            placeholder="name.safetensors"
            onInput=${({ target }) => change(at, { name: target.value })}
          />
          <input
            class="strength"
            type="number"
            min="-10"
            max="10"
            step="0.05"
            value=${strength}
            aria-label=${`Strength of LoRA ${at + 1}`}
            onInput=${({ target }) => change(at, { strength: Number(target.value) })}
          />
          <${Button}
            kind="quiet"
            class="icon"
            aria-label=${`Take LoRA ${at + 1} away`}
            onClick=${() => onChange(value.filter((_, place) => place !== at))}
            >×</${Button}
          >
        </div>`,
    )}
    <datalist id=${id}>${known.map((name) => html`<option value=${name}></option>`)}</datalist>
    ${
      value.length < MOST &&
      html`<${Button} class="small" onClick=${() => onChange([...value, { name: '', strength: 1 }])}
        >Add a LoRA</${Button}
      >`
    }
  </fieldset>`;
}
