import { randomInt } from 'node:crypto';
import { LimnerError } from '../errors.ts';
import type { Graph } from './graph.ts';
import { findTarget, type InputSpec, type Workflow } from './manifest.ts';
import { insertLoras, Loras } from './lora.ts';
import { chooseMode, EVERY_INPUT } from './mode.ts';

export type InputValue = string | number | boolean | Loras;
export type InputValues = Record<string, InputValue>;

/** Names of inputs that hold pictures: their value in a job is the id of a stored file. */
export function pictureInputs(workflow: Workflow): string[] {
  return Object.entries(workflow.inputs)
    .filter(([, { kind }]) => kind === 'image' || kind === 'mask')
    .map(([name]) => name);
}

/**
 * Checks what a caller gave against the workflow's inputs and fills in defaults and a seed.
 * @throws LimnerError `invalid_request` naming the input.
 */
export function settleInputs(workflow: Workflow, given: Record<string, unknown>): InputValues {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(workflow.inputs, name))
      throw wrong(name, `the workflow ${workflow.name} has no such input`);
  const settled: InputValues = {};
  for (const [name, spec] of Object.entries(workflow.inputs)) {
    const value = given[name] ?? spec.default ?? (spec.kind === 'seed' ? randomSeed(spec.max) : undefined);
    if (value !== undefined) settled[name] = checked(name, spec, value);
    else if (spec.required) throw wrong(name, 'is required');
  }
  return settled;
}

/** Larger seeds lose their last digits on the way through JSON. */
function randomSeed(max = Infinity): number {
  return randomInt(Math.min(max, 2 ** 48 - 2) + 1);
}

const MAX_TEXT = 10_000;

function checked(name: string, spec: InputSpec, value: unknown): InputValue {
  switch (spec.kind) {
    case 'text':
      return text(name, value, MAX_TEXT);
    case 'image':
    case 'mask':
      return text(name, value, 200);
    case 'boolean':
      if (typeof value !== 'boolean') throw wrong(name, 'must be true or false');
      return value;
    case 'choice':
      if (typeof value !== 'string' || !spec.choices?.includes(value))
        throw wrong(name, `must be one of ${spec.choices?.join(', ') ?? 'nothing'}`);
      return value;
    case 'lora':
      return loras(name, value);
    case 'number':
      return number(name, spec, value);
    case 'integer':
      return whole(name, spec, value);
    case 'seed':
      break;
  }
  return whole(name, { max: Number.MAX_SAFE_INTEGER, ...spec, min: 0 }, value);
}

function text(name: string, value: unknown, longest: number): string {
  if (typeof value !== 'string') throw wrong(name, 'must be a text');
  if (value.length > longest) throw wrong(name, `is longer than ${longest} characters`);
  return value;
}

function loras(name: string, value: unknown): Loras {
  const parsed = Loras.safeParse(value);
  if (!parsed.success)
    throw wrong(name, 'must be a list of {name, strength} with strengths from -10 to 10, ten at most');
  return parsed.data;
}

function whole(name: string, spec: InputSpec, value: unknown): number {
  if (!Number.isSafeInteger(value)) throw wrong(name, 'must be a whole number');
  return number(name, spec, value);
}

function number(name: string, { min, max, step }: InputSpec, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(name, 'must be a number');
  if (min !== undefined && value < min) throw wrong(name, `must be at least ${min}`);
  if (max !== undefined && value > max) throw wrong(name, `must be at most ${max}`);
  if (step !== undefined && !isMultiple(value, step)) throw wrong(name, `must be a multiple of ${step}`);
  return value;
}

/** Fractions are not exact: 0.6 / 0.05 is 11.999999999999998. */
function isMultiple(value: number, step: number): boolean {
  const steps = value / step;
  return Math.abs(steps - Math.round(steps)) < 1e-6;
}

function wrong(name: string, problem: string): LimnerError {
  return new LimnerError('invalid_request', `inputs.${name}: ${problem}.`, { param: `inputs.${name}` });
}

/**
 * The graph of one job: the workflow's with its inputs filled in. `pictures` are the names that the worker gave to
 * uploaded files. Every saving node writes below `prefix`, so that no cached run hands back an older file.
 */
export function bindGraph(
  workflow: Workflow,
  inputs: InputValues,
  { prefix, pictures, loraNames }: { prefix: string; pictures: Record<string, string>; loraNames: string[] },
): Graph {
  let graph = structuredClone(workflow.graph);
  for (const [name, value] of Object.entries(inputs)) {
    const spec = workflow.inputs[name];
    if (!spec) continue;
    if (typeof value === 'object') {
      graph = insertLoras(graph, value, loraNames);
      continue;
    }
    for (const target of spec.to) {
      // By the whole graph: the node may have gone with a mode that was not chosen.
      const id = findTarget(workflow.graph, target, workflow.name);
      if (target.input === EVERY_INPUT) graph = chooseMode(graph, id, String(value));
      const node = target.input === EVERY_INPUT ? undefined : graph[id];
      if (node) node.inputs[target.input] = pictures[name] ?? value;
    }
  }
  for (const [id, node] of Object.entries(graph))
    if ('filename_prefix' in node.inputs)
      node.inputs['filename_prefix'] = `${prefix}/${id.replace(/\W/g, '_')}`;
  return graph;
}
