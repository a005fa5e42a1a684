import { useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { Button, Tag, toast } from '../../lib/ui.js';
import { Card } from './card.js';
import { bytes, count, many } from './units.js';

const WATCHING = {
  events: 'Changes are seen at once.',
  polling: 'The folder is looked through again and again.',
};

/** The watched folder, and a scan of it now. */
export function Folder({ inbox, onScan }) {
  const [found, setFound] = useState(null);
  const [busy, setBusy] = useState('');
  const scan = async (isTrial) => {
    setBusy(isTrial ? 'trial' : 'scan');
    try {
      setFound(await api.post('/api/inbox/scan', { dry_run: isTrial }));
      if (!isTrial) onScan();
    } catch (error) {
      toast(error.message, { kind: 'bad' });
    }
    setBusy('');
  };
  const { watching } = inbox;
  return html`<${Card} title="Folder">
    <p class="row">
      <code>${inbox.path}</code>
      <${Tag} kind=${inbox.online ? 'good' : 'bad'}>${inbox.online ? 'there' : 'not there'}</${Tag}>
    </p>
    ${inbox.message && inbox.held === 0 && html`<p class="wrong">${inbox.message}</p>`}
    <p class="small soft">
      ${WATCHING[watching.mode]} ${watching.reason}
      ${inbox.ignored > 0 && `${many(inbox.ignored, 'file')} left out.`}
    </p>
    <ul class="problems">
      ${inbox.problems.map(
        ({ file, line, message }) =>
          html`<li class="wrong small">${file}${line !== null && `, line ${line}`}: ${message}</li>`,
      )}
    </ul>
    <div class="row">
      <${Button} busy=${busy === 'scan'} onClick=${() => scan(false)}>Scan now</${Button}>
      <${Button} kind="quiet" busy=${busy === 'trial'} onClick=${() => scan(true)}
        >What would it do?</${Button}
      >
    </div>
    <div role="status">${found && html`<${Found} found=${found} />`}</div>
  </${Card}>`;
}

function Found({ found }) {
  const parts = [
    ['new', found.added],
    ['changed', found.updated],
    ['moved', found.moved],
    ['forgotten', found.forgotten],
    ['unreadable', found.unreadable],
  ].filter(([, list]) => list.length > 0);
  if (parts.length === 0) return html`<p class="small">Folder and ledger say the same.</p>`;
  const words = parts.map(([label, list]) => `${count(list.length)} ${label}`).join(', ');
  const time = found.seconds > 0 ? `, about ${count(Math.ceil(found.seconds))} s` : '';
  return html`<p class="small">
    ${found.dry_run ? 'It would find' : 'It found'}: ${words} (${bytes(found.bytes)}${time}).
  </p>`;
}
