import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { Entry, readWorkflows } from '../../src/comfy/manifest.ts';
import { proposeInputs, proposeModels } from '../../src/comfy/propose.ts';
import { fakeComfy } from './bed.ts';

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

test('`workflow check` says in plain words what each worker lacks', async () => {
  const fake = await fakeComfy();
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = spawn(process.execPath, ['src/main.ts', 'workflow', 'check'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], COMFYUI_URL: fake.url },
  });
  let out = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.on('exit', () => resolve(out));
  expect(await promise).toMatch(/upscale\s+lacks the node ImageUpscaleWithModel/);
});
