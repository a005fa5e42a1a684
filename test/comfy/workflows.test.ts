import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { bindGraph, settleInputs } from '../../src/comfy/bind.ts';
import { checkWorkflow, graphAgainst } from '../../src/comfy/check.ts';
import { parseGraph } from '../../src/comfy/graph.ts';
import { insertLoras } from '../../src/comfy/lora.ts';
import { Entry, parseManifest, readWorkflows } from '../../src/comfy/manifest.ts';
import { parseLooseJson } from '../../src/comfy/loose-json.ts';
import { STOCK } from './stock-nodes.ts';

const SHIPPED = fileURLToPath(new URL('../../workflows', import.meta.url));
const shipped = await readWorkflows(SHIPPED);

describe('the shipped workflows', () => {
  test('are text to image (SD 1.5, SDXL, Flux), image to image, inpainting, upscaling and video', () => {
    expect(shipped.map(({ name }) => name).toSorted()).toEqual([
      'image-to-image',
      'inpaint',
      'text-to-image',
      'text-to-image-flux',
      'text-to-image-sd15',
      'text-to-video',
      'upscale',
    ]);
  });

  test.each(shipped)('$name is clean against a stock server that has its models', (workflow) => {
    expect(graphAgainst(workflow.graph, STOCK, workflow)).toEqual([]);
    const models: Record<string, string[]> = {};
    for (const { folder, name } of workflow.requires.models) (models[folder] ??= []).push(name);
    const facts = {
      version: '',
      devices: [],
      classes: STOCK,
      maxUploadBytes: 1,
      vramBytes: 24 * 2 ** 30,
      models,
    };
    expect(checkWorkflow(workflow, facts)).toEqual({ state: 'ready', lacks: [] });
    const without = checkWorkflow(workflow, { ...facts, models: {} });
    expect(without.state).toBe('missing_models');
    const small = checkWorkflow(workflow, { ...facts, vramBytes: 2 ** 30 });
    expect(small.state).toBe('low_vram');
  });

  test.each(shipped)('$name stays clean with its inputs filled in, LoRA included', (workflow) => {
    const given: Record<string, unknown> = {};
    for (const [name, { kind, required }] of Object.entries(workflow.inputs)) {
      if (required) given[name] = 'words';
      if (kind === 'lora') given[name] = [{ name: 'style', strength: 0.5 }];
    }
    const graph = bindGraph(workflow, settleInputs(workflow, given), {
      prefix: 'limner/x',
      pictures: { image: 'limner/x/image.png', mask: 'limner/x/mask.png' },
      loraNames: ['style.safetensors'],
    });
    expect(graphAgainst(graph, STOCK, workflow)).toEqual([]);
    expect(JSON.stringify(graph)).toContain('"filename_prefix":"limner/x/');
  });
});

describe('a workflow file', () => {
  const chain = (length: number, first: object) =>
    Object.fromEntries([
      ...Array.from({ length }, (_, at) => [
        `a${length - at}`,
        { class_type: 'ImageInvert', inputs: { image: [`a${length - at - 1}`, 0] } },
      ]),
      ['a0', first],
    ]);

  test('may be a chain of twenty thousand nodes', () => {
    const text = JSON.stringify(chain(20_000, { class_type: 'EmptyImage', inputs: {} }));
    expect(Object.keys(parseGraph(text, 'x'))).toHaveLength(20_001);
  });

  test.each([1, 2, 20_000])('whose %i nodes feed themselves is refused', (length) => {
    const last = { class_type: 'ImageInvert', inputs: { image: [`a${length}`, 0], mask: ['a0', 1] } };
    expect(() => parseGraph(JSON.stringify(chain(length, last)), 'x')).toThrow(/in a circle/);
  });
});

describe('numbers in steps', () => {
  const entry = (kind: string, step: number) =>
    Entry.parse({ name: 'x', file: 'x.json', inputs: { it: { kind, step, to: [] } } });
  const take = (kind: string, step: number, value: number) =>
    settleInputs({ ...entry(kind, step), graph: {}, classes: [] }, { it: value })['it'];

  test.each([0.05, 0.1, 0.01, 0.25])('of %s take every multiple and nothing between', (step) => {
    for (let at = 0; at <= 40; at++) {
      const value = Number((at * step).toFixed(2));
      expect(take('number', step, value)).toBe(value);
      expect(() => take('number', step, value + step / 3)).toThrow(/multiple/);
    }
  });

  test('of 8 take what is a multiple of 8', () => {
    expect(take('integer', 8, 1024)).toBe(1024);
    expect(() => take('integer', 8, 1023)).toThrow(/multiple of 8/);
  });
});

