import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { html } from 'htm/preact';
import { Button } from '../../lib/ui.js';
import { createCanvasMask } from './canvas-mask.js';
import { useUrl } from './picture.js';

/** Shares of the picture's longer side. */
const BRUSH = { least: 0.01, most: 0.4, first: 0.08 };

/** A mask that is painted over the picture: what is painted is made anew. */
export function Mask({ value, picture, label, hint, error, onChange }) {
  const url = useUrl(picture);
  const id = useId();
  return html`<fieldset class="mask">
    <legend>${label}</legend>
    ${hint && html`<p class="soft small">${hint}</p>`}
    ${error && html`<p class="wrong small" role="alert">${error}</p>`}
    ${
      url
        ? html`<${Painter} key=${url} url=${url} onChange=${onChange} about=${id} />`
        : html`<p class="soft small">Choose a picture first; then paint over what is to be made anew.</p>`
    }
    <details>
      <summary class="small">Use a mask from a file</summary>
      <div class="field">
        <label for=${`${id}-file`}>A PNG of the same size, transparent where the picture is made anew</label>
        <input
          id=${`${id}-file`}
          type="file"
          accept="image/png"
          onChange=${({ target }) => target.files[0] && onChange(target.files[0])}
        />
      </div>
      ${value instanceof File && html`<p class="small">${value.name} is used.</p>`}
    </details>
  </fieldset>`;
}

function Painter({ url, onChange, about }) {
  const canvas = useRef();
  const ring = useRef();
  const mask = useRef();
  const [size, setSize] = useState(BRUSH.first);
  const [isErasing, setErasing] = useState(false);
  const [isPainted, setPainted] = useState(false);
  const settings = useRef();
  settings.current = { size, isErasing };

  const begin = ({ target }) => {
    mask.current ??= createCanvasMask(canvas.current, ring.current, {
      width: target.naturalWidth,
      height: target.naturalHeight,
      settings: () => settings.current,
      onStroke: (toBlob, hasPaint) => {
        setPainted(hasPaint);
        // A promise, so that who runs it at once sends this stroke too.
        onChange(hasPaint ? toBlob() : undefined);
      },
      onSize: (factor) => setSize((old) => Math.min(BRUSH.most, Math.max(BRUSH.least, old * factor))),
    });
  };
  useEffect(() => () => mask.current?.close(), []);
  const clear = () => {
    mask.current?.clear();
    setPainted(false);
    onChange(undefined);
  };

  return html`
    <div class="painter">
      <img src=${url} alt="The picture under the mask" onLoad=${begin} />
      <canvas
        ref=${canvas}
        tabindex="0"
        role="application"
        aria-label="The mask: paint over the picture"
        aria-describedby=${`${about}-keys`}
      ></canvas>
      <div ref=${ring} class="ring" hidden></div>
    </div>
    <p id=${`${about}-keys`} class="soft small">
      Paint with the pointer. By keyboard: arrows move the brush, Space paints, + and − change its size.
    </p>
    <div class="row tools">
      <label class="check">
        <input type="radio" name=${about} checked=${!isErasing} onChange=${() => setErasing(false)} />
        Paint
      </label>
      <label class="check">
        <input type="radio" name=${about} checked=${isErasing} onChange=${() => setErasing(true)} />
        Erase
      </label>
      <label class="check brush">
        Brush
        <input
          type="range"
          min=${BRUSH.least}
          max=${BRUSH.most}
          step="0.005"
          value=${size}
          onInput=${({ target }) => setSize(Number(target.value))}
        />
      </label>
      <${Button} class="small" onClick=${clear}>Clear</${Button}>
      <span class="soft small" role="status">${isPainted ? 'A part is marked.' : 'Nothing is marked.'}</span>
    </div>
  `;
}
