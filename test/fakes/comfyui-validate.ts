import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isOutput, NODE_CLASSES, order, type FakeGraph, type NodeProblem } from './comfyui-nodes.ts';

export interface Verdict {
  error?: { type: string; message: string; details: string; extra_info: Record<string, unknown> };
  node_errors: Record<string, NodeProblem>;
  targets: string[];
}

const CANONICAL = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

interface Sent {
  prompt: FakeGraph;
  prompt_id: string;
  client_id: string;
  partial_execution_targets?: string[];
}

/** The body of POST /prompt; undefined where the real server breaks over it. */
export function readPrompt(body: Buffer): Sent | { refusal: object } | undefined {
  const text = body.toString();
  if (!text.trimStart().startsWith('{') || text === '{bad') return undefined;
  const sent = JSON.parse(text);
  if (!('prompt' in sent)) return refusal('no_prompt', 'No prompt provided', 'No prompt provided');
  const { prompt, prompt_id } = sent;
  if (typeof prompt !== 'object' || prompt === null || Array.isArray(prompt)) return undefined;
  if (Object.values(prompt).some((node) => typeof node !== 'object')) return undefined;
  if (prompt_id !== undefined && prompt_id !== null && !CANONICAL.test(prompt_id))
    return refusal('invalid_prompt_id', 'prompt_id must be a canonical UUID', String(prompt_id));
  return { ...sent, prompt_id: prompt_id ?? randomUUID() };
}

function refusal(type: string, message: string, details: string): { refusal: object } {
  return { refusal: { error: { type, message, details, extra_info: {} }, node_errors: {} } };
}

interface Known {
  targets?: string[] | undefined;
  /** Keys of stored files. */
  inputs: string[];
  models: Record<string, string[]>;
}

/** The checks of the real server that the recording shows, with its words. */
export function validate(graph: FakeGraph, known: Known): Verdict {
  for (const [id, node] of Object.entries(graph)) {
    if (NODE_CLASSES[node.class_type]) continue;
    const isNamed = node.class_type !== undefined;
    const what = isNamed ? `Node '${node.class_type}' not found.` : `Node 'ID #${id}' has no class_type.`;
    return refuse({
      type: 'missing_node_type',
      message: `${what} The custom node may not be installed.`,
      details: `Node ID '#${id}'`,
      extra_info: { node_id: id, class_type: node.class_type, node_title: node.class_type },
    });
  }
  const outputs = Object.keys(graph).filter(
    (id) => isOutput(graph[id]) && (known.targets?.includes(id) ?? true),
  );
  if (outputs.length === 0)
    return refuse({
      type: 'prompt_no_outputs',
      message: 'Prompt has no outputs',
      details: '',
      extra_info: {},
    });
  const node_errors: Record<string, NodeProblem> = {};
  const targets = outputs.filter((id) => checkOutput(graph, id, node_errors, known));
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

function checkOutput(
  graph: FakeGraph,
  output: string,
  problems: Record<string, NodeProblem>,
  known: Known,
): boolean {
  let isGood = true;
  for (const id of order(graph, [output])) {
    const node = graph[id];
    const errors = node ? nodeErrors(graph, id, known) : [];
    if (!node || errors.length === 0) continue;
    isGood = false;
    problems[id] = { errors, dependent_outputs: [output], class_type: node.class_type };
  }
  return isGood;
}

function nodeErrors(graph: FakeGraph, id: string, known: Known): NodeProblem['errors'] {
  const { class_type = '', inputs } = graph[id] ?? {};
  if (!inputs)
    return [{ type: 'exception_during_validation', message: 'Exception', details: '', extra_info: {} }];
  return Object.entries(requiredOf(class_type)).flatMap(([name, spec]) => {
    const value = inputs[name];
    const problem = inputProblem(graph, id, { name, spec, value, isGiven: name in inputs }, known);
    if (!problem) return [];
    const [type, message, details] = problem;
    return [{ type, message, details, extra_info: { input_name: name, received_value: value } }];
  });
}

type Problem = [type: string, message: string, details: string];

function inputProblem(
  graph: FakeGraph,
  id: string,
  { name, spec, value, isGiven }: { name: string; spec: unknown; value: unknown; isGiven: boolean },
  known: Known,
): Problem | undefined {
  if (!isGiven) return ['required_input_missing', 'Required input is missing', name];
  const { type, min, max, isUpload } = readSpec(spec);
  if (Array.isArray(value)) return linkProblem(graph, id, name, value, type);
  if (type === 'INT') {
    const number = typeof value === 'string' ? Number.parseInt(value, 10) : Number(value);
    if (Number.isNaN(number))
      return ['invalid_input_type', 'Failed to convert an input value to a INT value', name];
    if (number < min) return ['value_smaller_than_min', `Value ${number} smaller than min of ${min}`, name];
    if (number > max) return ['value_bigger_than_max', `Value ${number} bigger than max of ${max}`, name];
  }
  if (isUpload)
    return known.inputs.includes(`input:${folded(value)}`) || value === 'example.png'
      ? undefined
      : ['custom_validation_failed', 'Custom validation failed for node', `${name} - Invalid image file`];
  const choices = name === 'ckpt_name' ? (known.models['checkpoints'] ?? []) : type;
  if (Array.isArray(choices) && !choices.includes(value))
    return [
      'value_not_in_list',
      'Value not in list',
      `${name}: '${String(value)}' not in ${JSON.stringify(choices)}`,
    ];
  return undefined;
}

/** `folder/name` as stored files are keyed; a name alone lies at the top. */
function folded(value: unknown): string {
  const path = typeof value === 'string' ? value : '';
  return path.includes('/') ? path : `/${path}`;
}

function linkProblem(
  graph: FakeGraph,
  id: string,
  name: string,
  [source, slot]: unknown[],
  wanted: unknown,
): Problem | undefined {
  if (typeof source !== 'string' || typeof slot !== 'number')
    return ['bad_linked_input', 'Bad linked input, must be a length-2 list of [node_id, slot_index]', name];
  const node = graph[source];
  if (!node)
    return ['exception_during_inner_validation', 'Exception when validating inner node', `'${source}'`];
  if (order(graph, [source]).includes(id) && dependsOn(graph, source, id))
    return ['dependency_cycle', 'Dependency cycle detected', ''];
  const given = outputsOf(node.class_type)[slot];
  if (wanted === '*' || given === wanted || Array.isArray(wanted)) return undefined;
  return [
    'return_type_mismatch',
    'Return type mismatch between linked nodes',
    `${name}, received_type(${given})`,
  ];
}

function dependsOn(graph: FakeGraph, from: string, wanted: string, seen = new Set<string>()): boolean {
  if (from === wanted) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return Object.values(graph[from]?.inputs ?? {}).some(
    (value) =>
      Array.isArray(value) && typeof value[0] === 'string' && dependsOn(graph, value[0], wanted, seen),
  );
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

function outputsOf(kind: string): string[] {
  const found: unknown = NODE_CLASSES[kind];
  return JSON.parse(JSON.stringify(found)).output;
}

function requiredOf(kind: string): Record<string, unknown[]> {
  const found: unknown = NODE_CLASSES[kind];
  return JSON.parse(JSON.stringify(found)).input.required;
}
