import type { Database } from '../sqlite.ts';
import type { JobRow, Queue } from './queue.ts';

export interface Jobs {
  list(after: number, limit: number): JobRow[];
  /** A job that waits for its next try is ready now. False when none of this id waits. */
  retryNow(id: number): Promise<boolean>;
}

/** The queue as people see it. */
export function createJobs({ database, queue }: { database: Database; queue: Queue }): Jobs {
  return {
    list: queue.list,
    async retryNow(id) {
      const { changes } = await database.write((connection) =>
        connection.run(`update job set state = 'queued' where id = ? and state = 'waiting'`, id),
      );
      queue.wake();
      return changes === 1;
    },
  };
}
