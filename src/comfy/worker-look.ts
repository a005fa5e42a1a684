import { z } from 'zod';
import type { Http } from './http.ts';
import { Features, ObjectInfo, SystemStats } from './wire.ts';

/** What a worker has, as it said last. */
export interface WorkerFacts {
  version: string | undefined;
  /** Of the largest card, in bytes; undefined where there is none. */
  vramBytes: number | undefined;
  devices: string[];
  classes: ObjectInfo;
  /** Names by folder. */
  models: Record<string, string[]>;
  maxUploadBytes: number;
}

const Names = z.array(z.string());
const DEFAULT_UPLOAD = 100 * 1024 * 1024;
/** Folders that hold no models. */
const NO_MODELS: ReadonlySet<string> = new Set(['configs', 'custom_nodes', 'datasets']);

/** Asks a worker for everything that placing a job needs. */
export async function lookAtWorker(http: Http, signal: AbortSignal): Promise<WorkerFacts> {
  const stats = await http.json(SystemStats, '/api/system_stats', { signal });
  const [classes, models, maxUploadBytes] = await Promise.all([
    http.json(ObjectInfo, '/api/object_info', { signal, timeoutMs: 60_000 }),
    readModels(http, signal),
    readUploadLimit(http, signal),
  ]);
  const cards = stats.devices.filter(({ type }) => type !== 'cpu');
  return {
    version: stats.system.comfyui_version,
    vramBytes: cards.length === 0 ? undefined : Math.max(...cards.map(({ vram_total }) => vram_total)),
    devices: stats.devices.map(({ name }) => name),
    classes,
    models,
    maxUploadBytes,
  };
}

async function readModels(http: Http, signal: AbortSignal): Promise<Record<string, string[]>> {
  const folders = await http.json(Names, '/api/models', { signal });
  const wanted = folders.filter((folder) => !NO_MODELS.has(folder));
  const lists = await Promise.all(wanted.map((folder) => readFolder(http, folder, signal)));
  return Object.fromEntries(wanted.map((folder, at) => [folder, lists[at] ?? []]));
}

async function readFolder(http: Http, folder: string, signal: AbortSignal): Promise<string[]> {
  const reply = await http.call(`/api/models/${encodeURIComponent(folder)}`, { signal });
  return Names.catch([]).parse(reply.body);
}

async function readUploadLimit(http: Http, signal: AbortSignal): Promise<number> {
  const reply = await http.call('/api/features', { signal });
  const parsed = Features.safeParse(reply.body);
  return (parsed.success && parsed.data.max_upload_size) || DEFAULT_UPLOAD;
}
