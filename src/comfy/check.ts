import type { Graph } from './graph.ts';
import { linkOf, reachable, titleOf } from './graph.ts';
import type { Workflow } from './manifest.ts';
import type { NodeClass, ObjectInfo } from './wire.ts';
import type { WorkerFacts } from './worker-look.ts';

export interface Readiness {
  state: 'ready' | 'missing_nodes' | 'missing_models' | 'low_vram' | 'invalid';
  /** What is missing or wrong, a plain sentence each. */
  lacks: string[];
}

/** Cards report a little less than their nominal size. */
const VRAM_SLACK = 0.95;
const GIB = 2 ** 30;

/** Whether a worker can run a workflow, and if not, what it lacks. */
export function checkWorkflow(workflow: Workflow, facts: WorkerFacts): Readiness {
  const nodes = workflow.classes.filter((name) => !facts.classes[name]).map((name) => `the node ${name}`);
  if (nodes.length > 0) return { state: 'missing_nodes', lacks: nodes };
  const models = workflow.requires.models
    .filter(({ folder, name }) => !hasModel(facts.models[folder] ?? [], name))
    .map(({ folder, name }) => `the model ${folder}/${name}`);
  if (models.length > 0) return { state: 'missing_models', lacks: models };
  const need = workflow.requires.vram_min_gb;
  if (need > 0 && (facts.vramBytes ?? 0) < need * GIB * VRAM_SLACK)
    return { state: 'low_vram', lacks: [`${need} GB of graphics memory`] };
  const problems = graphAgainst(workflow.graph, facts.classes, workflow);
  return problems.length > 0 ? { state: 'invalid', lacks: problems } : { state: 'ready', lacks: [] };
}

/** Paths as they are compared: a worker writes them in the way of its system. */
function plain(path: string): string {
  return path.replaceAll('\\', '/');
}

export function hasModel(installed: readonly string[], name: string): boolean {
  return installed.some((one) => plain(one) === plain(name));
}

/** Checks every value and link of a graph against the node definitions of a server. */
export function graphAgainst(
  graph: Graph,
  classes: ObjectInfo,
  workflow: Pick<Workflow, 'inputs' | 'requires'>,
): string[] {
  const outputs = Object.keys(graph).filter((id) => classes[graph[id]?.class_type ?? '']?.output_node);
  if (outputs.length === 0) return ['the workflow has no node that saves anything'];
  const models = new Set(workflow.requires.models.map(({ name }) => name));
  return [...reachable(graph, outputs)].flatMap((id) => {
    const node = graph[id];
    const definition = node && classes[node.class_type];
    if (!node || !definition) return [];
    return nodeProblems(graph, node.inputs, definition, classes, models).map(
      (problem) => `${titleOf(id, node)}: ${problem}`,
    );
  });
}

function nodeProblems(
  graph: Graph,
  inputs: Record<string, unknown>,
  definition: NodeClass,
  classes: ObjectInfo,
  models: ReadonlySet<string>,
): string[] {
  const specs = { ...definition.input.optional, ...definition.input.required };
  const missing = Object.keys(definition.input.required ?? {})
    .filter((name) => !(name in inputs) && !Object.keys(inputs).some((one) => one.startsWith(`${name}.`)))
    .map((name) => `the input ${name} is missing`);
  const wrong = Object.entries(inputs).flatMap(([name, value]) => {
    const spec = readSpec(specs[name]);
    if (!spec) return [];
    const link = linkOf(value);
    const problem = link ? linkProblem(graph, link, spec, classes) : valueProblem(value, spec, models);
    return problem === undefined ? [] : [`the input ${name} ${problem}`];
  });
  return [...missing, ...wrong];
}

interface Spec {
  type: string;
  choices: unknown[] | undefined;
  min: number | undefined;
  max: number | undefined;
  isFile: boolean;
}

/** `[type, options]`, where the type of an older choice is the list itself. */
export function readSpec(value: unknown): Spec | undefined {
  if (!Array.isArray(value)) return undefined;
  const [type, options]: unknown[] = value;
  const given: Record<string, unknown> = typeof options === 'object' && options ? { ...options } : {};
  const listed = Array.isArray(type) ? type : given['options'];
  const bound = (name: string) => (typeof given[name] === 'number' ? given[name] : undefined);
  return {
    type: typeof type === 'string' ? type : 'COMBO',
    choices: Array.isArray(listed) ? listed.map(keyOf) : undefined,
    min: bound('min'),
    max: bound('max'),
    isFile: Object.keys(given).some((name) => name.endsWith('_upload')),
  };
}

/** A choice that brings inputs of its own is an object with a key. */
function keyOf(choice: unknown): unknown {
  return typeof choice === 'object' && choice !== null && 'key' in choice ? choice.key : choice;
}

function linkProblem(graph: Graph, [id, slot]: [string, number], spec: Spec, classes: ObjectInfo) {
  const source = graph[id];
  const given = source && classes[source.class_type]?.output[slot];
  if (given === undefined)
    return source && classes[source.class_type] ? `is linked to a slot that node ${id} lacks` : undefined;
  if (typeof given !== 'string' || fits(given, spec.type)) return undefined;
  return `wants ${spec.type} and is linked to ${given}`;
}

/** Types are comma lists; `*` and anything of a newer kind takes everything. */
function fits(given: string, wanted: string): boolean {
  if (given === '*' || wanted === '*' || wanted.startsWith('COMFY_') || given.startsWith('COMFY_'))
    return true;
  const types = new Set(wanted.toUpperCase().split(','));
  return given
    .toUpperCase()
    .split(',')
    .some((one) => types.has(one));
}

function valueProblem(value: unknown, spec: Spec, models: ReadonlySet<string>): string | undefined {
  if (spec.type === 'INT' || spec.type === 'FLOAT') {
    if (typeof value !== 'number') return 'must be a number';
    if (spec.min !== undefined && value < spec.min) return `is below ${spec.min}`;
    return spec.max !== undefined && value > spec.max ? `is above ${spec.max}` : undefined;
  }
  if (spec.type === 'BOOLEAN') return typeof value === 'boolean' ? undefined : 'must be true or false';
  // A picture is uploaded for each job, and what a model list must hold is checked by the requirements.
  if (!spec.choices || spec.isFile || (typeof value === 'string' && models.has(value))) return undefined;
  const isModelList = spec.choices.every((one) => typeof one === 'string' && /\.\w+$/.test(one));
  if (spec.choices.includes(value) || (spec.choices.length === 0 && isModelList)) return undefined;
  return `does not know ${JSON.stringify(value)}`;
}
