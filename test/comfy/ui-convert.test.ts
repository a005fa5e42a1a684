import { describe, expect, test } from 'vitest';
import { graphAgainst } from '../../src/comfy/check.ts';
import { convertUiGraph } from '../../src/comfy/ui-convert.ts';
import { ObjectInfo } from '../../src/comfy/wire.ts';

const CLASSES = ObjectInfo.parse({
  Loader: { input: { required: { name: [['a.safetensors', 'b.safetensors']] } }, output: ['MODEL'] },
  Patch: { input: { required: { model: ['MODEL'], scale: ['FLOAT', { default: 1.5 }] } }, output: ['MODEL'] },
  Sampler: {
    input: {
      required: {
        model: ['MODEL'],
        seed: ['INT', { control_after_generate: true }],
        steps: ['INT', { default: 20 }],
        mode: [['fast', 'slow']],
      },
      optional: { note: ['STRING', { default: '' }], strength: ['FLOAT', { forceInput: true }] },
    },
    input_order: { required: ['model', 'seed', 'steps', 'mode'], optional: ['note', 'strength'] },
    output: ['IMAGE'],
  },
  Save: {
    input: {
      required: {
        images: ['IMAGE'],
        format: [
          'COMFY_DYNAMICCOMBO_V3',
          {
            options: [
              { key: 'png', inputs: { required: {} } },
              {
                key: 'mp4',
                inputs: { required: { codec: [['h264', 'av1']], crf: ['INT', { default: 20 }] } },
              },
            ],
          },
        ],
        name: ['STRING', {}],
      },
    },
    output: [],
    output_node: true,
  },
});

type Input = [name: string, type: string, link: number | null];
const node = (id: number, type: string, values: unknown, inputs: Input[] = [], more: object = {}) => ({
  id,
  type,
  widgets_values: values,
  inputs: inputs.map(([name, kind, link]) => ({ name, type: kind, link })),
  outputs: [],
  ...more,
});
const link = (id: number, from: number, to: number, type = 'MODEL') => [id, from, 0, to, 0, type];
const SAMPLED = [42, 'randomize', 12, 'slow', 'a note'];
const save = (from: number) => node(9, 'Save', ['mp4', 'av1', 30, 'out'], [['images', 'IMAGE', from]]);
const convert = (nodes: object[], links: unknown[], more: object = {}) =>
  convertUiGraph({ nodes, links, ...more }, CLASSES, 'mine');
const inputsOf = (graph: ReturnType<typeof convert>, id: string) => graph[id]?.inputs;

