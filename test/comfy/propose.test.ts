import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { bindGraph } from '../../src/comfy/bind.ts';
import { parseGraph } from '../../src/comfy/graph.ts';
import { Entry, readWorkflows, toWorkflow } from '../../src/comfy/manifest.ts';
import { proposeInputs, proposeModels } from '../../src/comfy/propose.ts';
import { fakeComfy, writeWorkflows } from './bed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const shipped = await readWorkflows(`${ROOT}/workflows`);

/** What an input fills, whatever it is called and however the target is named. */
function filled(workflow: { graph: object; inputs: Record<string, { to: { input: string }[] }> }): string[] {
  return Object.entries(workflow.inputs)
    .map(([name, { to }]) => `${name} ${to.map(({ input }) => input).join(',')}`)
    .toSorted();
}

test.each(shipped)('what is proposed for $name is what a person wrote', (workflow) => {
  const inputs = proposeInputs(workflow.graph);
  const wrote = filled(workflow).map((one) => one.replace('frames', 'length'));
  expect(wrote.filter((one) => !filled({ graph: workflow.graph, inputs }).includes(one))).toEqual([]);
  expect(proposeModels(workflow.graph)).toEqual(
    expect.arrayContaining(workflow.requires.models.map(({ folder, name }) => ({ folder, name }))),
  );
});

test('prompts are found through guidance, switches and primitives by their values', () => {
  const inputs = proposeInputs({
    1: { class_type: 'PrimitiveStringMultiline', inputs: { value: 'a cat' }, _meta: { title: 'Words' } },
    2: { class_type: 'CLIPTextEncode', inputs: { text: ['1', 0], clip: ['9', 0] } },
    3: { class_type: 'FluxGuidance', inputs: { conditioning: ['2', 0], guidance: 3.5 } },
    4: { class_type: 'KSampler', inputs: { positive: ['3', 0], seed: 1, steps: 4 } },
    5: { class_type: 'ComfySwitchNode', inputs: { switch: true }, _meta: { title: 'Sharp?' } },
  });
  expect(inputs).toMatchObject({
    prompt: { required: true, to: [{ id: '1', input: 'value' }] },
    guidance: { default: 3.5 },
    seed: { kind: 'seed' },
    steps: { default: 4 },
    sharp: { kind: 'boolean', default: true },
  });
});

test('guiders, LoRAs, switches and masks are found', () => {
  const inputs = proposeInputs({
    1: { class_type: 'UNETLoader', inputs: { unet_name: 'a.safetensors' } },
    2: {
      class_type: 'LoraLoader',
      inputs: {
        model: ['1', 0],
        clip: ['3', 0],
        lora_name: 'x.safetensors',
        strength_model: 0.7,
        strength_clip: 0.7,
      },
    },
    4: { class_type: 'CLIPTextEncode', inputs: { text: 'a cat', clip: ['2', 1] } },
    5: { class_type: 'CLIPTextEncode', inputs: { text: 'blurry', clip: ['2', 1] } },
    6: { class_type: 'Any Switch (rgthree)', inputs: { any_01: ['4', 0] } },
    7: {
      class_type: 'CFGGuider',
      inputs: { model: ['2', 0], positive: ['6', 0], negative: ['5', 0], cfg: 3 },
    },
    8: { class_type: 'SamplerCustomAdvanced', inputs: { guider: ['7', 0], noise: ['9', 0] } },
    9: { class_type: 'RandomNoise', inputs: { noise_seed: 1 } },
    10: { class_type: 'ComfySwitchNode', inputs: { switch: ['11', 0] } },
    11: { class_type: 'PrimitiveBoolean', inputs: { value: false }, _meta: { title: 'Upscale it' } },
    12: { class_type: 'LoadImageMask', inputs: { image: 'm.png', channel: 'alpha' } },
    13: { class_type: 'EmptySD3LatentImage', inputs: { width: 512, height: 512 } },
  });
  expect(inputs).toMatchObject({
    prompt: { required: true, to: [{ id: '4', input: 'text' }] },
    negative: { default: 'blurry', to: [{ id: '5', input: 'text' }] },
    cfg: { default: 3 },
    seed: { kind: 'seed', to: [{ id: '9', input: 'noise_seed' }] },
    lora_strength: { default: 0.7, to: [{ input: 'strength_model' }, { input: 'strength_clip' }] },
    loras: { kind: 'lora' },
    upscale_it: { kind: 'boolean', default: false },
    mask: { kind: 'mask' },
    width: { default: 512 },
  });
});

test.each([
  ['Qwen2_VQA', 'text'],
  ['QwenVL', 'prompt'],
  ['TextGenerate', 'prompt'],
])('what %s is told to write a prompt from is an instruction with a default', (kind, input) => {
  const inputs = proposeInputs({
    1: { class_type: 'LoadImage', inputs: { image: 'a.png' } },
    2: { class_type: kind, inputs: { [input]: 'Describe this.', image: ['1', 0], seed: 1 } },
    3: { class_type: 'CLIPTextEncode', inputs: { text: ['2', 0] } },
    4: { class_type: 'KSampler', inputs: { positive: ['3', 0], seed: 2 } },
  });
  expect(inputs).toMatchObject({
    instruction: { required: false, default: 'Describe this.', to: [{ id: '2', input }] },
    image: { kind: 'image', required: true },
  });
});

