import { html } from 'htm/preact';
import { Button, Tag } from '../../lib/ui.js';

const STATES = {
  ready: 'ready',
  unreachable: 'does not answer',
  missing_nodes: 'lacks nodes',
  missing_models: 'lacks models',
  low_vram: 'has too little memory',
  invalid: 'does not fit',
};

const ADVICE = {
  missing_nodes: 'Install what is missing there (nodes with ComfyUI-Manager), and start it again.',
  missing_models: 'Put them into those folders of its models, or run there: limner worker fetch-models',
  low_vram: 'Choose a workflow for smaller cards.',
  invalid: 'The workflow was made for another version of these nodes: save it again there.',
};

/** Where the workflow can run, and what each worker lacks, in plain words. */
export function Gaps({ workflow, onLook }) {
  const { workers } = workflow;
  return html`<section class="gaps" aria-labelledby="gaps">
    <header class="row">
      <h2 id="gaps">Where it runs</h2>
      <${Button} kind="quiet" class="small" onClick=${onLook}>Look again</${Button}>
    </header>
    ${
      workers.length === 0 &&
      html`<p>
        No picture server is set. Set <code>COMFYUI_URL</code> or <code>AUTOMATIC1111_URL</code> to its
        address and start Limner again.
      </p>`
    }
    <ul>
      ${workers.map((worker) => html`<${Worker} key=${worker.url} worker=${worker} workflow=${workflow} />`)}
    </ul>
  </section>`;
}

function Worker({ worker, workflow }) {
  const { url, state, lacks } = worker;
  const isReady = state === 'ready';
  return html`<li class="gap">
    <p class="row">
      <span class="name">${url}</span>
      <${Tag} kind=${isReady ? 'good' : 'bad'}>${STATES[state] ?? state}</${Tag}>
    </p>
    ${!isReady && html`<${Advice} state=${state} lacks=${lacks} workflow=${workflow} />`}
  </li>`;
}

function Advice({ state, lacks, workflow }) {
  if (state === 'unreachable')
    return html`<p class="soft small">
      Start it there, or look whether its address in COMFYUI_URL or AUTOMATIC1111_URL is right.
    </p>`;
  const { models } = workflow.requires;
  return html`<ul class="lacks small">
      ${lacks.map((lack) => html`<li>It lacks ${lack}. <${Source} lack=${lack} models=${models} /></li>`)}
    </ul>
    <p class="soft small">${ADVICE[state]}</p>`;
}

/** Where a model comes from. */
function Source({ lack, models }) {
  const model = models.find(({ folder, name }) => lack === `the model ${folder}/${name}`);
  if (!model?.url?.startsWith('https://')) return null;
  return html`<a href=${model.url} target="_blank" rel="noreferrer">Download</a>`;
}
