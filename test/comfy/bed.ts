import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { createImages, type ImagesOptions } from '../../src/comfy/images.ts';
import type { OnEnded } from '../../src/comfy/jobs.ts';
import type { Lease } from '../../src/comfy/pool.ts';
import { createLog } from '../../src/log.ts';
import { openDatabase } from '../../src/sqlite.ts';
import { createFakeComfy, type FakeComfy, type FakeComfySettings } from '../fakes/comfyui.ts';

/** Everything a second or more in life is a few milliseconds here. */
export const QUICK = {
  handshakeMs: 1000,
  pingMs: 1000,
  pongMs: 500,
  backoffMs: [10, 50],
  healMs: 20,
  healEveryMs: 200,
  pollMs: [30, 100],
  deafMs: 150,
  canaryMs: 60,
  askAgainMs: 30,
  absentMs: 5000,
  stallMs: 5000,
  downloadMs: 5000,
  callMs: 3000,
  cancelMs: 40,
  cancelLimitMs: 600,
} satisfies ImagesOptions['times'];

/** Workflows that need no model. */
export const MANIFEST = `
workflows:
  - name: plain
    file: plain.json
    inputs:
      color: {kind: integer, min: 0, max: 16777215, default: 255, to: [{class: EmptyImage, input: color}]}
      width: {kind: integer, min: 16, max: 1024, step: 8, default: 64, to: [{class: EmptyImage, input: width}]}
  - name: slow
    file: slow.json
    timeout_seconds: 20
    inputs:
      seconds: {kind: number, min: 0, max: 30, default: 0.2, to: [{title: Slow, input: seconds}]}
      color: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
  - name: failing
    file: failing.json
    inputs:
      kind: {kind: choice, choices: [value, oom, block], default: value, to: [{class: ProbeFail, input: kind}]}
  - name: from-picture
    file: from-picture.json
    inputs:
      image: {kind: image, required: true, to: [{title: Picture, input: image}]}
      mask: {kind: mask, to: [{title: Mask, input: image}]}
  - name: edit
    file: edit.json
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
      image: {kind: image, required: true, to: [{title: Picture, input: image}]}
    outputs: [{id: '9'}]
  - name: huge
    file: plain.json
    requires: {vram_min_gb: 80}
  - name: said
    file: said.json
    inputs:
      prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}
  - name: moded
    file: moded.json
    inputs:
      mode: {kind: choice, choices: [image, other], default: image, to: [{id: '7', input: '*'}]}
  - name: trained
    file: plain.json
    requires: {models: [{folder: checkpoints, name: none.safetensors}]}
  - name: kinds
    file: kinds.json
  - name: short
    file: slow.json
    timeout_seconds: 1.8
    inputs:
      color: {kind: seed, max: 16777215, to: [{class: EmptyImage, input: color}]}
      seconds: {kind: number, default: 1, to: [{title: Slow, input: seconds}]}
  - name: styled
    file: styled.json
    inputs:
      loras: {kind: lora}
  - name: painted
    file: plain.json
    automatic1111: txt2img
    timeout_seconds: 0.5
    inputs:
      prompt: {kind: text, required: true}
  - name: unknown-node
    file: unknown-node.json
  - name: missing-link
    file: missing-link.json
  - name: no-json
    file: no-json.json
  - name: no-file
    file: nowhere.json
  - name: path-trick
    file: ../../../etc/passwd.json
`;

const empty = { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 255 } };
const save = (from: string) => ({
  class_type: 'SaveImage',
  inputs: { images: [from, 0], filename_prefix: 'x' },
});