test('a switch that runs all its branches is offered as a mode, and the branches not chosen go', () => {
  const graph = {
    1: { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'small.safetensors' } },
    2: { class_type: 'UNETLoader', inputs: { unet_name: 'large.safetensors' } },
    3: { class_type: 'Patch', inputs: { model: ['2', 0] } },
    4: {
      class_type: 'Any Switch (rgthree)',
      inputs: { any_01: ['1', 0], any_02: ['3', 0] },
      _meta: { title: 'Quality' },
    },
    5: { class_type: 'KSampler', inputs: { model: ['4', 0], seed: 1 } },
    6: { class_type: 'SaveImage', inputs: { images: ['5', 0] } },
    7: { class_type: 'PreviewAny', inputs: { source: 'not linked at all' } },
  };
  const { quality, seed } = proposeInputs(graph);
  expect(quality).toMatchObject({ kind: 'choice', choices: ['any_01', 'any_02'], default: 'any_01' });
  const entry = Entry.parse({ name: 'a', file: 'a.json', inputs: { quality, seed } });
  const bind = (choice: string) =>
    bindGraph(toWorkflow(entry, graph), { quality: choice }, { prefix: 'x', pictures: {}, loraNames: [] });
  expect(Object.keys(bind('any_01'))).toEqual(['1', '4', '5', '6', '7']);
  expect(Object.keys(bind('any_02'))).toEqual(['2', '3', '4', '5', '6', '7']);
  expect(bind('any_02')['4']?.inputs).toEqual({ any_02: ['3', 0] });
});

const limner = (args: string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, ['src/main.ts', 'workflow', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });

test('`workflow add` prints an entry that the manifest takes', () => {
  const { stdout, status } = limner(['add', 'workflows/inpaint.json']);
  expect(status).toBe(0);
  const [entry] = parse(stdout);
  expect(Entry.parse(entry)).toMatchObject({
    name: 'inpaint',
    inputs: { mask: { kind: 'mask' }, prompt: { kind: 'text' } },
  });
});

test.each(['package.json', 'nowhere.json', 'README.md'])('`workflow add %s` says what is wrong', (path) => {
  const { stderr, status } = limner(['add', path]);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/API format|cannot be read|not JSON/)]);
});

/** The command beside a server in this process, so it must not block. */
async function limnerWith(url: string, args: string[], more: Record<string, string> = {}) {
  const env = { PATH: process.env['PATH'], COMFYUI_URL: url, ...more };
  const child = spawn(process.execPath, ['src/main.ts', 'workflow', ...args], { cwd: ROOT, env });
  let out = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  const [status] = await once(child, 'close');
  return { out, status };
}

test('`workflow check` says in plain words what each worker lacks', async () => {
  const { out, status } = await limnerWith((await fakeComfy()).url, ['check']);
  expect(out).toMatch(/upscale\s+lacks the node ImageUpscaleWithModel/);
  expect(status).toBe(1);
});

test('`workflow check` goes on after a workflow that is broken and a worker that is away', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'limner-check-'));
  await writeWorkflows(folder);
  const url = `http://127.0.0.1:9,${(await fakeComfy()).url}`;
  const { out, status } = await limnerWith(url, ['check'], { LIMNER_WORKFLOWS: folder });
  await rm(folder, { recursive: true });
  expect(out).toMatch(/no-json cannot be used: it is not JSON/);
  expect(out).toMatch(/127\.0\.0\.1:9 cannot be reached/);
  expect(out).toMatch(/plain +ready/);
  expect(status).toBe(1);
});

describe('what the editor saves', () => {
  const saved = {
    nodes: [
      { id: 1, type: 'EmptyImage', widgets_values: [64, 64, 1, 255], inputs: [] },
      {
        id: 9,
        type: 'SaveImage',
        widgets_values: ['out'],
        inputs: [{ name: 'images', type: 'IMAGE', link: 1 }],
      },
    ],
    links: [[1, 1, 0, 9, 0, 'IMAGE']],
  };
  const graph = {
    1: { class_type: 'EmptyImage', inputs: { width: 64, color: 255 } },
    9: { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'out' } },
  };
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'limner-convert-'));
    path = join(folder, 'Saved One.json');
    await writeFile(path, JSON.stringify(saved));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('is turned into API format by `workflow convert`', async () => {
    const { out, status } = await limnerWith((await fakeComfy()).url, ['convert', path]);
    expect(JSON.parse(out)).toMatchObject(graph);
    expect(status).toBe(0);
  });

  test('is turned by `workflow add` as well, which writes the file of its entry and overwrites none', async () => {
    const { url } = await fakeComfy();
    const { out, status } = await limnerWith(url, ['add', path]);
    const [entry] = parse(out);
    const taken = Entry.parse(entry);
    expect([status, taken.name, Object.keys(taken.inputs)]).toEqual([0, 'saved-one', ['width', 'height']]);
    const written = parseGraph(await readFile(join(folder, taken.file), 'utf8'), 'x');
    expect(toWorkflow(taken, written).graph).toMatchObject(graph);
    const again = await limnerWith(url, ['add', path]);
    expect([again.status, again.out]).toEqual([1, '']);
  });
});
