import { html } from 'htm/preact';
import { Field } from '../../lib/ui.js';
import { Loras } from './loras.js';
import { Mask } from './mask.js';
import { Picture } from './picture.js';

const CONTROLS = {
  text: Text,
  integer: Digits,
  number: Digits,
  seed: Seed,
  boolean: Yes,
  choice: Choice,
  image: Picture,
  mask: Mask,
  lora: Loras,
};

/** One input as its kind wants it. */
export function Input(props) {
  const { name, spec } = props;
  const Control = CONTROLS[spec.kind] ?? Text;
  return html`<div class=${`input ${spec.kind}`} data-input=${name}>
    <${Control} ...${props} label=${labelOf(name)} hint=${hintOf(spec)} />
  </div>`;
}

function labelOf(name) {
  if (name === 'loras') return 'LoRAs';
  const words = name.replaceAll('_', ' ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function hintOf({ description = '', kind, step, ...range }) {
  if (kind !== 'integer' && kind !== 'number') return description;
  const steps = step !== undefined && step !== 1 ? `in steps of ${step}` : '';
  const told = rangeOf(range);
  // Some descriptions say it themselves.
  const isTold = told !== '' && description.includes(told);
  return [description, isTold ? '' : told, steps].filter(Boolean).join(', ');
}

function rangeOf({ min, max }) {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (min !== undefined) return `at least ${min}`;
  return max === undefined ? '' : `at most ${max}`;
}

function Text({ spec, value, label, hint, error, onChange }) {
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    <textarea
      rows=${spec.required ? 4 : 2}
      maxlength="10000"
      required=${spec.required}
      value=${value}
      onInput=${({ target }) => onChange(target.value)}
    ></textarea>
  </${Field}>`;
}

const numberIn = ({ value }) => (value === '' ? '' : Number(value));

/** A round part of a range, at least a hundred of them: 0.1 for 0 to 30. */
const fineStep = (range) => 10 ** Math.floor(Math.log10(range / 100));

/** A number to type, with a slider beside it where it has a range. */
function Digits({ spec, value, label, hint, error, onChange }) {
  const { min, max, kind } = spec;
  const step = spec.step ?? (kind === 'integer' ? 1 : undefined);
  const take = ({ target }) => onChange(numberIn(target));
  const hasSlider = min !== undefined && max !== undefined;
  return html`<${Field} label=${label} hint=${hint} error=${error}>
      <input
        type="number"
        inputmode=${kind === 'integer' ? 'numeric' : 'decimal'}
        min=${min}
        max=${max}
        step=${step ?? 'any'}
        required=${spec.required}
        value=${value}
        onInput=${take}
      />
    </${Field}>
    ${
      hasSlider &&
      html`<input
        class="slider"
        type="range"
        min=${min}
        max=${max}
        step=${step ?? fineStep(max - min)}
        value=${value === '' ? min : value}
        aria-label=${`${label}, as a slider`}
        onInput=${take}
      />`
    }`;
}

function Seed({ value, label, error, onChange }) {
  return html`<${Field} label=${label} hint="Empty: another one each time" error=${error}>
    <input
      type="number"
      inputmode="numeric"
      min="0"
      step="1"
      placeholder="by chance"
      value=${value}
      onInput=${({ target }) => onChange(numberIn(target))}
    />
  </${Field}>`;
}

function Yes({ name, value, label, hint, error, onChange }) {
  const words = error || hint;
  return html`<label class="check">
      <input
        type="checkbox"
        checked=${value}
        aria-describedby=${words ? `${name}-about` : undefined}
        onChange=${({ target }) => onChange(target.checked)}
      />
      ${label}
    </label>
    ${
      words &&
      html`<p
        id=${`${name}-about`}
        class=${`small ${error ? 'wrong' : 'soft'}`}
        role=${error ? 'alert' : undefined}
      >
        ${words}
      </p>`
    }`;
}

function Choice({ spec, value, label, hint, error, onChange }) {
  const canBeEmpty = !spec.required && spec.default === undefined;
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    <select value=${value} onChange=${({ target }) => onChange(target.value)}>
      ${canBeEmpty && html`<option value="">as it is in the workflow</option>`}
      ${spec.choices?.map((choice) => html`<option value=${choice}>${choice}</option>`)}
    </select>
  </${Field}>`;
}
