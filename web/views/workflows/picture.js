import { useEffect, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { fileUrl, isFile } from '../../lib/pictures.js';
import { Button, Field } from '../../lib/ui.js';

/** An address under which a stored picture or a file can be seen; undefined without one. */
export function useUrl(value) {
  const [url, setUrl] = useState();
  useEffect(() => {
    if (!(value instanceof Blob)) return setUrl(isFile(value) ? fileUrl(value) : undefined);
    const made = URL.createObjectURL(value);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [value]);
  return url;
}

/** A picture to choose or to drop. */
export function Picture({ spec, value, label, hint, error, onChange }) {
  const url = useUrl(value);
  const [isOver, setOver] = useState(false);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) onChange(file);
  };
  const over = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div
    class=${`drop ${isOver ? 'over' : ''}`}
    data-takes-files
    onDragOver=${over}
    onDragLeave=${() => setOver(false)}
    onDrop=${drop}
  >
    <${Field} label=${label} hint=${hint || 'PNG, JPEG or WebP; or drop one here.'} error=${error}>
      <input
        type="file"
        accept="image/png,image/jpeg,image/webp"
        required=${spec.required}
        onChange=${({ target }) => target.files[0] && onChange(target.files[0])}
      />
    </${Field}>
    ${
      url &&
      html`<div class="chosen">
        <img src=${url} alt=${value instanceof Blob ? `Chosen: ${value.name}` : 'Chosen from the gallery'} />
        <${Button} kind="quiet" class="small" onClick=${() => onChange(undefined)}>Take it away</${Button}>
      </div>`
    }
  </div>`;
}
