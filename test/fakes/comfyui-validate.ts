import { z } from 'zod';
import { isOutput, NODE_CLASSES, order, type FakeGraph, type NodeProblem } from './comfyui-nodes.ts';

export interface Verdict {
  error?: { type: string; message: string; details: string; extra_info: Record<string, unknown> };
  node_errors: Record<string, NodeProblem>;
  targets: string[];
}

/** The checks of the real server that the recording shows, with its words. */
export function validate(graph: FakeGraph): Verdict {
  for (const [id, node] of Object.entries(graph))
    if (!NODE_CLASSES[node.class_type])
      return refuse({
        type: 'missing_node_type',
        message: `Node '${node.class_type}' not found. The custom node may not be installed.`,
        details: `Node ID '#${id}'`,
        extra_info: { node_id: id, class_type: node.class_type, node_title: node.class_type },
      });
  const outputs = Object.keys(graph).filter((id) => isOutput(graph[id]));
  if (outputs.length === 0)
    return refuse({
      type: 'prompt_no_outputs',
      message: 'Prompt has no outputs',
      details: '',
      extra_info: {},
    });
  const node_errors: Record<string, NodeProblem> = {};
  const targets = outputs.filter((id) => checkOutput(graph, id, node_errors));
  if (targets.length > 0) return { node_errors, targets };
  return refuse(
    {
      type: 'prompt_outputs_failed_validation',
      message: 'Prompt outputs failed validation',
      details: '',
      extra_info: {},
    },
    node_errors,
  );
}

function refuse(error: NonNullable<Verdict['error']>, node_errors: Verdict['node_errors'] = {}): Verdict {
  return { error, node_errors, targets: [] };
}

function checkOutput(graph: FakeGraph, output: string, problems: Record<string, NodeProblem>): boolean {
  let isGood = true;
  for (const id of order(graph, [output])) {
    const node = graph[id];
    const errors = node ? nodeErrors(node.class_type, node.inputs) : [];
    if (!node || errors.length === 0) continue;
    isGood = false;
    problems[id] = { errors, dependent_outputs: [output], class_type: node.class_type };
  }
  return isGood;
}

function nodeErrors(kind: string, inputs: Record<string, unknown>): NodeProblem['errors'] {
  const required = requiredOf(kind);
  return Object.entries(required).flatMap(([name, spec]) => {
    const error = (type: string, message: string, details: string) => [
      { type, message, details, extra_info: { input_name: name, received_value: inputs[name] } },
    ];
    if (!(name in inputs)) return error('required_input_missing', 'Required input is missing', name);
    const { type, min, max, isUpload } = readSpec(spec);
    const value = inputs[name];
    if (type === 'INT' && typeof value === 'number') {
      if (value < min)
        return error('value_smaller_than_min', `Value ${value} smaller than min of ${min}`, name);
      if (value > max)
        return error('value_bigger_than_max', `Value ${value} bigger than max of ${max}`, name);
    }
    if (Array.isArray(type) && !isUpload && !type.includes(value))
      return error(
        'value_not_in_list',
        'Value not in list',
        `${name}: '${String(value)}' not in ${JSON.stringify(type)}`,
      );
    return [];
  });
}

function readSpec(spec: unknown) {
  const [type, options]: unknown[] = Array.isArray(spec) ? spec : [];
  const { min = -Infinity, max = Infinity, image_upload = false } = Options.parse(options ?? {});
  return { type, min, max, isUpload: image_upload };
}

const Options = z.looseObject({
  min: z.number().optional(),
  max: z.number().optional(),
  image_upload: z.boolean().optional(),
});

function requiredOf(kind: string): Record<string, unknown[]> {
  const found: unknown = NODE_CLASSES[kind];
  return JSON.parse(JSON.stringify(found)).input.required;
}
