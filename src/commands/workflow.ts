import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { stringify } from 'yaml';
import { parseWorkerAddress } from '../comfy/address.ts';
import { checkWorkflow, graphAgainst } from '../comfy/check.ts';
import { CLIENT_TIMES, createClient } from '../comfy/client.ts';
import { jsonOf, parseGraph } from '../comfy/graph.ts';
import { Entry, readWorkflows, toWorkflow } from '../comfy/manifest.ts';
import { proposeInputs, proposeModels } from '../comfy/propose.ts';
import { convertUiGraph } from '../comfy/ui-convert.ts';
import { LimnerError, systemCode } from '../errors.ts';
import type { Context } from '../command-line.ts';

const LOOK_MS = 60_000;
const NOTHING = { vram_min_gb: 0, models: [] };

/**
 * `add FILE` prints a manifest entry proposed from a graph, `convert FILE` turns what the editor saves into API format,
 * `check` tells what each worker lacks.
 */
export async function workflow(context: Context): Promise<number> {
  const [action, file] = context.args;
  if (action === 'add' && file !== undefined) return add(file);
  if (action === 'convert' && file !== undefined) return convert(file, context);
  if (action === 'check') return check(context);
  process.stderr.write(
    'usage: limner workflow add FILE | limner workflow convert FILE | limner workflow check\n',
  );
  return 2;
}

async function add(path: string): Promise<number> {
  const file = basename(path);
  const graph = parseGraph(await readText(path), file);
  const name = file
    .replace(/\.json$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const proposed = {
    name: name || 'workflow',
    file,
    description: '',
    inputs: proposeInputs(graph),
    requires: { vram_min_gb: 0, models: proposeModels(graph) },
  };
  // What is printed has to be what the service takes.
  toWorkflow(Entry.parse(proposed), graph);
  process.stdout.write(`# Look at it, then put it under "workflows:" in manifest.yml, beside ${file}.\n`);
  process.stdout.write(stringify([proposed], { flowCollectionPadding: false }));
  return 0;
}

async function convert(path: string, { config, log }: Context): Promise<number> {
  const [address] = config.comfy.workers;
  if (address === undefined)
    throw new LimnerError('image_unavailable', 'Set COMFYUI_URL: the definitions of its nodes are needed.');
  const file = basename(path);
  const saved = jsonOf(await readText(path), file);
  const client = createClient(parseWorkerAddress(address), CLIENT_TIMES, log);
  try {
    const { classes } = await client.look(AbortSignal.timeout(LOOK_MS));
    const graph = convertUiGraph(saved, classes, file);
    const problems = graphAgainst(graph, classes, { inputs: {}, requires: NOTHING });
    for (const problem of problems) process.stderr.write(`limner: look at ${problem}\n`);
    process.stdout.write(`${JSON.stringify(graph, undefined, 2)}\n`);
    return problems.length > 0 ? 1 : 0;
  } finally {
    client.close();
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new LimnerError('not_found', `${path} cannot be read.`, { cause: error });
  }
}

async function check({ config, log }: Context): Promise<number> {
  const workflows = await readWorkflows(config.comfy.workflows);
  if (config.comfy.workers.length === 0) {
    process.stdout.write(
      `${workflows.length} workflows can be read. Set COMFYUI_URL to check them against it.\n`,
    );
    return 0;
  }
  let isGood = true;
  for (const address of config.comfy.workers) {
    const client = createClient(parseWorkerAddress(address), CLIENT_TIMES, log);
    try {
      const facts = await client.look(AbortSignal.timeout(LOOK_MS));
      process.stdout.write(`${client.url} (ComfyUI ${facts.version ?? 'of unknown version'})\n`);
      for (const one of workflows) {
        const { state, lacks } = checkWorkflow(one, facts);
        isGood &&= state === 'ready';
        process.stdout.write(
          `  ${one.name.padEnd(24)} ${state === 'ready' ? 'ready' : `lacks ${lacks.join('; ')}`}\n`,
        );
      }
    } finally {
      client.close();
    }
  }
  return isGood ? 0 : 1;
}
