import { Worker } from 'node:worker_threads';
import { LimnerError, messageOf } from '../errors.ts';
import type { IndexChanges } from './chunk-index.ts';
import type { Answer, SearchTask, Task } from './index-thread.ts';
import type { MovedSegment, Segment } from './segment.ts';
import type { SearchLists } from './store.ts';

/** New objects of a thread before they are looked through; 48 MB by default. */
const YOUNG_MB = 8;

/** A thread that had nothing to do for so long ends: a service that idles is small, and a new one takes 0.1 s. */
const IDLE_MS = 20_000;

interface Thread {
  worker: Worker;
  /** The revision of the index that it knows. */
  revision: number;
  /** What it does now. */
  task: Waiting | undefined;
  ending: NodeJS.Timeout | undefined;
}

interface Waiting {
  /** The task as it is when a thread is free for it, for one that knows this revision. */
  toTask: (thread: Thread) => Task;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

export interface IndexThreads {
  /** Undefined when a chunk that was found had gone before its row was read. Rejects with `store_unavailable` when its thread dies. */
  search(query: Omit<SearchTask, 'changes'>): Promise<SearchLists | undefined>;
  merge(moved: MovedSegment[]): Promise<Segment>;
  /** The oldest revision that a thread reads now, Infinity when all are idle. */
  oldest(): number;
  close(): Promise<void>;
}

/** Up to `size` threads, started when they are needed; each does one thing at a time, and what comes meanwhile waits. */
export function createIndexThreads(
  { path, size }: { path: string; size: number },
  { changes }: { changes: (since: number) => IndexChanges },
): IndexThreads {
  const threads: (Thread | undefined)[] = Array.from({ length: size }, () => undefined);
  const waiting: Waiting[] = [];

  function start(reader: number): Thread {
    const worker = new Worker(new URL('./index-thread.ts', import.meta.url), {
      workerData: { path, reader },
      // Rows and passages are read and sent; nothing of them is kept.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const thread: Thread = { worker, revision: 0, task: undefined, ending: undefined };
    worker.on('message', (answer: Answer) => {
      const { task } = thread;
      thread.task = undefined;
      rest(thread);
      if ('error' in answer) task?.reject(answer.error);
      else task?.resolve(answer);
      doNext();
    });
    worker.on('error', (error) => lose(reader, thread, error));
    worker.on('exit', () => lose(reader, thread, new Error('it ended')));
    threads[reader] = thread;
    return thread;
  }

  /** An idle thread keeps nobody from ending, and makes room when the rush is over. */
  function rest(thread: Thread): void {
    thread.worker.unref();
    thread.ending = setTimeout(() => {
      // At once, since ending takes a moment: a search that comes in it gets a thread that lives.
      threads[threads.indexOf(thread)] = undefined;
      void thread.worker.terminate();
    }, IDLE_MS).unref();
  }

  function lose(reader: number, thread: Thread, error: unknown): void {
    clearTimeout(thread.ending);
    if (threads[reader] === thread) threads[reader] = undefined;
    const message = `A thread of the index stopped: ${messageOf(error)}`;
    thread.task?.reject(new LimnerError('store_unavailable', message, { cause: error }));
    thread.task = undefined;
    doNext();
  }

  function doNext(): void {
    const idle = threads.findIndex((thread) => thread && !thread.task);
    const place = idle >= 0 ? idle : threads.indexOf(undefined);
    const next = place >= 0 ? waiting.shift() : undefined;
    if (!next) return;
    const thread = threads[place] ?? start(place);
    clearTimeout(thread.ending);
    thread.task = next;
    thread.worker.ref();
    thread.worker.postMessage(next.toTask(thread), []);
  }

  function ask(toTask: Waiting['toTask']): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    waiting.push({ toTask, resolve, reject });
    doNext();
    return promise;
  }

  return {
    async search(query) {
      const answer = await ask((thread) => {
        const known = changes(thread.revision);
        thread.revision = known.revision;
        return { search: { ...query, changes: known } };
      });
      return 'lists' in answer ? answer.lists : undefined;
    },
    async merge(moved) {
      const answer = await ask(() => ({ merge: moved }));
      if (!('segment' in answer)) throw new Error('A thread of the index answered something else.');
      return answer.segment;
    },
    oldest: () => Math.min(...threads.map((thread) => (thread?.task ? thread.revision : Infinity))),
    async close() {
      const closing = new LimnerError('store_unavailable', 'The store was closed.');
      for (const one of waiting.splice(0)) one.reject(closing);
      await Promise.all(threads.flatMap((thread) => (thread ? [thread.worker.terminate()] : [])));
    },
  };
}
