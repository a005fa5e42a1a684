import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { linkTo } from '../../lib/router.js';
import { Trouble } from '../../lib/ui.js';
import { Form } from './form.js';
import { Gaps } from './gaps.js';
import { Queue } from './queue.js';
import { Result } from './result.js';

/** One workflow: its form, what its workers lack, and what was made with it since the view was opened. */
export function One({ workflow, query, underWay, onLook }) {
  const [from, picture] = [query.get('from'), query.get('picture')];
  const { data: origin, error } = useLoad(
    async (signal) => from && api.get(`/api/images/${encodeURIComponent(from)}`, { signal }),
    [from],
  );
  const [made, setMade] = useState([]);
  const isKnown = !from || origin || error;
  return html`<div class="page workflows one">
    <header>
      <div>
        <p class="soft small"><a href=${linkTo(['workflows'])}>Workflows</a></p>
        <h1>${workflow.name}</h1>
        <p class="soft">${workflow.description}</p>
      </div>
    </header>
    ${error && html`<${Trouble} error=${error} />`}
    <div class="sides">
      <div>
        ${
          isKnown &&
          html`<${Form}
            key=${`${from} ${picture}`}
            workflow=${workflow}
            initial=${initialOf(workflow, origin, picture)}
            from=${origin?.id}
            onMade=${(job) => setMade((old) => [job, ...old])}
          />`
        }
      </div>
      <div class="beside">
        <${Results} jobs=${made} />
        <${Gaps} workflow=${workflow} onLook=${onLook} />
        <${Queue} jobs=${underWay?.filter(({ id }) => !made.some((job) => job.id === id))} />
      </div>
    </div>
  </div>`;
}

function Results({ jobs }) {
  const heading = useRef();
  const [newest] = jobs;
  useEffect(() => {
    const isNarrow = matchMedia('(max-width: 60rem)').matches;
    if (newest && isNarrow) heading.current.scrollIntoView({ block: 'start' });
  }, [newest?.id]);
  if (!newest) return null;
  return html`<section aria-labelledby="made">
    <h2 id="made" ref=${heading}>Made now</h2>
    <ul class="results">
      ${jobs.map((job) => html`<${Result} key=${job.id} job=${job} />`)}
    </ul>
  </section>`;
}

/** What the form begins with: the inputs of an earlier job that have a place here, and its picture. */
function initialOf({ inputs }, origin, picture) {
  const given = origin ? Object.entries(origin.inputs) : [];
  const taken = Object.fromEntries(
    given.filter(([name, value]) => fits(inputs[name], value) && inputs[name].kind !== 'seed'),
  );
  const [first] = Object.entries(inputs).find(([, { kind }]) => kind === 'image') ?? [];
  return picture && first ? { ...taken, [first]: picture, mask: undefined } : taken;
}

const TYPES = { integer: 'number', number: 'number', boolean: 'boolean', lora: 'object' };
const fits = (spec, value) => spec !== undefined && typeof value === (TYPES[spec.kind] ?? 'string');
