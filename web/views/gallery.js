import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { useStill } from '../lib/load.js';
import { KINDS, useWorkflows } from '../lib/pictures.js';
import { go, linkTo } from '../lib/router.js';
import { Button, Empty, Field, Trouble } from '../lib/ui.js';
import { Detail } from './gallery/detail.js';
import { Grid } from './gallery/grid.js';
import { useGallery } from './gallery/use-gallery.js';

const STILL_MS = 250;

/** Everything that was made, newest first; `#/gallery/<id>` shows one of them. */
export default function View({ route }) {
  const filter = filterOf(route.query);
  const gallery = useGallery(filter);
  const { workflows, byName } = useWorkflows();
  const [id] = route.segments;
  const isFiltered = Object.values(filter).some(Boolean);
  return html`<div class="page gallery">
    <header>
      <h1>Gallery</h1>
      <${Filters} filter=${filter} workflows=${workflows ?? []} />
    </header>
    ${gallery.error && html`<${Trouble} error=${gallery.error} onRetry=${gallery.reload} />`}
    ${gallery.isKnown && gallery.isEmpty && html`<${Nothing} isFiltered=${isFiltered} workflows=${workflows} />`}
    ${
      gallery.newer.length > 0 &&
      html`<p class="news">
        <${Button} class="small" onClick=${() => scrollTo(0, 0)}>${gallery.newer.length} new, show</${Button}>
      </p>`
    }
    <${Grid} gallery=${gallery} filter=${filter} />
    ${id && html`<${Detail} id=${id} gallery=${gallery} filter=${filter} workflows=${byName} />`}
  </div>`;
}

function filterOf(query) {
  const of = (name) => query.get(name) ?? '';
  return { query: of('query'), kind: of('kind'), workflow: of('workflow') };
}

function Filters({ filter, workflows }) {
  const [words, setWords] = useState(filter.query);
  const still = useStill(words, STILL_MS);
  const show = (change) => go(['gallery'], { ...filter, ...change }, { replace: true });
  const shown = useRef(filter.query);
  useEffect(() => {
    if (still === filter.query) return;
    shown.current = still;
    show({ query: still });
  }, [still]);
  // A link changed them; what is being typed meanwhile is left alone.
  useEffect(() => {
    if (filter.query !== shown.current) setWords((shown.current = filter.query));
  }, [filter.query]);
  const names = workflows.map(({ name }) => name);
  if (filter.workflow && !names.includes(filter.workflow)) names.push(filter.workflow);
  return html`<div class="filters" role="search" aria-label="Filter the gallery">
    <${Field} label="Words">
      <input type="search" value=${words} onInput=${({ target }) => setWords(target.value)} />
    </${Field}>
    <${Field} label="Kind">
      <select value=${filter.kind} onChange=${({ target }) => show({ kind: target.value, query: words })}>
        <option value="">Everything</option>
        ${Object.entries(KINDS).map(([kind, label]) => html`<option value=${kind}>${label}</option>`)}
      </select>
    </${Field}>
    <${Field} label="Workflow">
      <select
        value=${filter.workflow}
        onChange=${({ target }) => show({ workflow: target.value, query: words })}
      >
        <option value="">All</option>
        ${names.map((name) => html`<option value=${name}>${name}</option>`)}
      </select>
    </${Field}>
  </div>`;
}

function Nothing({ isFiltered, workflows }) {
  if (isFiltered)
    return html`<${Empty} title="Nothing fits">
      <a href=${linkTo(['gallery'])}>Show everything</a>
    </${Empty}>`;
  return html`<${Empty} title="Nothing was made yet">
    ${workflows && html`<p>${howToMake(workflows)}</p>`}
    <a class="button" href=${linkTo(['workflows'])}>To the workflows</a>
  </${Empty}>`;
}

function howToMake(workflows) {
  if (workflows.some(({ ready }) => ready)) return 'Run a workflow, or ask for a picture with /imagine.';
  if (workflows.some(({ workers }) => workers.length > 0))
    return 'No workflow can run yet; each says what is missing.';
  return 'Pictures are made by ComfyUI or AUTOMATIC1111: set COMFYUI_URL or AUTOMATIC1111_URL to where it runs.';
}
