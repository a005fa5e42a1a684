import { useLayoutEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { useLoad } from '../../lib/load.js';
import { isFile, Media, promptOf } from '../../lib/pictures.js';
import { go, linkTo, parseRoute } from '../../lib/router.js';
import { Button, Dialog, Tag, Time, toast, Trouble } from '../../lib/ui.js';
import { Facts } from './facts.js';

/** One thing that was made, large, with all that is known of it and what can be done with it. */
export function Detail({ id, gallery, filter, workflows }) {
  const at = gallery.jobs.findIndex((job) => job.id === id);
  const known = gallery.jobs[at];
  const { data, error } = useLoad(
    async (signal) => known ?? api.get(`/api/images/${encodeURIComponent(id)}`, { signal }),
    [id, known === undefined],
  );
  const job = known ?? (data?.id === id ? data : undefined);
  const [isAsking, setAsking] = useState(false);
  const close = () => {
    // The dialog also closes because one went elsewhere.
    if (parseRoute(location.hash).view === 'gallery') go(['gallery'], filter);
  };
  useArrows(gallery.jobs, at, filter, isAsking);
  return html`<${Dialog} title=${job ? titleOf(job) : 'A picture'} onClose=${close} class="detail">
    ${error && !job && html`<${Trouble} error=${error} />`}
    ${job && html`<${Shown} job=${job} filter=${filter} workflows=${workflows} onDelete=${() => setAsking(true)} />`}
    <${Steps} jobs=${gallery.jobs} at=${at} filter=${filter} />
    ${isAsking && html`<${Deletion} job=${job} onClose=${() => setAsking(false)} onDone=${() => (gallery.remove(id), close())} />`}
  </${Dialog}>`;
}

const titleOf = ({ workflow, outputs }) => `${outputs[0]?.kind ?? 'nothing'} by ${workflow}`;

function Shown({ job, filter, workflows, onDelete }) {
  const [first] = job.outputs;
  return html`
    <div class="media">
      ${job.outputs.map((output) => html`<${Media} key=${output.id} output=${output} alt=${promptOf(job)} />`)}
    </div>
    <div class="about">
      <p class="labels">
        <${Tag} kind="accent" title="Made by a model; never used as evidence.">generated</${Tag}>
        ${job.state !== 'done' && html`<${Tag} kind="bad">${job.state}</${Tag}>`}
        <span class="soft small"><${Time} at=${job.created_at} /></span>
      </p>
      <p class="prompt">${promptOf(job)}</p>
      <${Actions} job=${job} filter=${filter} workflows=${workflows} onDelete=${onDelete} />
      <${Facts} job=${job} />
      ${first && html`<p><a href=${first.url} download=${first.name}>Download ${first.name}</a></p>`}
    </div>
  `;
}

function Actions({ job, filter, workflows, onDelete }) {
  const [isBusy, setBusy] = useState(false);
  const workflow = workflows.get(job.workflow);
  const picture = job.outputs.find(({ kind }) => kind === 'image');
  const others = [...workflows.values()].filter(takesPicture);
  const again = async () => {
    setBusy(true);
    try {
      await api.post('/api/images', {
        workflow: job.workflow,
        inputs: withoutSeed(job, workflow),
        from: job.id,
      });
      toast('It is made again with another seed.');
      go(['gallery'], filter);
    } catch (error) {
      toast(error.message, { kind: 'bad' });
    }
    setBusy(false);
  };
  return html`<div class="actions">
    ${
      workflow &&
      html`<${Button} kind="primary" busy=${isBusy} onClick=${again}>Again with another seed</${Button}>
        <a class="button" href=${linkTo(['workflows', job.workflow], { from: job.id })}>Change and run</a>`
    }
    ${
      picture &&
      others.map(
        ({ name }) =>
          html`<a class="button" href=${linkTo(['workflows', name], { from: job.id, picture: picture.id })}
            >${nameOfUse(name)}</a
          >`,
      )
    }
    <${Button} kind="danger" onClick=${onDelete}>Delete</${Button}>
  </div>`;
}

const takesPicture = ({ inputs }) => Object.values(inputs).some(({ kind }) => kind === 'image');
const USES = { 'image-to-image': 'Variations', inpaint: 'Repaint a part', upscale: 'Enlarge' };
const nameOfUse = (name) => USES[name] ?? `Use in ${name}`;

/** Without a seed the service takes one by chance. */
function withoutSeed({ inputs }, workflow) {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name]) => workflow.inputs[name]?.kind !== 'seed'),
  );
}

function Deletion({ job, onClose, onDone }) {
  const [isBusy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    try {
      await api.delete(`/api/images/${job.id}`);
      toast('It is deleted.');
      onDone();
    } catch (error) {
      toast(error.message, { kind: 'bad' });
      onClose();
    }
  };
  const isUsed = Object.values(job.inputs).some(isFile);
  return html`<${Dialog}
    title="Delete this for good?"
    onClose=${onClose}
    actions=${html`
      <${Button} onClick=${onClose}>Keep it</${Button}>
      <${Button} kind="danger" busy=${isBusy} onClick=${remove}>Delete</${Button}>
    `}
  >
    <p>
      The ${job.outputs.length > 1 ? `${job.outputs.length} files and their` : 'file and its'} record go.
      ${isUsed ? ' The picture that it was made from stays.' : ''}
    </p>
  </${Dialog}>`;
}

/** To what stands beside it in the list. */
function Steps({ jobs, at, filter }) {
  if (at < 0) return null;
  const [before, after] = [jobs[at - 1], jobs[at + 1]];
  const link = (job) => linkTo(['gallery', job.id], filter);
  return html`<nav class="steps" aria-label="Beside it">
    ${before ? html`<a class="button quiet" href=${link(before)} rel="prev">← Newer</a>` : html`<span></span>`}
    ${after && html`<a class="button quiet" href=${link(after)} rel="next">Older →</a>`}
  </nav>`;
}

function useArrows(jobs, at, filter, isOff) {
  useLayoutEffect(() => {
    if (at < 0 || isOff) return undefined;
    const follow = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const isTyped = event.target.closest?.('input, textarea, select, video, audio, pre');
      const next = step && !isTyped && !event.altKey && !event.ctrlKey && !event.metaKey && jobs[at + step];
      if (next) go(['gallery', next.id], filter, { replace: true });
    };
    addEventListener('keydown', follow);
    return () => removeEventListener('keydown', follow);
  }, [jobs, at, isOff]);
}
