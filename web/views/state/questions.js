import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { Button, Empty, Field, Tag, Time, toast } from '../../lib/ui.js';
import { Card } from './card.js';
import { many, percent } from './units.js';

/** Questions whose answers are known: how well the index does on them. */
export function Questions() {
  const { data, error, reload } = useLoad((signal) => api.get('/api/golden', { signal }), []);
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    await api.get('/api/eval').catch((failure) => toast(failure.message, { kind: 'bad' }));
    setBusy(false);
    reload();
  };
  const hasQuestions = data?.data.length > 0;
  const runs = html`<${Button} kind="primary" busy=${isBusy} onClick=${run}>Ask them all</${Button}>`;
  return html`<div class="cards">
    <${Card}
      title="Golden questions"
      error=${error}
      onRetry=${reload}
      actions=${hasQuestions && runs}
      class="wide"
    >
      ${data && !hasQuestions && html`<${None} />`}
      <div role="status">${data?.last && hasQuestions && html`<${Last} last=${data.last} />`}</div>
      <ul class="rows">
        ${data?.data.map((one) => html`<${Question} key=${one.id} one=${one} onGone=${reload} />`)}
      </ul>
    </${Card}>
    <${Add} onAdded=${reload} />
  </div>`;
}

function None() {
  return html`<${Empty} title="No questions yet">
    <p>
      Write down questions of which you know the documents that answer them. They measure the index, and a new
      embedding model that answers them worse is left again by itself.
    </p>
  </${Empty}>`;
}

function Last({ last: { questions, recall, mrr, ndcg, at } }) {
  return html`<dl class="figures">
      <div>
        <dt>found among the first ten</dt>
        <dd>${percent(recall)}</dd>
      </div>
      <div>
        <dt title="One over the place of the first right document">mean reciprocal rank</dt>
        <dd>${mrr.toFixed(2)}</dd>
      </div>
      <div>
        <dt title="Normalised discounted cumulative gain">nDCG at ten</dt>
        <dd>${ndcg.toFixed(2)}</dd>
      </div>
    </dl>
    <p class="small soft">${many(questions, 'question')}, <${Time} at=${at} /></p>`;
}

function Question({ one: { id, question, documents, places }, onGone }) {
  const remove = async () => {
    await api.delete(`/api/golden/${id}`).catch((error) => toast(error.message, { kind: 'bad' }));
    onGone();
  };
  return html`<li>
    <p class="row">
      <span>${question}</span>
      <${Place} places=${places} documents=${documents} />
    </p>
    <div class="row">
      <p class="small soft">${documents.join(', ')}</p>
      <${Button} class="small" aria-label=${`Remove: ${question}`} onClick=${remove}>Remove</${Button}>
    </div>
  </li>`;
}

function Place({ places, documents }) {
  if (places === null) return html`<${Tag}>not asked yet</${Tag}>`;
  if (places.length === 0) return html`<${Tag} kind="bad">not found</${Tag}>`;
  const words =
    documents.length === 1
      ? `place ${places[0]}`
      : `${places.length} of ${documents.length}, best ${Math.min(...places)}`;
  return html`<${Tag} kind=${places.length === documents.length ? 'good' : 'busy'}>${words}</${Tag}>`;
}

function Add({ onAdded }) {
  const [question, setQuestion] = useState('');
  const [documents, setDocuments] = useState('');
  const [refused, setRefused] = useState(null);
  const listed = useLoad((signal) => api.get('/api/documents?limit=200', { signal }).catch(() => null), []);
  const add = async (event) => {
    event.preventDefault();
    const uris = documents
      .split('\n')
      .map((uri) => uri.trim())
      .filter(Boolean);
    try {
      await api.post('/api/golden', { question, documents: uris });
      setQuestion('');
      setDocuments('');
      setRefused(null);
      onAdded();
    } catch (error) {
      setRefused(error);
    }
  };
  const errorOf = (field) => (refused?.param?.startsWith(field) ? refused.message : '');
  const other = refused && !errorOf('question') && !errorOf('documents') && refused.message;
  const addOne = ({ target }) => {
    if (target.value)
      setDocuments((old) => `${old}${old && !old.endsWith('\n') ? '\n' : ''}${target.value}\n`);
    target.value = '';
  };
  return html`<${Card} title="Add a question">
    <form class="stack" onSubmit=${add} noValidate>
      <${Field} label="Question" error=${errorOf('question')}>
        <input value=${question} onInput=${({ target }) => setQuestion(target.value)} />
      </${Field}>
      <${Field}
        label="Documents that answer it"
        hint="One a line, by their path in the folder"
        error=${errorOf('documents')}
      >
        <textarea
          rows="3"
          value=${documents}
          onInput=${({ target }) => setDocuments(target.value)}
        ></textarea>
      </${Field}>
      ${
        listed.data?.data.length > 0 &&
        html`<${Field} label="Take one of the list">
          <select onChange=${addOne}>
            <option value=""></option>
            ${listed.data.data.map(({ uri }) => html`<option value=${uri}>${uri}</option>`)}
          </select>
        </${Field}>`
      }
      ${other && html`<p class="wrong" role="alert">${other}</p>`}
      <div><${Button} type="submit">Add</${Button}></div>
    </form>
  </${Card}>`;
}
