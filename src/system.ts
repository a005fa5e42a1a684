import type { EventEmitter } from 'node:events';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finished, System } from './api/system.ts';
import { readVersion } from './api/version.ts';

export interface SystemOptions {
  /** The data folder. */
  data: string;
  minFreeBytes: number;
}

export interface SystemParts {
  /** Totals of the readers since the start. */
  speed: () => { documents: number; bytes: number; width: number };
  /** Tells of every change of a job that makes pictures. */
  pictures: EventEmitter<{ change: [job: { state: string }] }>;
}

/** Parts of the data folder that grow. */
const FOLDERS = ['media', 'figures', 'uploads', 'spool'] as const;
const RECOUNT_MS = 60_000;
const SAMPLE_MS = 10_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The process and its disk, for `GET /api/system`. Throughput is told by samples that are taken from `start` on. */
export function createSystem({ data, minFreeBytes }: SystemOptions, parts: SystemParts) {
  const version = readVersion();
  const startedAt = new Date().toISOString();
  let pictures = 0;
  const countUsed = createCount(data);
  const totals = (): Finished => {
    const { documents, bytes } = parts.speed();
    return { documents, bytes, pictures };
  };
  const samples = [{ at: performance.now(), totals: totals() }];
  let timer: NodeJS.Timeout | undefined;

  function sample(): void {
    const at = performance.now();
    samples.push({ at, totals: totals() });
    while (samples.length > 1 && at - (samples[1]?.at ?? at) > HOUR_MS) samples.shift();
  }

  function since(ms: number): Finished {
    const from = samples.findLast(({ at }) => performance.now() - at >= ms) ?? samples[0];
    const now = totals();
    const before = from?.totals ?? now;
    return {
      documents: now.documents - before.documents,
      bytes: now.bytes - before.bytes,
      pictures: now.pictures - before.pictures,
    };
  }

  const onPicture = ({ state }: { state: string }): void => {
    if (state === 'done') pictures++;
  };

  return {
    start(): void {
      parts.pictures.on('change', onPicture);
      timer = setInterval(sample, SAMPLE_MS).unref();
    },
    close(): void {
      parts.pictures.off('change', onPicture);
      clearInterval(timer);
    },

    async read(): Promise<System> {
      const { bavail, blocks, bsize } = await statfs(data);
      return {
        version,
        started_at: startedAt,
        memory_bytes: process.memoryUsage.rss(),
        disk: {
          free_bytes: bavail * bsize,
          size_bytes: blocks * bsize,
          reserved_bytes: minFreeBytes,
          used: await countUsed(),
        },
        throughput: {
          last_minute: since(MINUTE_MS),
          last_hour: since(HOUR_MS),
          readers: parts.speed().width,
        },
      };
    },
  };
}

/** Looking through the data folder takes a moment when it is large, so that the result is kept for a while. */
function createCount(data: string): () => Promise<Record<string, number>> {
  let counted: Promise<Record<string, number>> | undefined;
  let at = -Infinity;
  return () => {
    if (counted && performance.now() - at < RECOUNT_MS) return counted;
    at = performance.now();
    counted = count(data);
    return counted;
  };
}

async function count(data: string): Promise<Record<string, number>> {
  const database = await bytesOf(data, { recursive: false });
  const folders = await Promise.all(
    FOLDERS.map(async (name) => [name, await bytesOf(join(data, name), { recursive: true })] as const),
  );
  return { database, ...Object.fromEntries(folders) };
}

/** A file or folder that goes away meanwhile takes no space. */
async function bytesOf(folder: string, options: { recursive: boolean }): Promise<number> {
  const entries = await readdir(folder, { ...options, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) if (entry.isFile()) bytes += await sizeOf(join(entry.parentPath, entry.name));
  return bytes;
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => ({ size: 0 }))).size;
