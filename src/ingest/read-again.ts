import type { Catalogue } from './catalogue.ts';
import { PRIORITY, type Queue } from './queue.ts';
import { DOCUMENT_JOB } from './worker.ts';

export type ReadAgain = ReturnType<typeof createReadAgain>;

/** Has a document made again, from the text that is kept where its content is the same; `priority` as in the queue. */
export function createReadAgain({ catalogue, queue }: { catalogue: Catalogue; queue: Queue }) {
  return async (
    id: string,
    { priority = PRIORITY.again, ...more }: { collection?: string; priority?: number } = {},
  ) => {
    await catalogue.change(id, (connection) => {
      catalogue.set(connection, id, { ...more, state: 'waiting', recipe: null });
      queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id, priority });
    });
    queue.wake();
  };
}
