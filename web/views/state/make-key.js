import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { Button, Dialog, Field, toast } from '../../lib/ui.js';

const SCOPES = {
  read: 'Search, ask, see documents',
  write: 'Add and delete documents, have pictures made',
  admin: 'Everything, with keys and settings',
};

/** Makes a key and shows it, this once. */
export function MakeKey({ isFirst, onMade, onClose }) {
  const [made, setMade] = useState(null);
  const close = () => {
    onClose();
    if (made) onMade();
  };
  return html`<${Dialog} title=${made ? 'The key' : 'Make a key'} onClose=${close}>
    ${made ? html`<${Made} value=${made.key} onClose=${close} />` : html`<${Wanted} isFirst=${isFirst} onMade=${setMade} />`}
  </${Dialog}>`;
}

function Wanted({ isFirst, onMade }) {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState(isFirst ? ['read', 'write', 'admin'] : ['read']);
  const [chosen, setChosen] = useState([]);
  const [isLimited, setLimited] = useState(false);
  const [until, setUntil] = useState('');
  const [rate, setRate] = useState('');
  const [refused, setRefused] = useState(null);
  const { data } = useLoad((signal) => api.get('/api/collections', { signal }).catch(() => null), []);
  const names = (data?.data ?? []).map((one) => one.name ?? one.id ?? one);
  const make = async (event) => {
    event.preventDefault();
    try {
      onMade(
        await api.post('/api/keys', {
          name: name.trim(),
          scopes,
          ...(isLimited && { collections: chosen }),
          ...(until !== '' && { expires_at: endOf(until) }),
          ...(rate !== '' && { rate: Number(rate) }),
        }),
      );
    } catch (error) {
      setRefused(error);
    }
  };
  const errorOf = (field) => (refused?.param?.split('.')[0] === field ? refused.message : '');
  const other = refused && !['name', 'expires_at', 'rate'].some(errorOf) && refused.message;
  return html`<form class="stack" onSubmit=${make} noValidate>
    ${
      isFirst &&
      html`<p>
        This is the first key: from now on every request needs one. Keep it, and give it the scope admin, or
        nobody can make another.
      </p>`
    }
    <${Field} label="Name" hint="Who or what uses it" error=${errorOf('name')}>
      <input
        value=${name}
        maxlength="100"
        autocomplete="off"
        onInput=${({ target }) => setName(target.value)}
      />
    </${Field}>
    <fieldset>
      <legend>What it may do</legend>
      ${Object.entries(SCOPES).map(
        ([scope, words]) =>
          html`<label class="check">
            <input
              type="checkbox"
              checked=${scopes.includes(scope)}
              onChange=${({ target }) => setScopes(turn(scopes, scope, target.checked))}
            />
            <span>${scope} <span class="soft small">${words}</span></span>
          </label>`,
      )}
    </fieldset>
    <fieldset>
      <legend>Collections</legend>
      <label class="check">
        <input type="radio" name="limited" checked=${!isLimited} onChange=${() => setLimited(false)} /> All
      </label>
      <label class="check">
        <input type="radio" name="limited" checked=${isLimited} onChange=${() => setLimited(true)} /> Only
        these
      </label>
      ${
        isLimited &&
        names.map(
          (one) =>
            html`<label class="check inner">
              <input
                type="checkbox"
                checked=${chosen.includes(one)}
                onChange=${({ target }) => setChosen(turn(chosen, one, target.checked))}
              />
              ${one}
            </label>`,
        )
      }
      ${isLimited && names.length === 0 && html`<p class="small soft">There are no collections yet.</p>`}
    </fieldset>
    <div class="halves">
      <${Field} label="Ends after" hint="Empty: never" error=${errorOf('expires_at')}>
        <input type="date" value=${until} onInput=${({ target }) => setUntil(target.value)} />
      </${Field}>
      <${Field} label="Requests a minute" hint="Empty: as the service allows" error=${errorOf('rate')}>
        <input
          type="number"
          min="1"
          inputmode="numeric"
          value=${rate}
          onInput=${({ target }) => setRate(target.value)}
        />
      </${Field}>
    </div>
    ${other && html`<p class="wrong" role="alert">${other}</p>`}
    <div><${Button} kind="primary" type="submit">Make it</${Button}></div>
  </form>`;
}

const turn = (list, one, isOn) => (isOn ? [...list, one] : list.filter((value) => value !== one));

/** The last moment of a day where the reader is. */
const endOf = (day) => new Date(`${day}T23:59:59`).toISOString();

function Made({ value, onClose }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      toast('The key is copied.');
    } catch {
      toast('The browser does not copy here: mark the key and copy it by hand.', { kind: 'bad' });
    }
  };
  return html`<p>It is shown this once. Only its hash is kept, so that nobody can show it again.</p>
    <${Field} label="Key">
      <input class="secret" readonly value=${value} onFocus=${({ target }) => target.select()} />
    </${Field}>
    <div class="row">
      <${Button} kind="primary" onClick=${copy}>Copy</${Button}>
      <${Button} onClick=${onClose}>I have it</${Button}>
    </div>`;
}
