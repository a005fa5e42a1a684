import type { Database } from '../sqlite.ts';
import type { Catalogue } from './catalogue.ts';
import type { Pipeline } from './pipeline.ts';
import type { JobRow, Queue } from './queue.ts';
import { DOCUMENT_JOB, type Worker } from './worker.ts';

export interface Jobs {
  list(after: number, limit: number): JobRow[];
  get(id: number): JobRow | undefined;
  /** A job that waits for its next try is ready now. False when none of this id waits. */
  retryNow(id: number): Promise<boolean>;
  /** Ends a job that waits or runs; its document is `failed` with the code `cancelled`. False when there is none. */
  cancel(id: number): Promise<boolean>;
}

/** The queue as people see it. */
export function createJobs(parts: {
  database: Database;
  queue: Queue;
  catalogue: Catalogue;
  pipeline: Pick<Pipeline, 'cancel'>;
  worker: Pick<Worker, 'cancel'>;
}): Jobs {
  const { database, queue, catalogue, pipeline, worker } = parts;

  /** A job that nobody has claimed is taken away together with what its document becomes. */
  async function cancelWaiting(id: number): Promise<boolean> {
    const job = queue.get(id);
    if (!job || job.state === 'running') return false;
    const document = job.kind === DOCUMENT_JOB ? catalogue.get(job.key) : undefined;
    const outcome = document && (await pipeline.cancel(document));
    const taken = await database.write((connection) => {
      if (!queue.remove(connection, id)) return false;
      if (document && outcome) catalogue.set(connection, document.id, outcome);
      return true;
    });
    if (document) catalogue.announce(document.id);
    return taken;
  }

  return {
    cancel: async (id) => (await cancelWaiting(id)) || (await worker.cancel(id)) || (await cancelWaiting(id)),

    list: queue.list,
    get: queue.get,
    async retryNow(id) {
      const { changes } = await database.write((connection) =>
        connection.run(`update job set state = 'queued' where id = ? and state = 'waiting'`, id),
      );
      queue.wake();
      return changes === 1;
    },
  };
}