describe('a workflow of the editor', () => {
  test('becomes API format: values by name, words of the editor left out, options under dotted names', () => {
    const graph = convert(
      [
        node(1, 'Loader', ['b.safetensors']),
        node(5, 'Sampler', SAMPLED, [['model', 'MODEL', 1]], { title: 'Mine' }),
        save(2),
        node(7, 'Note', ['read me']),
      ],
      [link(1, 1, 5), link(2, 5, 9, 'IMAGE')],
    );
    expect(graph).toEqual({
      1: { class_type: 'Loader', inputs: { name: 'b.safetensors' }, _meta: { title: 'Loader' } },
      5: {
        class_type: 'Sampler',
        inputs: { model: ['1', 0], seed: 42, steps: 12, mode: 'slow', note: 'a note' },
        _meta: { title: 'Mine' },
      },
      9: {
        class_type: 'Save',
        inputs: { images: ['5', 0], format: 'mp4', 'format.codec': 'av1', 'format.crf': 30, name: 'out' },
        _meta: { title: 'Save' },
      },
    });
    expect(graphAgainst(graph, CLASSES, { inputs: {}, requires: { vram_min_gb: 0, models: [] } })).toEqual(
      [],
    );
  });

  test('that was saved before an input existed gets its default', () => {
    const graph = convert([node(5, 'Sampler', [42, 'fixed'])], []);
    expect(inputsOf(graph, '5')).toEqual({ seed: 42, steps: 20, mode: 'fast', note: '' });
  });

  test('with values by name is read by name', () => {
    const named = { seed: 1, steps: 2, mode: 'fast', note: '', control: 'fixed' };
    const graph = convert([node(5, 'Sampler', [9, 9, 9], [], { widgets_values_named: named })], []);
    expect(inputsOf(graph, '5')).toEqual({ seed: 1, steps: 2, mode: 'fast', note: '' });
    const kept = convert([node(5, 'Sampler', { seed: 3, steps: 4, videopreview: {} })], []);
    expect(inputsOf(kept, '5')).toEqual({ seed: 3, steps: 4, mode: 'fast', note: '' });
  });

  test('goes through reroutes, set and get; primitives become values', () => {
    const graph = convert(
      [
        node(1, 'Loader', ['a.safetensors']),
        node(2, 'Reroute', null, [['', '*', 1]]),
        node(3, 'SetNode', ['m'], [['MODEL', 'MODEL', 2]]),
        node(4, 'GetNode', ['m']),
        node(6, 'PrimitiveNode', [77, 'fixed']),
        node(5, 'Sampler', SAMPLED, [
          ['model', 'MODEL', 3],
          ['seed', 'INT', 4],
        ]),
      ],
      [link(1, 1, 2), link(2, 2, 3), link(3, 4, 5), link(4, 6, 5, 'INT')],
    );
    expect(Object.keys(graph)).toEqual(['1', '5']);
    expect(inputsOf(graph, '5')).toMatchObject({ model: ['1', 0], seed: 77, steps: 12 });
  });

  test('goes past bypassed nodes and drops what comes from muted ones', () => {
    const parts = (mode: number) => [
      node(1, 'Loader', ['a.safetensors']),
      node(2, 'Patch', [2], [['model', 'MODEL', 1]], { mode, outputs: [{ type: 'MODEL' }] }),
      node(5, 'Sampler', SAMPLED, [['model', 'MODEL', 2]]),
    ];
    const links = [link(1, 1, 2), link(2, 2, 5)];
    expect(inputsOf(convert(parts(4), links), '5')).toMatchObject({ model: ['1', 0] });
    expect(inputsOf(convert(parts(2), links), '5')).not.toHaveProperty('model');
    expect(inputsOf(convert(parts(0), links), '5')).toMatchObject({ model: ['2', 0] });
    const steps = (mode: number) =>
      convert(
        [node(1, 'Counter', [3], [], { mode }), node(5, 'Sampler', SAMPLED, [['steps', 'INT', 1]])],
        [link(1, 1, 5, 'INT')],
      );
    expect(inputsOf(steps(2), '5')).not.toHaveProperty('steps');
    expect(inputsOf(steps(4), '5')).toMatchObject({ steps: 12 });
  });

  test('with subgraphs: paths as ids, promoted values in the order of proxyWidgets, stale links mended', () => {
    const id = '3f1c';
    const inner = {
      id,
      inputs: [
        { name: 'model', linkIds: [11] },
        { name: 'steps', linkIds: [12] },
      ],
      nodes: [
        node(2, 'Patch', [2], [['model', 'MODEL', 99]]),
        node(5, 'Sampler', SAMPLED, [
          ['model', 'MODEL', 13],
          ['steps', 'INT', 12],
        ]),
      ],
      links: [
        { id: 11, origin_id: -10, origin_slot: 0, target_id: 2, target_slot: 0 },
        { id: 12, origin_id: -10, origin_slot: 1, target_id: 5, target_slot: 1 },
        { id: 13, origin_id: 2, origin_slot: 0, target_id: 5, target_slot: 0 },
        { id: 14, origin_id: 5, origin_slot: 0, target_id: -20, target_slot: 0 },
      ],
    };
    const use = node(4, id, [7, 33, null], [['model', 'MODEL', 1]], {
      properties: {
        proxyWidgets: [
          ['5', 'seed'],
          ['-1', 'steps'],
          ['2', 'scale'],
        ],
      },
    });
    const graph = convert(
      [node(1, 'Loader', ['a.safetensors']), use, save(2)],
      [link(1, 1, 4), link(2, 4, 9, 'IMAGE')],
      {
        definitions: { subgraphs: [inner] },
      },
    );
    expect(Object.keys(graph).toSorted()).toEqual(['1', '4:2', '4:5', '9']);
    expect(inputsOf(graph, '4:2')).toEqual({ model: ['1', 0], scale: 2 });
    expect(inputsOf(graph, '4:5')).toMatchObject({ model: ['4:2', 0], seed: 7, steps: 33, mode: 'slow' });
    expect(inputsOf(graph, '9')).toMatchObject({ images: ['4:5', 0] });
  });

  test.each([
    [{ nodes: 1 }, 'no workflow of the editor'],
    [{ nodes: [node(1, 'workflow>mine', [])], links: [] }, 'group nodes'],
    [{ nodes: [node(1, 'Unknown', [])], links: [] }, 'does not know the node Unknown'],
  ])('%j is refused', (value, words) => {
    expect(() => convertUiGraph(value, CLASSES, 'mine')).toThrow(words);
  });
});
