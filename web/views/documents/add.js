import { useEffect, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { api } from '../../lib/api.js';
import { Button, Dialog, Field, Progress, toast } from '../../lib/ui.js';
import {
  addFiles,
  dismissUpload,
  retryUpload,
  setCollection,
  stopUploads,
  useUploads,
} from '../../lib/uploads.js';

/** The ways to add documents: files, folders, a text, a link; and those that are on their way. */
export function Add({ collections }) {
  const uploads = useUploads();
  const [dialog, setDialog] = useState(null);
  const files = useRef();
  const folder = useRef();
  usePaste((text) =>
    setDialog({ kind: /^https?:\/\/\S+$/.test(text.trim()) ? 'url' : 'text', given: text.trim() }),
  );
  return html`<section class="add" aria-label="Add documents">
    <p class="add-words"><strong>Drop files or folders anywhere,</strong> or</p>
    <div class="add-ways">
      <${Button} onClick=${() => files.current.click()}>Choose files</${Button}>
      <${Button} onClick=${() => folder.current.click()}>Choose a folder</${Button}>
      <${Button} onClick=${() => setDialog({ kind: 'text', given: '' })}>Paste a text</${Button}>
      <${Button} onClick=${() => setDialog({ kind: 'url', given: '' })}>Add a link</${Button}>
    </div>
    <label class="add-into">
      <span>into the collection</span>
      <input
        list="collections"
        placeholder="default"
        value=${uploads.collection}
        onInput=${(event) => setCollection(event.currentTarget.value.trim())}
      />
    </label>
    <datalist id="collections">${collections.map((name) => html`<option value=${name}></option>`)}</datalist>
    <input ref=${files} type="file" multiple hidden aria-label="Files to add" onChange=${take} />
    <input ref=${folder} type="file" webkitdirectory hidden aria-label="Folder to add" onChange=${take} />
    <${Uploads} uploads=${uploads} />
    ${dialog && html`<${Send} ...${dialog} collection=${uploads.collection} onClose=${() => setDialog(null)} />`}
  </section>`;
}

function take({ currentTarget }) {
  addFiles(currentTarget.files);
  currentTarget.value = '';
}

/** Files and words that are pasted while nothing is written in. */
function usePaste(onText) {
  const latest = useRef(onText);
  latest.current = onText;
  useEffect(() => {
    const paste = (event) => {
      if (event.target.closest('input, textarea, dialog')) return;
      const { files } = event.clipboardData;
      const text = event.clipboardData.getData('text/plain');
      if (files.length > 0) addFiles(files);
      else if (text.trim() !== '') latest.current(text);
    };
    addEventListener('paste', paste);
    return () => removeEventListener('paste', paste);
  }, []);
}

function Uploads({ uploads }) {
  const { list, sent } = uploads;
  const failed = list.filter(({ state }) => state === 'failed');
  const going = list.filter(({ state }) => state !== 'failed');
  const share = going.reduce((sum, { progress }) => sum + progress, sent);
  return html`<div class="uploads" role="status">
    ${
      going.length > 0 &&
      html`<div class="uploading">
        <p class="small numbers">
          Sending ${Math.min(sent + 1, sent + going.length)} of ${sent + going.length}: ${going[0].path}
        </p>
        <${Progress} value=${share} max=${sent + going.length} label="Files sent" />
        <${Button} kind="quiet" class="small" onClick=${stopUploads}>Stop</${Button}>
      </div>`
    }
    <ul>
      ${failed.map(
        (upload) =>
          html`<li class="upload-failed">
            <p><strong>${upload.path}</strong> <span class="reason">${upload.message}</span></p>
            <${Button} class="small" onClick=${() => retryUpload(upload)}>Retry</${Button}>
            <${Button}
              kind="quiet"
              class="icon"
              aria-label=${`Forget ${upload.path}`}
              onClick=${() => dismissUpload(upload)}
              >×</${Button}
            >
          </li>`,
      )}
    </ul>
  </div>`;
}

function Send({ kind, given, collection, onClose }) {
  const [state, setState] = useState({ isBusy: false, trouble: '' });
  const submit = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(
      [...new FormData(event.currentTarget)].filter(([, value]) => value.trim() !== ''),
    );
    setState({ isBusy: true, trouble: '' });
    try {
      const { title } = await api.post('/api/documents', { ...values, ...(collection && { collection }) });
      toast(`${title} is taken`);
      onClose();
    } catch (error) {
      setState({ isBusy: false, trouble: error.message });
    }
  };
  const isUrl = kind === 'url';
  return html`<${Dialog} title=${isUrl ? 'Add a link' : 'Paste a text'} onClose=${onClose}>
    <form class="send" onSubmit=${submit}>
      ${
        isUrl
          ? html`<${Field}
              label="Address"
              hint="The page or file is fetched once, now."
              error=${state.trouble}
            >
              <input
                name="url"
                type="url"
                required
                maxlength="4096"
                placeholder="https://"
                autofocus
                defaultValue=${given}
              />
            </${Field}>`
          : html`<${Field} label="Text" error=${state.trouble}>
              <textarea name="text" rows="10" required autofocus defaultValue=${given}></textarea>
            </${Field}>`
      }
      <${Field} label="Title" hint=${isUrl ? 'Left empty, its own.' : 'Left empty, the first line.'}>
        <input name="title" maxlength="500" />
      </${Field}>
      <footer>
        <${Button} onClick=${onClose}>Cancel</${Button}>
        <${Button} kind="primary" type="submit" busy=${state.isBusy}>Add</${Button}>
      </footer>
    </form>
  </${Dialog}>`;
}