describe('LoRA insertion', () => {
  const graph = shipped.find(({ name }) => name === 'text-to-image')?.graph ?? {};

  test('chains the loaders and points every consumer at the end of the chain', () => {
    const installed = ['styles\\ink.safetensors', 'b.safetensors'];
    const result = insertLoras(
      graph,
      [
        { name: 'styles/ink', strength: 1 },
        { name: 'b', strength: -0.5 },
      ],
      installed,
    );
    expect(result['8']).toMatchObject({
      inputs: { model: ['1', 0], clip: ['1', 1], lora_name: 'styles\\ink.safetensors' },
    });
    expect(result['9']).toMatchObject({ inputs: { model: ['8', 0], clip: ['8', 1], strength_clip: -0.5 } });
    expect(result['5']?.inputs['model']).toEqual(['9', 0]);
    expect(result['2']?.inputs['clip']).toEqual(['9', 1]);
    expect(result['6']?.inputs['vae']).toEqual(['1', 2]);
    expect(graph['5']?.inputs['model']).toEqual(['1', 0]);
  });

  test('names a LoRA that is not there', () => {
    expect(() => insertLoras(graph, [{ name: 'no', strength: 1 }], [])).toThrow(/LoRA no/);
  });
});

describe('a workflow file', () => {
  test.each([
    ['{', 'it is not JSON'],
    ['[]', 'API format'],
    ['{"1": {"inputs": {}}}', 'API format'],
    ['{"nodes": [], "links": []}', 'API format'],
    ['{"1": {"class_type": "A", "inputs": {"x": ["7", 0]}}}', 'node 7, which is missing'],
    ['{"1": {"class_type": "A", "inputs": {"x": ["1", 0]}}}', 'in a circle'],
  ])('%s is refused', (text, words) => {
    expect(() => parseGraph(text, 'mine')).toThrow(words);
  });

  test('may be wrapped', () => {
    expect(parseGraph('{"prompt": {"1": {"class_type": "A", "inputs": {}}}}', 'mine')).toHaveProperty('1');
  });
});

describe('a manifest', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true });
  });

  test.each([
    ['workflows: [{name: a, file: ../../etc/passwd.json}]', 'workflows.0.file'],
    ['workflows: [{name: A B, file: a.json}]', 'workflows.0.name'],
    ['workflows: [{name: a, file: a.json, extra: 1}]', 'extra'],
    [
      'workflows: [{name: a, file: a.json, requires: {models: [{folder: loras, name: ../x}]}}]',
      'workflows.0.requires.models.0.name',
    ],
    [
      'workflows: [{name: a, file: a.json, requires: {models: [{folder: loras, name: x, url: "http://a/b"}]}}]',
      'workflows.0.requires.models.0.url',
    ],
    ['workflows: [{name: a, file: a.json}, {name: a, file: b.json}]', 'twice'],
    ['workflows: [7]', 'workflows.0'],
  ])('%s is refused, and what else stands there is not', (text, words) => {
    const { entries, broken } = parseManifest(text.replace('[', '[{name: good, file: good.json}, '));
    expect(entries.map(({ name }) => name)).toContain('good');
    expect([...broken.values()].map(({ message }) => message).join('')).toContain(words.replace('.0', '.1'));
  });

  test.each([
    ['workflows: [', 'not YAML'],
    ['- name: a', 'expected object'],
    ['workflow: []', 'workflow'],
  ])('%s is no manifest', (text, words) => {
    expect(() => parseManifest(text)).toThrow(words);
  });

  test.each([
    ['{kind: text, to: [{title: None, input: text}]}', 'no node is called None'],
    ['{kind: text, to: [{class: A, input: text}]}', 'both called A'],
  ])('an input %s that fills no node, or two, is refused', async (input, words) => {
    const folder = await mkdtemp(join(tmpdir(), 'limner-manifest-'));
    folders.push(folder);
    await writeFile(
      join(folder, 'manifest.yml'),
      `workflows: [{name: a, file: a.json, inputs: {x: ${input}}}]`,
    );
    await writeFile(join(folder, 'a.json'), '{"1": {"class_type": "A"}, "2": {"class_type": "A"}}');
    await expect(readWorkflows(folder)).rejects.toThrow(words);
  });

  test('that is not there means no workflows', async () => {
    expect(await readWorkflows(join(SHIPPED, 'nowhere'))).toEqual([]);
  });
});

test.each([
  ['{"a": NaN, "b": [-Infinity, Infinity]}', { a: null, b: [null, null] }],
  ['{"a": "NaN \\" NaN", "b": NaN}', { a: 'NaN " NaN', b: null }],
  ['{"a": 1}', { a: 1 }],
])('%s is read', (text, value) => {
  expect(parseLooseJson(text)).toEqual(value);
});
