import { parseArgs } from 'node:util';
import { readWorkflows } from '../comfy/manifest.ts';
import { fetchModel } from '../comfy/model-files.ts';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';

const HOSTS = ['huggingface.co', 'hf.co'];
const USAGE =
  'usage: limner worker fetch-models --folder PATH_TO_COMFYUI/models [--allow HOST,...] [--allow-unverified] [WORKFLOW...]\n';

/** Run on the worker itself: brings the models that the manifest names into ComfyUI's folders. */
export async function worker({ config, args }: Context): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      folder: { type: 'string' },
      allow: { type: 'string' },
      'allow-unverified': { type: 'boolean', default: false },
    },
  });
  const [action, ...names] = positionals;
  if (action !== 'fetch-models' || values.folder === undefined) {
    process.stderr.write(USAGE);
    return 2;
  }
  const hosts = [...HOSTS, ...(values.allow?.split(',') ?? [])];
  const workflows = await readWorkflows(config.comfy.workflows);
  const unknown = names.find((name) => !workflows.some((one) => one.name === name));
  if (unknown !== undefined) throw new LimnerError('not_found', `There is no workflow ${unknown}.`);
  const wanted = workflows.filter(({ name }) => names.length === 0 || names.includes(name));
  const models = new Map(
    wanted.flatMap(({ requires }) =>
      requires.models.map((one) => [`${one.folder}/${one.name}`, one] as const),
    ),
  );
  let isWhole = true;
  for (const [name, model] of models) {
    const isThere = await bring(name, () =>
      fetchModel(
        model,
        {
          folder: values.folder ?? '',
          hosts,
          allowUnverified: values['allow-unverified'],
          onProgress: reporter(name),
        },
        AbortSignal.timeout(DAY_MS),
      ),
    );
    isWhole &&= isThere;
  }
  return isWhole ? 0 : 1;
}

const DAY_MS = 24 * 3_600_000;

async function bring(name: string, action: () => Promise<string>): Promise<boolean> {
  try {
    process.stdout.write(`${name}: ${await action()}\n`);
    return true;
  } catch (error) {
    if (!(error instanceof LimnerError)) throw error;
    process.stdout.write(`${name}: ${error.message}\n`);
    return false;
  }
}

/** One line per tenth. */
function reporter(name: string) {
  let told = 0;
  return (bytes: number, total: number | undefined): void => {
    const tenth = total === undefined ? 0 : Math.floor((10 * bytes) / total);
    if (tenth <= told) return;
    told = tenth;
    process.stdout.write(`${name}: ${tenth * 10} %\n`);
  };
}
