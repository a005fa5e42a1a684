import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { go } from './router.js';

/** Files may be dropped anywhere on the page; an element with `data-takes-files` takes what is dropped on it itself. */
export function DropZone() {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const hasFiles = ({ dataTransfer }) => dataTransfer?.types.includes('Files');
    const isTaken = ({ target }) => Boolean(target.closest?.('[data-takes-files]'));
    const over = (event) => {
      if (isTaken(event)) setOver(false);
      if (!hasFiles(event) || isTaken(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event) => event.relatedTarget === null && setOver(false);
    const drop = (event) => {
      if (!hasFiles(event) || isTaken(event)) return;
      event.preventDefault();
      setOver(false);
      void take(event.dataTransfer);
    };
    const pairs = Object.entries({ dragenter: over, dragover: over, dragleave: leave, drop });
    for (const [name, listener] of pairs) addEventListener(name, listener);
    return () => pairs.forEach(([name, listener]) => removeEventListener(name, listener));
  }, []);
  return isOver && html`<div class="dropping"><p>Drop to add to the documents</p></div>`;
}

async function take(dataTransfer) {
  // What was dropped can be read during the event only.
  const entries = [...dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...dataTransfer.files];
  const { addEntries, addFiles } = await import('./uploads.js');
  if (entries.length > 0) void addEntries(entries);
  else addFiles(files);
  if (!location.hash.startsWith('#/documents')) go(['documents']);
}
