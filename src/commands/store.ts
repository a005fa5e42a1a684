import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DatabaseSync } from 'node:sqlite';
import type { Config } from '../config.ts';
import { z } from 'zod';
import { StatusAnswer } from '../api/service-shapes.ts';
import { LimnerError } from '../errors.ts';
import type { Context } from '../command-line.ts';
import { lockFolder, openDatabase, type Database } from '../sqlite.ts';
import {
  beginAnew,
  createStore,
  forgetOld,
  kindInForce,
  openMovable,
  putInForce,
  type StoreKind,
} from '../store/create-store.ts';
import { copyStore } from '../store/move.ts';
import { openService, runningService } from './service.ts';

const USAGE = `usage: limner store                              which store has the passages, and how it is
       limner store move --to qdrant|embedded    copy everything there, compare, and use it from now on
       limner store forget-old                   remove what was copied from
       limner store reset                        the collection in Qdrant is lost: read every document anew
`;

/** What changes something works on the data folder itself, so that the service has to be stopped. */
export async function store(context: Context): Promise<number> {
  const { config, args } = context;
  const [what, ...rest] = args;
  if (what === undefined) return show(config);
  if (what === 'move') return withDatabase(config, (database) => move(config, database, targetIn(rest)));
  if (what === 'forget-old') {
    const code = await withDatabase(config, (database) => forget(config, database));
    return code === 0 ? shrink(config) : code;
  }
  if (what === 'reset') return reset(context);
  process.stderr.write(USAGE);
  return 2;
}

async function withDatabase<T>(
  config: Config,
  work: (database: Database, config: Config) => Promise<T>,
): Promise<T> {
  await mkdir(config.data, { recursive: true });
  const unlock = lockFolder(config.data);
  const database = openDatabase(fileOf(config));
  try {
    return await work(database, config);
  } finally {
    await database.close();
    unlock();
  }
}

const fileOf = (config: Config): string => join(config.data, 'limner.sqlite');

const Told = StatusAnswer.pick({ store: true, chunks: true, vectors: true });

/** As the running service says, else from the data folder. */
async function told(config: Config): Promise<z.infer<typeof Told>> {
  const service = await runningService(config);
  if (service) return service.call(z.looseObject(Told.shape), 'GET', '/api/status');
  return withDatabase(config, async (database) => {
    const store = await (await createStore(config, database)).state();
    return { store, chunks: store.chunks, vectors: store.vectors };
  });
}

async function show(config: Config): Promise<number> {
  const { store: state, chunks, vectors } = await told(config);
  const { kind, state: how, url, version, collection, message } = state;
  const where = url === undefined ? '' : ` ${url}, collection ${collection}, version ${version ?? 'unknown'}`;
  process.stdout.write(
    `${kind}${where}: ${how}\n${chunks ?? '?'} passages, ${vectors ?? '?'} with a vector\n`,
  );
  if (message !== null) process.stdout.write(`${message}\n`);
  return how === 'ready' ? 0 : 1;
}

function targetIn(args: string[]): StoreKind {
  const { to } = parseArgs({ args, options: { to: { type: 'string' } } }).values;
  if (to === 'qdrant' || to === 'embedded') return to;
  throw new LimnerError('invalid_request', 'Say where to: limner store move --to qdrant, or --to embedded.');
}

async function move(config: Config, database: Database, target: StoreKind): Promise<number> {
  const source = kindInForce(config, database);
  if (source === target) {
    process.stdout.write(`The passages are in the ${target} store already.\n`);
    return 0;
  }
  const from = await openMovable(source, config, database);
  const to = await openMovable(target, config, database);
  const moved = await copyStore(from, to, progress());
  await putInForce(database, target);
  process.stdout.write(
    `${moved.documents} documents with ${moved.chunks} passages and ${moved.vectors} vectors are in the ${target} store, ` +
      `which is in force (${moved.written} documents were copied now; ${moved.compared.chunks} passages and ` +
      `${moved.compared.vectors} vectors were compared).\nThe ${source} store keeps its copy until \`limner store forget-old\`.\n`,
  );
  return 0;
}

/** A line a second, for those who watch. */
function progress(): (progress: { documents?: number; vectors?: number }) => void {
  let last = performance.now();
  return (now) => {
    if (performance.now() - last < 1000) return;
    last = performance.now();
    const [[what, count] = ['', 0]] = Object.entries(now);
    process.stderr.write(`${count} ${what}\n`);
  };
}

async function forget(config: Config, database: Database): Promise<number> {
  const kind = kindInForce(config, database);
  const old = kind === 'qdrant' ? 'embedded' : 'qdrant';
  await forgetOld(old, config, database);
  process.stdout.write(`The ${old} store is empty; the passages are in the ${kind} store.\n`);
  return 0;
}

const Documents = z.object({
  data: z.array(z.object({ id: z.string() })),
  next_cursor: z.string().nullable(),
});

/** Texts are kept, so that most documents are only cut and stored again; their vectors are made anew. */
async function reset(context: Context): Promise<number> {
  await withDatabase(context.config, (database, config) => beginAnew(config, database));
  const service = await openService(context);
  try {
    let count = 0;
    for (let cursor: string | null = ''; cursor !== null;) {
      const path = `/api/documents?status=searchable&limit=500${cursor && `&cursor=${cursor}`}`;
      const page: z.infer<typeof Documents> = await service.call(Documents, 'GET', path);
      for (const { id } of page.data)
        await service.call(z.unknown(), 'POST', `/api/documents/${id}/reindex`, {});
      count += page.data.length;
      cursor = page.next_cursor;
    }
    process.stdout.write(`${count} documents are read anew when the service runs.\n`);
    return 0;
  } finally {
    await service.close();
  }
}

/** Gives the pages that nothing uses any more back to the disk. */
async function shrink(config: Config): Promise<number> {
  const unlock = lockFolder(config.data);
  try {
    const before = (await stat(fileOf(config))).size;
    const database = new DatabaseSync(fileOf(config));
    database.exec('vacuum; pragma wal_checkpoint(truncate)');
    database.close();
    const freed = before - (await stat(fileOf(config))).size;
    process.stdout.write(`${Math.max(0, freed / 1e6).toFixed(1)} MB of the data folder are free again.\n`);
    return 0;
  } finally {
    unlock();
  }
}
