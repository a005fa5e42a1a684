import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { LimnerError, systemCode } from '../errors.ts';
import { invalid, parseGraph, reachable, titleOf, type Graph } from './graph.ts';

/** Which input of which node a value fills: by id, or by title or class where that names exactly one node. */
export const Target = z
  .strictObject({
    id: z.string().optional(),
    title: z.string().optional(),
    class: z.string().optional(),
    input: z.string().min(1),
  })
  .refine(({ id, title, class: kind }) => id ?? title ?? kind, 'needs an id, a title or a class');
export type Target = z.infer<typeof Target>;

export const INPUT_KINDS = [
  'text',
  'integer',
  'number',
  'boolean',
  'choice',
  'seed',
  'image',
  'mask',
  'lora',
] as const;

export const InputSpec = z.strictObject({
  kind: z.enum(INPUT_KINDS),
  description: z.string().optional(),
  required: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  /** The value must be a multiple of this. */
  step: z.number().positive().optional(),
  choices: z.array(z.string()).optional(),
  to: z.array(Target).default([]),
});
export type InputSpec = z.infer<typeof InputSpec>;

const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'use small letters, digits and hyphens');
const FileName = z
  .string()
  .regex(/^[\w][\w.-]*\.json$/, 'must be the name of a .json file beside the manifest');
/** Path below a model folder; it must not lead out of it. */
const ModelName = z
  .string()
  .min(1)
  .refine((name) => !name.split(/[\\/]/).includes('..') && !/^[\\/]|:/.test(name), 'must stay in its folder');

export const ModelFile = z.strictObject({
  folder: z.string().regex(/^\w+$/),
  name: ModelName,
  url: z.url({ protocol: /^https$/ }).optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  size: z.number().int().positive().optional(),
});
export type ModelFile = z.infer<typeof ModelFile>;

export const Entry = z.strictObject({
  name: Name,
  file: FileName,
  description: z.string().default(''),
  tags: z.array(z.string()).default([]),
  inputs: z.record(z.string().regex(/^[a-z][a-z0-9_]*$/), InputSpec).default({}),
  /** Nodes whose files are the result; left out: every node that saves. */
  outputs: z.array(z.strictObject({ id: z.string() })).default([]),
  /** The route of AUTOMATIC1111 that makes the same from inputs of the usual names. */
  automatic1111: z.enum(['txt2img', 'img2img']).optional(),
  timeout_seconds: z.number().positive().max(86_400).default(900),
  requires: z
    .strictObject({
      vram_min_gb: z.number().min(0).default(0),
      models: z.array(ModelFile).default([]),
    })
    .prefault({}),
});
export type Entry = z.infer<typeof Entry>;

const Manifest = z.strictObject({ workflows: z.array(z.unknown()) });
const Named = z.looseObject({ name: Name });

/** A workflow that is ready to take inputs: its entry and its graph. */
export interface Workflow extends Entry {
  graph: Graph;
  /** Classes of the nodes that run. */
  classes: string[];
}

/**
 * Reads `manifest.yml` and the files it names. Every input is checked to fill a node that is there.
 * @throws LimnerError `workflow_invalid` naming the workflow and what is wrong.
 */
export async function readWorkflows(folder: string): Promise<Workflow[]> {
  const { workflows, broken } = await readEveryWorkflow(folder);
  const [first] = broken.values();
  if (first) throw first;
  return workflows;
}

/** The same, where an entry or a file that cannot be used leaves the others usable. */
export async function readEveryWorkflow(
  folder: string,
): Promise<{ workflows: Workflow[]; broken: Map<string, LimnerError> }> {
  const text = await readOrNothing(join(folder, 'manifest.yml'));
  const { entries, broken } = parseManifest(text ?? 'workflows: []');
  const workflows: Workflow[] = [];
  for (const entry of entries)
    try {
      workflows.push(await readWorkflow(folder, entry));
    } catch (error) {
      if (!(error instanceof LimnerError)) throw error;
      broken.set(entry.name, error);
    }
  return { workflows, broken };
}

/**
 * The entries of a manifest, and by their names what is wrong with those that cannot be used.
 * @throws LimnerError `workflow_invalid` when it is no list of workflows at all.
 */
export function parseManifest(text: string): { entries: Entry[]; broken: Map<string, LimnerError> } {
  const manifest = Manifest.safeParse(yamlOf(text));
  if (!manifest.success) throw wrongAt(manifest.error, []);
  const entries = new Map<string, Entry>();
  const broken = new Map<string, LimnerError>();
  for (const [at, value] of manifest.data.workflows.entries()) {
    const name = Named.safeParse(value).data?.name ?? `number ${at + 1}`;
    const entry = Entry.safeParse(value);
    if (!entry.success) broken.set(name, wrongAt(entry.error, ['workflows', at]));
    else if (entries.has(name)) broken.set(name, invalid(name, 'the manifest has it twice'));
    else entries.set(name, entry.data);
  }
  return { entries: [...entries.values()], broken };
}

function wrongAt({ issues: [issue] }: z.ZodError, place: readonly PropertyKey[]): LimnerError {
  const path = [...place, ...(issue?.path ?? [])].map(String).join('.');
  return invalid('manifest.yml', `${path}: ${issue?.message ?? 'not valid'}`);
}

function yamlOf(text: string): unknown {
  try {
    return parseYaml(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    throw invalid('manifest.yml', `line ${error.linePos?.[0].line ?? '?'} is not YAML`);
  }
}

async function readWorkflow(folder: string, entry: Entry): Promise<Workflow> {
  const text = await readOrNothing(join(folder, basename(entry.file)));
  if (text === undefined) throw invalid(entry.name, `its file ${entry.file} is missing`);
  return toWorkflow(entry, parseGraph(text, entry.name));
}

/** Joins an entry with its graph, or says which input fills nothing. */
export function toWorkflow(entry: Entry, graph: Graph): Workflow {
  for (const [name, spec] of Object.entries(entry.inputs))
    for (const target of spec.to) findTarget(graph, target, `${entry.name}, input ${name}`);
  for (const { id } of entry.outputs)
    if (!graph[id]) throw invalid(entry.name, `its output ${id} is no node of the file`);
  const outputs = entry.outputs.map(({ id }) => id);
  const ids = outputs.length > 0 ? [...reachable(graph, outputs)] : Object.keys(graph);
  const classes = ids.map((id) => graph[id]?.class_type ?? '');
  return { ...entry, graph, classes: [...new Set(classes)].toSorted() };
}

/** The id of the one node that a target names. */
export function findTarget(graph: Graph, target: Target, where: string): string {
  const fits = Object.entries(graph).filter(
    ([id, node]) =>
      (target.id === undefined || target.id === id) &&
      (target.title === undefined || target.title === node._meta?.title) &&
      (target.class === undefined || target.class === node.class_type),
  );
  const [first, second] = fits;
  const wanted = [target.title, target.class, target.id].filter(Boolean).join(', ');
  if (!first) throw invalid(where, `no node is called ${wanted}`);
  if (second)
    throw invalid(
      where,
      `${titleOf(...first)} and ${titleOf(...second)} are both called ${wanted}; name the id`,
    );
  return first[0];
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
