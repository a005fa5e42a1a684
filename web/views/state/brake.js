import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { Button, Dialog, toast } from '../../lib/ui.js';
import { count, many } from './units.js';

/** Many files are missing at once: a disk that is not there, or a deletion that somebody has to confirm. */
export function Brake({ held, onDone }) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const run = async (work, words) => {
    setBusy(true);
    try {
      toast(words(await work()));
    } catch (error) {
      toast(error.message, { kind: 'bad' });
    }
    setBusy(false);
    setAsking(false);
    onDone();
  };
  const forget = () =>
    run(
      () => api.post('/api/inbox/forget'),
      ({ forgotten }) => `${many(forgotten, 'document')} forgotten.`,
    );
  const look = () =>
    run(
      () => api.post('/api/inbox/scan'),
      () => 'The folder is looked through again.',
    );
  return html`<section class="card brake" aria-labelledby="brake">
    <h2 id="brake">${many(held, 'file')} missing at once</h2>
    <p>
      Nothing is forgotten, and everything is still found. If a disk or a share is not connected, connect it:
      the files are taken up again by themselves. If they were meant to go, confirm it.
    </p>
    <div class="row">
      <${Button} busy=${isBusy} onClick=${look}>They are back: look again</${Button}>
      <${Button} kind="danger" onClick=${() => setAsking(true)}>They are meant to be gone…</${Button}>
    </div>
    ${
      isAsking &&
      html`<${Dialog}
        title=${`Forget ${many(held, 'document')}?`}
        onClose=${() => setAsking(false)}
        actions=${html`
          <${Button} onClick=${() => setAsking(false)}>Keep them</${Button}>
          <${Button} kind="danger" busy=${isBusy} onClick=${forget}>Forget ${count(held)}</${Button}>
        `}
      >
        <p>They are not found any more. A file that comes back later is read anew.</p>
      </${Dialog}>`
    }
  </section>`;
}
