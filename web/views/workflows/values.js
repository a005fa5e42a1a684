import { isFile } from '../../lib/pictures.js';

/** The body of a request: pictures that are not stored yet go along, and what is empty is left to the service. */
export async function toSent(specs, values) {
  const inputs = {};
  const pictures = {};
  for (const [name, given] of Object.entries(values)) {
    const value = await given;
    if (value === '' || value === undefined || value === null) continue;
    if (value instanceof Blob) pictures[name] = await toDataUrl(value);
    else if (!isPictureKind(specs[name]) || isFile(value)) inputs[name] = value;
  }
  return { inputs, pictures };
}

const isPictureKind = ({ kind }) => kind === 'image' || kind === 'mask';

function toDataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener('load', () => resolve(reader.result));
    reader.addEventListener('error', () => reject(new Error('The picture cannot be read.')));
    // A file's own idea of its kind may be none of a picture; the service looks at the bytes.
    reader.readAsDataURL(new Blob([blob], { type: 'image/png' }));
  });
}
