import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { linkTo } from '../../lib/router.js';
import { useStatus } from '../../lib/status.js';
import { Button } from '../../lib/ui.js';

/** Where a question is written, and what it is asked of: collection, model and picture in one place. */
export function Composer({ talk, wish, onWish, onAsk }) {
  const [words, setWords] = useState('');
  const field = useRef();
  const isBusy = talk.isBusy();
  // On a touch screen the keyboard would cover the page.
  useEffect(
    () => matchMedia('(pointer: fine)').matches && field.current.focus({ preventScroll: true }),
    [talk],
  );
  const submit = (event) => {
    event.preventDefault();
    if (words.trim() === '' || isBusy) return;
    onAsk(words.trim());
    setWords('');
  };
  const onKeyDown = (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event);
    if (event.key === 'Escape' && isBusy) talk.stop();
  };
  return html`<form class="composer" onSubmit=${submit}>
    <${NoModel} />
    <label class="unseen" for="question">Ask your documents</label>
    <div class="composer-field">
      <textarea
        ref=${field}
        id="question"
        rows="1"
        maxlength="100000"
        placeholder="A question, or /imagine a picture"
        value=${words}
        onInput=${(event) => setWords(event.currentTarget.value)}
        onKeyDown=${onKeyDown}
      ></textarea>
      ${
        isBusy
          ? html`<${Button} onClick=${talk.stop}>Stop</${Button}>`
          : html`<${Button} kind="primary" type="submit">Ask</${Button}>`
      }
    </div>
    <${Wish} wish=${wish} onWish=${onWish} />
  </form>`;
}

function Wish({ wish, onWish }) {
  const { data } = useLoad(readChoices, []);
  const { collections = [], models = [] } = data ?? {};
  const change = (name) => (event) =>
    onWish({
      ...wish,
      [name]:
        event.currentTarget.type === 'checkbox' ? event.currentTarget.checked : event.currentTarget.value,
    });
  return html`<div class="wish">
    <label>
      <span class="unseen">Collection</span>
      <select value=${wish.collection} onChange=${change('collection')}>
        <option value="">All documents</option>
        ${withChosen(collections, wish.collection).map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
    </label>
    <label>
      <span class="unseen">Language model</span>
      <select value=${wish.model} onChange=${change('model')}>
        <option value="">The usual model</option>
        ${withChosen(models, wish.model).map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
    </label>
    <label class="check"
      ><input type="checkbox" checked=${wish.illustrate} onChange=${change('illustrate')} /> with a
      picture</label
    >
  </div>`;
}

/** What was chosen is shown as chosen, also while the list is not there or lacks it. */
const withChosen = (names, chosen) => (chosen && !names.includes(chosen) ? [chosen, ...names] : names);

async function readChoices(signal) {
  const [collections, models] = await Promise.all([
    api.get('/api/collections', { signal }),
    api.get('/v1/models', { signal }),
  ]);
  return {
    collections: collections.data.map(({ name }) => name),
    // Those of ours are collections by another name.
    models: models.data.map(({ id }) => id).filter((id) => !/^limner(?:[/+:-]|$)/.test(id)),
  };
}

/** Says what to do where nothing writes: answers are quotes until then. */
function NoModel() {
  const status = useStatus();
  const server = status?.servers.chat_server ?? status?.servers.ollama;
  if (!server || server.chat?.state === 'ready') return null;
  const { chat, kind, url, reachable } = server;
  const todo = !reachable
    ? html`start ${kind === 'ollama' ? 'Ollama' : 'the model server'} at <code>${url}</code>`
    : chat.state === 'pulling'
      ? html`wait: <code>${chat.name}</code> is being
          downloaded${chat.progress ? ` (${Math.floor(100 * chat.progress)} %)` : ''}`
      : html`get <code>${chat.name}</code> in <a href=${linkTo(['state'])}>State</a>`;
  return html`<p class="note">
    No language model is connected: answers are the passages that fit best, quoted. For written answers${' '}
    ${todo}.
  </p>`;
}
