import { Session } from 'node:inspector/promises';
import type { Database } from './sqlite.ts';

export interface RestOptions {
  /** How often it is looked whether the service rests. */
  lookMs: number;
}

/** A process that uses less than this share of one core rests. */
const RESTING = 0.1;

/** What the heap has to have grown by since the last time: a collection holds up the event loop for a moment. */
const WORTH_BYTES = 32 * 1024 * 1024;

/**
 * Gives memory back to the system when the work is done. V8 does so only in a full collection, and nothing starts one in a
 * process that makes no new objects: after a heap of files it would keep their garbage until the next, for ever if none
 * comes. Figures in docs/decisions/0080-memory-given-back.md.
 */
export function createRest({ lookMs }: RestOptions, database: Pick<Database, 'forgetPages'>) {
  let used = process.cpuUsage();
  let kept = 0;
  let timer: NodeJS.Timeout | undefined;

  function isResting(): boolean {
    const { user, system } = process.cpuUsage(used);
    used = process.cpuUsage();
    return (user + system) / 1000 < RESTING * lookMs;
  }

  async function look(): Promise<void> {
    if (!isResting() || process.memoryUsage().heapTotal < kept + WORTH_BYTES) return;
    database.forgetPages();
    await collectGarbage();
    kept = process.memoryUsage().heapTotal;
  }

  return {
    start(): void {
      timer = setInterval(() => void look(), lookMs).unref();
    },
    close(): void {
      clearInterval(timer);
    },
  };
}

/** A full collection, after which free pages go back to the system. */
async function collectGarbage(): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.collectGarbage');
  } finally {
    session.disconnect();
  }
}
