import { z } from 'zod';
import { LimnerError } from '../errors.ts';
import { freshId, linkOf, type Graph, type Link } from './graph.ts';

export const Loras = z
  .array(
    z.strictObject({ name: z.string().min(1).max(300), strength: z.number().min(-10).max(10).default(1) }),
  )
  .max(10);
export type Loras = z.infer<typeof Loras>;

/** What gives a model and maybe a text encoder to the rest of a graph, with the slots it gives them at. */
const LOADERS: Record<string, { model: number; clip?: number }> = {
  CheckpointLoaderSimple: { model: 0, clip: 1 },
  CheckpointLoader: { model: 0, clip: 1 },
  UNETLoader: { model: 0 },
  UnetLoaderGGUF: { model: 0 },
};

/**
 * Puts LoRA loaders between the graph's one model loader and everything that uses it.
 * @throws LimnerError `invalid_request` when the worker lacks a LoRA, `workflow_invalid` when there is no place.
 */
export function insertLoras(graph: Graph, loras: Loras, installed: readonly string[]): Graph {
  if (loras.length === 0) return graph;
  const loaders = Object.entries(graph).filter(([, { class_type }]) => class_type in LOADERS);
  const [base] = loaders;
  if (!base || loaders.length > 1)
    throw new LimnerError('workflow_invalid', 'LoRAs need a workflow with exactly one model loader.');
  const slots = LOADERS[base[1].class_type] ?? { model: 0 };
  const result = structuredClone(graph);
  let model: Link = [base[0], slots.model];
  let clip: Link | undefined = slots.clip === undefined ? undefined : [base[0], slots.clip];
  const consumers = Object.keys(graph);
  for (const { name, strength } of loras) {
    const id = freshId(result);
    const common = { model, lora_name: spelled(name, installed), strength_model: strength };
    result[id] = clip
      ? { class_type: 'LoraLoader', inputs: { ...common, clip, strength_clip: strength } }
      : { class_type: 'LoraLoaderModelOnly', inputs: common };
    model = [id, 0];
    if (clip) clip = [id, 1];
  }
  for (const id of consumers) {
    repoint(result, id, [base[0], slots.model], model);
    if (clip && slots.clip !== undefined) repoint(result, id, [base[0], slots.clip], clip);
  }
  return result;
}

function repoint(graph: Graph, id: string, from: Link, to: Link): void {
  const node = graph[id];
  if (!node) return;
  for (const [name, value] of Object.entries(node.inputs)) {
    const link = linkOf(value);
    if (link && link[0] === from[0] && link[1] === from[1]) node.inputs[name] = to;
  }
}

/** The worker's own spelling: its path separator is that of its system. */
function spelled(name: string, installed: readonly string[]): string {
  const found = spellingOf(name, installed);
  if (found !== undefined) return found;
  throw new LimnerError('invalid_request', `inputs.loras: no worker has the LoRA ${name}.`, {
    param: 'inputs.loras',
  });
}

function spellingOf(name: string, installed: readonly string[]): string | undefined {
  return (
    installed.find((one) => plain(one) === plain(name)) ??
    installed.find((one) => plain(one) === `${plain(name)}.safetensors`)
  );
}

/** The first LoRA that the worker lacks. */
export function missingLora(loras: Loras, installed: readonly string[]): string | undefined {
  return loras.find(({ name }) => spellingOf(name, installed) === undefined)?.name;
}

function plain(path: string): string {
  return path.replaceAll('\\', '/');
}
