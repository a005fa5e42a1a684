import { html } from 'htm/preact';
import { Card } from './card.js';
import { bytes } from './units.js';

const LABELS = {
  database: 'Ledger, passages and vectors',
  media: 'Pictures that were made',
  figures: 'Figures of documents',
  uploads: 'Documents that were sent',
  spool: 'Being read now',
};

/** The disk of the data folder, and what takes its space. */
export function Disk({ system: { data, error, reload } }) {
  return html`<${Card} title="Disk" error=${error} onRetry=${reload}>
    ${data && html`<${Used} disk=${data.disk} />`}
  </${Card}>`;
}

function Used({ disk }) {
  const { free_bytes: free, size_bytes: size, reserved_bytes: reserved, used } = disk;
  const isShort = free < reserved;
  const parts = Object.entries(used).filter(([, value]) => value > 0);
  return html`
    <meter
      class="disk"
      min="0"
      max=${size}
      value=${size - free}
      aria-label=${`${bytes(size - free)} of ${bytes(size)} are used`}
    ></meter>
    <p class=${isShort ? 'wrong' : ''}>
      ${bytes(free)} of ${bytes(size)} free.
      ${isShort && ` Nothing new is read below ${bytes(reserved)}: free some space, or lower LIMNER_MIN_FREE_MB.`}
    </p>
    <dl class="pairs small">
      ${parts.map(
        ([name, value]) =>
          html`<dt>${LABELS[name] ?? name}</dt>
            <dd>${bytes(value)}</dd>`,
      )}
    </dl>
  `;
}
