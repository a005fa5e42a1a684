import { toast } from './ui.js';

/** Puts a text into the clipboard. Browsers have it over TLS and on their own machine only; elsewhere the old way works. */
export async function copy(text, said = 'Copied') {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyOldWay(text);
    toast(said);
  } catch {
    toast('The browser does not let this page copy.', { kind: 'bad' });
  }
}

function copyOldWay(text) {
  const field = Object.assign(document.createElement('textarea'), { value: text, className: 'unseen' });
  document.body.append(field);
  field.select();
  const isDone = document.execCommand('copy');
  field.remove();
  if (!isDone) throw new Error('refused');
}
