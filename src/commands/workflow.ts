import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { parseWorkerAddress } from '../comfy/address.ts';
import { checkWorkflow, graphAgainst } from '../comfy/check.ts';
import { CLIENT_TIMES, createClient } from '../comfy/client.ts';
import { invalid, jsonOf, parseGraph, type Graph } from '../comfy/graph.ts';
import { Entry, readEveryWorkflow, toWorkflow, type Workflow } from '../comfy/manifest.ts';
import { proposeInputs, proposeModels } from '../comfy/propose.ts';
import { convertUiGraph } from '../comfy/ui-convert.ts';
import { UiGraph } from '../comfy/ui-graph.ts';
import { LimnerError, systemCode } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Context } from '../command-line.ts';

const LOOK_MS = 60_000;
const NOTHING = { vram_min_gb: 0, models: [] };

/**
 * `add FILE` prints a manifest entry proposed from a graph, which it turns into API format where it has to, `convert FILE` turns what the editor saves into API format,
 * `check` tells what each worker lacks.
 */
export async function workflow(context: Context): Promise<number> {
  const [action, file] = context.args;
  if (action === 'add' && file !== undefined) return add(file, context);
  if (action === 'convert' && file !== undefined) return convert(file, context);
  if (action === 'check') return check(context);
  process.stderr.write(
    'usage: limner workflow add FILE | limner workflow convert FILE | limner workflow check\n',
  );
  return 2;
}

async function add(path: string, context: Context): Promise<number> {
  const given = await readText(path);
  const isUi = UiGraph.safeParse(jsonOf(given, basename(path))).success;
  const file = isUi ? `${plainName(path)}-api.json` : basename(path);
  const { graph, problems } = isUi
    ? await fromUi(given, basename(path), context)
    : { graph: parseGraph(given, file), problems: [] };
  const proposed = {
    name: plainName(path),
    file,
    description: '',
    inputs: proposeInputs(graph),
    requires: { vram_min_gb: 0, models: proposeModels(graph) },
  };
  // What is printed has to be what the service takes.
  const entry = Entry.safeParse(proposed);
  if (!entry.success) throw invalid(file, 'rename it: letters, digits, hyphens and .json at the end');
  toWorkflow(entry.data, graph);
  if (isUi) await writeNew(join(dirname(path), file), toText(graph));
  process.stdout.write(`# Look at it, then put it under "workflows:" in manifest.yml, beside ${file}.\n`);
  process.stdout.write(stringify([proposed], { flowCollectionPadding: false }));
  return problems.length > 0 ? 1 : 0;
}

/** The name of a file in small letters, digits and hyphens. */
function plainName(path: string): string {
  const name = basename(path)
    .replace(/\.json$/, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return name.slice(0, 60) || 'workflow';
}

async function convert(path: string, context: Context): Promise<number> {
  const { graph, problems } = await fromUi(await readText(path), basename(path), context);
  process.stdout.write(toText(graph));
  return problems.length > 0 ? 1 : 0;
}

/** What the editor saved in API format, by the definitions of the first server; what is doubtful is told on stderr. */
async function fromUi(text: string, file: string, { config, log }: Context) {
  const [address] = config.comfy.workers;
  if (address === undefined)
    throw new LimnerError('image_unavailable', 'Set COMFYUI_URL: the definitions of its nodes are needed.');
  const saved = jsonOf(text, file);
  const client = createClient(parseWorkerAddress(address), CLIENT_TIMES, log);
  try {
    const { classes } = await client.look(AbortSignal.timeout(LOOK_MS));
    const graph = convertUiGraph(saved, classes, file);
    const problems = graphAgainst(graph, classes, { inputs: {}, requires: NOTHING });
    for (const problem of problems) process.stderr.write(`limner: look at ${problem}\n`);
    return { graph, problems };
  } finally {
    client.close();
  }
}

function toText(graph: Graph): string {
  return `${JSON.stringify(graph, undefined, 2)}\n`;
}

/** Never in place of a file that is there. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    throw new LimnerError('workflow_invalid', `${path} cannot be written, or is there already.`, {
      cause: error,
    });
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
  const { workflows, broken } = await readEveryWorkflow(config.comfy.workflows);
  for (const { message } of broken.values()) process.stdout.write(`${message}\n`);
  if (config.comfy.workers.length === 0)
    process.stdout.write(
      `${workflows.length} workflows can be read. Set COMFYUI_URL to check them against it.\n`,
    );
  let isGood = broken.size === 0;
  for (const address of config.comfy.workers) {
    const isReady = await checkOn(address, workflows, log);
    isGood &&= isReady;
  }
  return isGood ? 0 : 1;
}

async function checkOn(address: string, workflows: readonly Workflow[], log: Log): Promise<boolean> {
  const client = createClient(parseWorkerAddress(address), CLIENT_TIMES, log);
  try {
    const facts = await client.look(AbortSignal.timeout(LOOK_MS));
    process.stdout.write(`${client.url} (ComfyUI ${facts.version ?? 'of unknown version'})\n`);
    let isReady = true;
    for (const one of workflows) {
      const { state, lacks } = checkWorkflow(one, facts);
      isReady &&= state === 'ready';
      const said = state === 'ready' ? 'ready' : `lacks ${lacks.join('; ')}`;
      process.stdout.write(`  ${one.name.padEnd(24)} ${said}\n`);
    }
    return isReady;
  } catch (error) {
    if (!(error instanceof LimnerError)) throw error;
    process.stdout.write(`${error.message}\n`);
    return false;
  } finally {
    client.close();
  }
}
