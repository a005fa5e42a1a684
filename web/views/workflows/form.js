import { useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { Button, Trouble } from '../../lib/ui.js';
import { Input } from './input.js';
import { toSent } from './values.js';

/** The typed inputs of a workflow as a form; what the service refuses stands at the input that it names. */
export function Form({ workflow, initial, from, onMade }) {
  const [values, setValues] = useState(() => withDefaults(workflow, initial));
  const [round, setRound] = useState(0);
  const [refused, setRefused] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const form = useRef();
  const entries = Object.entries(workflow.inputs);
  const picture = values[entries.find(([, { kind }]) => kind === 'image')?.[0]];
  const wrong = faultOf(refused, workflow.inputs);

  const set = (name, value) => {
    setValues((old) => ({ ...old, [name]: value }));
    if (wrong.name === name) setRefused(null);
  };

  const startOver = () => {
    setValues(withDefaults(workflow, {}));
    setRefused(null);
    // Inputs that hold files cannot be emptied otherwise.
    setRound((count) => count + 1);
  };

  const run = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setRefused(null);
    try {
      const sent = await toSent(workflow.inputs, values);
      onMade(await api.post('/api/images', { workflow: workflow.name, ...sent, ...(from && { from }) }));
    } catch (error) {
      setRefused(error);
      focusOn(form.current, faultOf(error, workflow.inputs).name);
    }
    setBusy(false);
  };

  return html`<form
    ref=${form}
    class="inputs"
    onSubmit=${run}
    noValidate
    aria-label=${`Inputs of ${workflow.name}`}
  >
    ${entries.map(
      ([name, spec]) =>
        html`<${Input}
          key=${`${name} ${round}`}
          name=${name}
          spec=${spec}
          value=${values[name]}
          picture=${picture}
          error=${wrong.name === name ? wrong.words : ''}
          onChange=${(value) => set(name, value)}
        />`,
    )}
    ${entries.length === 0 && html`<p class="soft">It takes no inputs.</p>`}
    ${refused && !wrong.name && html`<${Trouble} error=${refused} />`}
    <div class="row">
      <${Button} kind="primary" type="submit" busy=${isBusy}>Run</${Button}>
      <${Button} kind="quiet" onClick=${startOver}>Start over</${Button}>
    </div>
  </form>`;
}

function focusOn(form, name) {
  form.querySelector(`[data-input="${name}"]`)?.querySelector('input, textarea, select, canvas')?.focus();
}

function withDefaults({ inputs }, given) {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [name, given[name] ?? spec.default ?? emptyOf(spec)]),
  );
}

function emptyOf({ kind, choices = [], required }) {
  if (kind === 'lora') return [];
  if (kind === 'boolean') return false;
  if (kind === 'choice') return required ? choices[0] : '';
  return kind === 'image' || kind === 'mask' ? undefined : '';
}

/** `inputs.steps: must be at most 100.` belongs to the input `steps`. */
function faultOf(error, inputs) {
  const name = error?.param?.replace(/^(?:inputs|pictures)\./, '');
  if (name === undefined || !Object.hasOwn(inputs, name)) return { name: undefined, words: '' };
  const words = error.message.replace(/^(?:(?:inputs|pictures)\.)?\w+: /, '');
  return { name, words: words.charAt(0).toUpperCase() + words.slice(1) };
}
