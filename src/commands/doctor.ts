import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { addressOf } from './service.ts';
import type { ModelState, ServerStatus } from '../models/model-state.ts';
import { createModels } from '../models/models.ts';
import { openDatabase } from '../sqlite.ts';
import { kindInForce, lookAtQdrant } from '../store/create-store.ts';
import type { QdrantOptions } from '../store/qdrant-server.ts';

/** One line of the report. `mend` says what to do when it is not well. */
interface Finding {
  level: 'ok' | 'note' | 'wrong';
  what: string;
  mend?: string;
}

const DATABASE = 'limner.sqlite';
const LEAST_FREE_BYTES = 1024 ** 3;
const Health = z.object({ status: z.literal('ok') });

/** Looks at everything the service needs or could use. Exit code 1 when something keeps it from working. */
export async function doctor(context: Context): Promise<number> {
  const findings = [
    nodeVersion(),
    await folder('data folder', context.config.data, constants.R_OK | constants.W_OK),
    await folder('inbox', context.config.inbox, constants.R_OK),
    ...(await freeSpace(context.config.data)),
    await port(context),
    ...(await storeInForce(context)),
    ...(await modelServers(context)),
  ];
  for (const { level, what, mend } of findings) {
    const sign = { ok: '✓', note: '·', wrong: '✗' }[level];
    process.stdout.write(`${sign} ${what}${mend === undefined ? '' : `\n    ${mend}`}\n`);
  }
  return findings.some(({ level }) => level === 'wrong') ? 1 : 0;
}

function nodeVersion(): Finding {
  const [major = 0] = process.versions.node.split('.').map(Number);
  if (major >= 24) return { level: 'ok', what: `Node ${process.versions.node}` };
  return {
    level: 'wrong',
    what: `Node ${process.versions.node}`,
    mend: 'Node 24 is needed: start with `npm start`, which brings it.',
  };
}

async function folder(name: string, path: string, mode: number): Promise<Finding> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, mode);
    return { level: 'ok', what: `${name} ${path}` };
  } catch (error) {
    return {
      level: 'wrong',
      what: `${name} ${path}: ${messageOf(error)}`,
      mend: 'Give the user that runs Limner access to it.',
    };
  }
}

/** Nothing where the folder cannot be made: that is told already. */
async function freeSpace(path: string): Promise<Finding[]> {
  if (!existsSync(path)) return [];
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const what = `${(free / 1024 ** 3).toFixed(1)} GiB free for the data folder`;
  if (free >= LEAST_FREE_BYTES) return [{ level: 'ok', what }];
  return [{ level: 'wrong', what, mend: 'Free some space, or point LIMNER_DATA at a larger disk.' }];
}

async function port({ config }: Context): Promise<Finding> {
  const address = addressOf(config);
  try {
    const response = await fetch(`${address}/healthz`, { signal: AbortSignal.timeout(2000) });
    const isLimner = Health.safeParse(await response.json().catch(() => undefined)).success;
    if (isLimner) return { level: 'ok', what: `the service answers at ${address}` };
    return {
      level: 'wrong',
      what: `something else answers at ${address}`,
      mend: 'Set LIMNER_PORT to a free port.',
    };
  } catch (error) {
    return {
      level: 'note',
      what: `the service is not running at ${address} (${messageOf(error)})`,
      mend: 'Start it with `npm start`.',
    };
  }
}

/** Asked beside a service that runs: nothing is made or changed, and a Qdrant that has passages is only looked at. */
async function storeInForce({ config }: Context): Promise<Finding[]> {
  if (!existsSync(join(config.data, DATABASE)))
    return config.qdrant ? [await qdrantServer(config.qdrant)] : [];
  const database = openDatabase(join(config.data, DATABASE));
  try {
    const kind = kindInForce(config, database);
    if (kind === 'embedded') {
      const what = 'the passages are in the data folder';
      if (!config.qdrant) return [{ level: 'ok', what }];
      const mend = 'QDRANT_URL is set: `limner store move --to qdrant` brings them there.';
      return [{ level: 'note', what, mend }, await qdrantServer(config.qdrant)];
    }
    if (config.qdrant) return [await qdrantServer(config.qdrant)];
    const mend = 'Set QDRANT_URL; the service does not start without it.';
    return [{ level: 'wrong', what: 'the passages are in Qdrant', mend }];
  } finally {
    await database.close();
  }
}

async function qdrantServer(options: QdrantOptions): Promise<Finding> {
  const name = `Qdrant at ${new URL(options.url).host}, collection ${options.collection}`;
  try {
    return { level: 'ok', what: `${name}: ${await lookAtQdrant(options)}` };
  } catch (error) {
    return {
      level: 'wrong',
      what: messageOf(error),
      mend: 'Start it, or mend QDRANT_URL and QDRANT_API_KEY; files wait, and searches fail, until then.',
    };
  }
}

async function modelServers({ config, log }: Context): Promise<Finding[]> {
  // Nothing is embedded here, so that it does not matter which model it would be.
  const models = createModels(config, {
    identify: async () => 'unidentified',
    // What it would warn of is told below.
    log: log.child({}, { level: 'error' }),
  });
  await models.check();
  const findings = Object.values(models.servers()).flatMap(serverFindings);
  await models.close();
  return findings;
}

function serverFindings(status: ServerStatus): Finding[] {
  const [name, setting] =
    status.kind === 'ollama' ? ['Ollama', 'OLLAMA_HOST'] : ['The model server', 'its setting'];
  if (!status.reachable)
    return [
      {
        level: 'note',
        what: `${name} does not answer at ${status.url}: search is by keywords, answers are quotes`,
        mend: `Start ${status.kind === 'ollama' ? name : 'it'} there, or set ${setting} to where it runs.`,
      },
    ];
  const found: Finding = { level: 'ok', what: `${name} ${status.version ?? ''} at ${status.url}` };
  const used = [status.embed, status.chat].filter(({ state }) => state !== 'unused');
  return [found, ...used.map((model) => modelFinding(model, status.kind))];
}

function modelFinding({ name, state, message }: ModelState, kind: ServerStatus['kind']): Finding {
  if (state === 'ready') return { level: 'ok', what: `model ${name}` };
  return {
    level: 'note',
    what: `model ${name}: ${message ?? state}`,
    mend:
      kind === 'ollama'
        ? `The service pulls it when it starts; or run \`ollama pull ${name}\`.`
        : 'Load it there, or name one that the server has in LIMNER_CHAT_MODEL or LIMNER_EMBED_MODEL.',
  };
}
