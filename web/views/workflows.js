import { html } from 'htm/preact';
import { useUnderWay, useWorkflows } from '../lib/pictures.js';
import { linkTo } from '../lib/router.js';
import { Empty, Tag, Trouble } from '../lib/ui.js';
import { One } from './workflows/one.js';
import { Queue } from './workflows/queue.js';

/** What can be made: all workflows, or the form of one at `#/workflows/<name>`. */
export default function View({ route }) {
  const { workflows, byName, error, reload } = useWorkflows();
  const underWay = useUnderWay();
  const [name] = route.segments;
  if (name !== undefined && byName.has(name))
    return html`<${One}
      key=${name}
      workflow=${byName.get(name)}
      query=${route.query}
      underWay=${underWay}
      onLook=${reload}
    />`;
  return html`<div class="page workflows">
    <header><h1>Workflows</h1></header>
    ${error && html`<${Trouble} error=${error} onRetry=${reload} />`}
    ${name !== undefined && workflows && html`<p class="trouble" role="alert">There is no workflow called ${name}.</p>`}
    ${workflows?.length === 0 && html`<${Nothing} />`}
    <ul class="cards" aria-label="Workflows">
      ${workflows?.map((workflow) => html`<${Card} key=${workflow.name} workflow=${workflow} />`)}
    </ul>
    <${Queue} jobs=${underWay} />
  </div>`;
}

function Nothing() {
  return html`<${Empty} title="There are no workflows">
    <p>The folder of LIMNER_WORKFLOWS has no manifest.yml. docs/add-a-workflow.md says how to write one.</p>
  </${Empty}>`;
}

function Card({ workflow }) {
  const { name, description, tags, workers, ready } = workflow;
  return html`<li class="card">
    <h2><a href=${linkTo(['workflows', name])}>${name}</a></h2>
    <p>${description}</p>
    <p class="labels">
      ${ready ? html`<${Tag} kind="good">ready</${Tag}>` : html`<${Tag} kind="bad">not ready</${Tag}>`}
      ${tags.map((tag) => html`<${Tag}>${tag}</${Tag}>`)}
    </p>
    ${!ready && html`<p class="small soft">${whyNot(workers)}</p>`}
  </li>`;
}

function whyNot(workers) {
  if (workers.length === 0) return 'No ComfyUI or AUTOMATIC1111 is set.';
  const near = workers.find(({ state }) => state !== 'unreachable');
  if (!near) return 'No picture server answers.';
  const [first, ...more] = near.lacks;
  return `It lacks ${first}${more.length > 0 ? ` and ${more.length} more` : ''}.`;
}
