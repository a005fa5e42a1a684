import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Workflows that need no model, with an input of every kind. */
const MANIFEST = `
workflows:
  - name: draw
    file: draw.json
    description: A picture from words.
    tags: [image, text-to-image]
    inputs:
      prompt: {kind: text, required: true, description: what the picture shows, to: [{class: PreviewAny, input: source}]}
      seed: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
      width: {kind: integer, min: 16, max: 1024, step: 8, default: 64, to: [{class: EmptyImage, input: width}]}
      guidance: {kind: number, min: 0, max: 30, default: 7}
      style: {kind: choice, choices: [plain, ink, oil], default: plain}
      tiled: {kind: boolean, description: without a seam}
      loras: {kind: lora}
    outputs: [{id: '9'}]
  - name: slow
    file: slow.json
    description: A picture that takes its time.
    tags: [image]
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
      seconds: {kind: number, min: 0, max: 30, default: 1, to: [{title: Slow, input: seconds}]}
      seed: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
    outputs: [{id: '9'}]
  - name: inpaint
    file: inpaint.json
    description: A picture of which a part is painted anew.
    tags: [image, inpaint]
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
      image: {kind: image, required: true, to: [{title: Picture, input: image}]}
      mask: {kind: mask, required: true, description: what is marked is painted anew, to: [{title: Mask, input: image}]}
    outputs: [{id: '9'}]
  - name: image-to-image
    file: variation.json
    description: A variation of a picture.
    tags: [image, image-to-image]
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
      image: {kind: image, required: true, to: [{title: Picture, input: image}]}
      seed: {kind: seed}
      denoise: {kind: number, min: 0, max: 1, default: 0.6, description: 'how much is repainted, 0 to 1'}
    outputs: [{id: '9'}]
  - name: film
    file: film.json
    description: A film, a sound and a word.
    tags: [video, audio]
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
  - name: failing
    file: failing.json
    description: Fails on the worker.
  - name: trained
    file: draw.json
    description: Needs a model that nobody has.
    requires:
      models: [{folder: checkpoints, name: none.safetensors, url: 'https://models.example/none.safetensors'}]
`;

const empty = { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 255 } };
const words = { class_type: 'PreviewAny', inputs: { source: '' } };
const save = (from: string) => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: 'x' },
});
const load = (title: string) => ({
  class_type: 'LoadImage',
  inputs: { image: 'example.png' },
  _meta: { title },
});
const of = (class_type: string) => ({ class_type, inputs: { images: ['1', 0], filename_prefix: 'k' } });

const GRAPHS: Record<string, object> = {
  'draw.json': { 1: empty, 3: words, 9: save('1') },
  'slow.json': {
    1: empty,
    3: words,
    5: {
      class_type: 'ProbeSlow',
      inputs: { image: ['1', 0], steps: 10, seconds: 1 },
      _meta: { title: 'Slow' },
    },
    9: save('5'),
  },
  'inpaint.json': { 1: load('Picture'), 2: load('Mask'), 3: words, 9: save('1') },
  'variation.json': { 1: load('Picture'), 3: words, 9: save('1') },
  'film.json': { 1: empty, 2: of('SaveVideo'), 3: words, 4: of('SaveAudio') },
  'failing.json': {
    1: empty,
    5: { class_type: 'ProbeFail', inputs: { image: ['1', 0], kind: 'value' } },
    9: save('5'),
  },
};

/** Writes them into a folder for `LIMNER_WORKFLOWS`. */
export async function writeWorkflows(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.yml'), MANIFEST);
  for (const [name, graph] of Object.entries(GRAPHS))
    await writeFile(join(folder, name), JSON.stringify(graph));
  return folder;
}
