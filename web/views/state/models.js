import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useEvents } from '../../lib/events.js';
import { useLoad } from '../../lib/load.js';
import { Button, Field, Progress, Tag, Time, toast } from '../../lib/ui.js';
import { Card } from './card.js';
import { Index } from './index-model.js';
import { ModelState } from './servers.js';
import { percent } from './units.js';
import { useOften } from './use-often.js';

/** Which model does what, the change of the one that makes vectors, and downloads. */
export function Models() {
  return html`<div class="cards">
    <${Roles} />
    <div class="column">
      <${Index} />
      <${Pulls} />
    </div>
  </div>`;
}

function Roles() {
  const status = useOften('/api/status');
  const settings = useLoad((signal) => api.get('/api/settings', { signal }).catch(() => null), []);
  const listed = useLoad((signal) => api.get('/v1/models', { signal }), []);
  useEvents((name, pull) => name === 'pull' && pull.state === 'done' && listed.reload());
  const servers = Object.values(status.data?.servers ?? {}).flat();
  const of = (role) =>
    servers.map((server) => server[role]).find((model) => model && model.state !== 'unused');
  const names = (listed.data?.data ?? []).map(({ id }) => id).filter((id) => !/^limner(?:[/+]|$)/.test(id));
  const others = names.filter((name) => name !== of('chat')?.name);
  const setting = (name) => settings.data?.data.find((one) => one.name === name)?.value;
  const vision = setting('LIMNER_VISION_MODEL');
  const ear = setting('LIMNER_TRANSCRIBE_URL') && setting('LIMNER_TRANSCRIBE_MODEL');
  return html`<${Card} title="In force" error=${status.error} onRetry=${status.reload}>
    <ul class="rows">
      <${Role} label="Writes answers" setting="LIMNER_CHAT_MODEL" model=${of('chat')} />
      <${Role} label="Finds by meaning" setting="LIMNER_EMBED_MODEL" model=${of('embed')} />
      <${Role}
        label="Describes pictures"
        setting="LIMNER_VISION_MODEL"
        model=${vision && seen(vision, names)}
      />
      <${Role} label="Writes sound down" setting="LIMNER_TRANSCRIBE_URL" model=${ear && { name: ear }} />
    </ul>
    ${
      others.length > 0 &&
      html`<h3>Others that write answers</h3>
        <p class="small">${others.join(', ')}</p>
        <p class="small soft">Each can be chosen where one asks. Settings say which stands in for none.</p>`
    }
  </${Card}>`;
}

const seen = (name, names) => ({ name, state: names.includes(name) ? 'ready' : 'missing' });

function Role({ label, setting, model }) {
  return html`<li>
    <p class="row">
      <span>${label}</span>
      ${model?.state ? html`<${ModelState} model=${model} />` : !model && html`<${Tag}>not set</${Tag}>`}
    </p>
    <p class="small">
      ${model ? model.name || 'The only model that its server has.' : html`<span class="soft">Set ${setting}.</span>`}
    </p>
    ${model?.state === 'pulling' && html`<${Progress} value=${model.progress} label=${`Pulling ${model.name}`} />`}
    ${model?.message && html`<p class="small soft">${model.message}</p>`}
  </li>`;
}

function Pulls() {
  const { data, error, setData, reload } = useLoad((signal) => api.get('/api/pulls', { signal }), []);
  const [model, setModel] = useState('');
  const [refused, setRefused] = useState('');
  const [isBusy, setBusy] = useState(false);
  const put = (pull) =>
    setData((old) => {
      const others = (old?.data ?? []).filter(({ id }) => id !== pull.id);
      const at = (old?.data ?? []).findIndex(({ id }) => id === pull.id);
      return { data: at < 0 ? [pull, ...others] : others.toSpliced(at, 0, pull) };
    });
  useEvents((name, pull) => {
    if (name === 'pull') put(pull);
    if (name === 'connected') reload();
  });
  const begin = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setRefused('');
    try {
      put(await api.post('/api/pulls', { model: model.trim() }));
      setModel('');
    } catch (failure) {
      setRefused(failure.message.replace(/^model: /, 'The model '));
    }
    setBusy(false);
  };
  return html`<${Card} title="Download a model" error=${error} onRetry=${reload}>
    <form class="pull" onSubmit=${begin} noValidate>
      <${Field}
        label="Model"
        hint="A name of ollama.com/library, such as gemma3:4b, or hf.co/owner/name"
        error=${refused}
      >
        <input
          value=${model}
          onInput=${({ target }) => setModel(target.value)}
          autocomplete="off"
          autocapitalize="off"
          spellcheck=${false}
        />
      </${Field}>
      <${Button} type="submit" busy=${isBusy}>Download</${Button}>
    </form>
    <ul class="rows" aria-label="Downloads">
      ${data?.data.map((pull) => html`<${Pull} key=${pull.id} pull=${pull} />`)}
    </ul>
  </${Card}>`;
}

const PULLS = { pulling: 'busy', done: 'good', failed: 'bad', cancelled: 'plain' };

function Pull({ pull: { id, model, state, progress, message, started_at: at } }) {
  const cancel = () => api.delete(`/api/pulls/${id}`).catch((error) => toast(error.message, { kind: 'bad' }));
  const words = state === 'pulling' ? percent(progress) : state;
  return html`<li>
    <p class="row">
      <span>${model}</span>
      <${Tag} kind=${PULLS[state]}>${words}</${Tag}>
    </p>
    ${state === 'pulling' && html`<${Progress} value=${progress} label=${`Downloading ${model}`} />`}
    ${state === 'failed' && html`<p class="small wrong">${message}</p>`}
    <p class="row small soft">
      <${Time} at=${at} />
      ${state === 'pulling' && html`<${Button} class="small" aria-label=${`Cancel the download of ${model}`} onClick=${cancel}>Cancel</${Button}>`}
    </p>
  </li>`;
}