export const GRAPHS: Record<string, object> = {
  'plain.json': { 1: empty, 9: save('1') },
  'slow.json': {
    1: empty,
    5: {
      class_type: 'ProbeSlow',
      inputs: { image: ['1', 0], steps: 5, seconds: 0.2 },
      _meta: { title: 'Slow' },
    },
    9: save('5'),
  },
  'said.json': { 3: { class_type: 'PreviewAny', inputs: { source: '' } } },
  'moded.json': {
    1: empty,
    ...Object.fromEntries(
      [2, 3, 4, 5, 6].map((id) => [
        id,
        { class_type: 'ImageInvert', inputs: { image: [id === 2 ? '1' : String(id - 1), 0] } },
      ]),
    ),
    7: { class_type: 'ImageInvert', inputs: { image: ['8', 0], other: ['6', 0] } },
    8: { class_type: 'ProbeSlow', inputs: { image: ['1', 0], steps: 5, seconds: 0.3 } },
    9: save('7'),
  },
  'failing.json': {
    1: empty,
    5: { class_type: 'ProbeFail', inputs: { image: ['1', 0], kind: 'value' } },
    9: save('5'),
  },
  'from-picture.json': {
    1: { class_type: 'LoadImage', inputs: { image: 'example.png' }, _meta: { title: 'Picture' } },
    2: { class_type: 'LoadImage', inputs: { image: 'example.png' }, _meta: { title: 'Mask' } },
    9: save('1'),
  },
  'edit.json': {
    1: { class_type: 'LoadImage', inputs: { image: 'example.png' }, _meta: { title: 'Picture' } },
    3: { class_type: 'PreviewAny', inputs: { source: '' } },
    9: save('1'),
  },
  'styled.json': {
    1: empty,
    4: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'any.safetensors' } },
    5: { class_type: 'PreviewAny', inputs: { source: ['4', 0] } },
    9: save('1'),
  },
  'unknown-node.json': { 1: { class_type: 'NoSuchNode', inputs: {} }, 9: save('1') },
  'missing-link.json': { 9: save('7') },
  'kinds.json': {
    1: empty,
    2: { class_type: 'SaveVideo', inputs: { images: ['1', 0], filename_prefix: 'v' } },
    3: { class_type: 'VHS_VideoCombine', inputs: { images: ['1', 0], filename_prefix: 'g' } },
    4: { class_type: 'SaveAudio', inputs: { images: ['1', 0], filename_prefix: 'a' } },
    5: { class_type: 'PreviewAny', inputs: { source: 'a word' } },
    6: { class_type: 'ProbeUi', inputs: { image: ['1', 0], kind: 'nan' } },
  },
};

export async function writeWorkflows(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'manifest.yml'), MANIFEST);
  for (const [name, graph] of Object.entries(GRAPHS))
    await writeFile(join(folder, name), JSON.stringify(graph));
  await writeFile(join(folder, 'no-json.json'), 'this is {no JSON');
}

/** One more in such a folder, which takes words. */
export async function addWordedWorkflow(folder: string): Promise<void> {
  await appendFile(
    join(folder, 'manifest.yml'),
    `  - name: worded
    file: worded.json
    inputs: {prompt: {kind: text, required: true, to: [{class: PreviewAny, input: source}]}}
    outputs: [{id: '9'}]
`,
  );
  const graph = { ...GRAPHS['plain.json'], 3: { class_type: 'PreviewAny', inputs: { source: '' } } };
  await writeFile(join(folder, 'worded.json'), JSON.stringify(graph));
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export async function fakeComfy(settings: Partial<FakeComfySettings> = {}): Promise<FakeComfy> {
  const fake = await createFakeComfy(settings);
  cleanups.push(() => fake.stop());
  return fake;
}

/** The whole of `comfy/` on a folder of its own beside the given workers. */
export async function bed(
  fakes: FakeComfy[],
  options: Partial<ImagesOptions> = {},
  parts: { lease?: Lease; onEnded?: OnEnded } = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'limner-comfy-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await writeWorkflows(join(folder, 'workflows'));
  const lines: string[] = [];
  const log = createLog({ level: 'info', secrets: [], write: (line) => void lines.push(line) });
  const database = openDatabase(join(folder, 'test.sqlite'));

  const open = async (isLookedAt = true) => {
    const images = await createImages(
      {
        workers: fakes.map(({ url }) => url),
        workflows: join(folder, 'workflows'),
        media: join(folder, 'media'),
        times: QUICK,
        look: { absentMs: 50, presentMs: 200 },
        retryMs: 20,
        ...options,
      },
      { database, log, ...parts },
    );
    if (isLookedAt) await images.look();
    await images.start();
    return images;
  };
  let images = await open();
  cleanups.push(async () => {
    await images.close();
    await database.close();
  });
  return {
    folder,
    lines,
    database,
    get images() {
      return images;
    },
    /** Ends it and begins again on the same database, as after a restart of the service. */
    async reopen(isLookedAt = true) {
      await images.close();
      images = await open(isLookedAt);
      return images;
    },
    run: async (workflow: string, inputs: Record<string, unknown> = {}) => {
      const { id } = await images.submit({ workflow, inputs });
      return images.wait(id, AbortSignal.timeout(15_000));
    },
  };
}
