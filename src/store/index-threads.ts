import { Worker } from 'node:worker_threads';
import { LimnerError, messageOf } from '../errors.ts';
import type { IndexChanges } from './chunk-index.ts';
import type { IndexHit } from './index-reader.ts';
import type {
  Answer,
  FindAnswer,
  Greeting,
  KeywordTask,
  NearTask,
  Task,
  ThreadData,
} from './index-thread.ts';
import type { MovedSegment, Segment } from './segment.ts';
import { abandonScan, createScan, type SharedScan } from './shared-scan.ts';

/** New objects of a thread before they are looked through; 48 MB by default. */
const YOUNG_MB = 8;

/** A thread that had nothing to do for so long ends: a service that idles is small, and a new one takes 0.1 s. */
const IDLE_MS = 20_000;

interface Thread {
  worker: Worker;
  /** It has read its code; one that has not may still be given a task, which waits. */
  isReady: boolean;
  /** The revision of the index that it knows. */
  revision: number;
  /** What it does now, and the scan that it shares with others. */
  task: Waiting | undefined;
  scan: SharedScan | undefined;
  /** What it does now is done in a moment: it looks for words. */
  isBrief: boolean;
  ending: NodeJS.Timeout | undefined;
}

interface Waiting {
  /** The task as it is when a thread is free for it, for one that knows this revision. */
  toTask: (thread: Thread) => Task;
  resolve: (answer: Answer) => void;
  reject: (error: unknown) => void;
}

/** Undefined when a chunk that was found has gone meanwhile. */
type Hits = Promise<IndexHit[] | undefined>;

/** Each rejects with `store_unavailable` when a thread dies. */
export interface IndexThreads {
  /** The list of the chunks with the words, best first. */
  keywords(query: Omit<KeywordTask, 'changes'>): Hits;
  /**
   * The nearest chunks, `limit` of them or some more, in no order, by the threads that have nothing else to do, up to `most` of
   * them; the vectors' pages are shared among them.
   */
  near(query: Omit<NearTask, 'changes' | 'scan'>, most: number): Hits;
  merge(moved: MovedSegment[]): Promise<Segment>;
  /** The oldest revision that a thread reads now, Infinity when all are idle. */
  oldest(): number;
  close(): Promise<void>;
}

/** Up to `size` threads, started when they are needed; each does one thing at a time, and what comes meanwhile waits. */
export function createIndexThreads(
  { path, size }: { path: string; size: number },
  { changes }: { changes: (since: number) => IndexChanges | undefined },
): IndexThreads {
  const threads: (Thread | undefined)[] = Array.from({ length: size }, () => undefined);
  const waiting: Waiting[] = [];

  function start(reader: number): Thread {
    const worker = new Worker(new URL('./index-thread.ts', import.meta.url), {
      workerData: { path, reader } satisfies ThreadData,
      // Rows and passages are read and sent; nothing of them is kept.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    const thread: Thread = {
      worker,
      isReady: false,
      revision: 0,
      task: undefined,
      scan: undefined,
      isBrief: false,
      ending: undefined,
    };
    worker.on('message', (answer: Answer | Greeting) => {
      if ('ready' in answer) {
        thread.isReady = true;
        return;
      }
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
    if (thread.scan) abandonScan(thread.scan);
    doNext();
  }

  /** The place of a thread that does the next thing, or -1: best one that has started, then one that is about to. */
  function freePlace(): number {
    const ready = threads.findIndex((thread) => thread?.isReady && !thread.task);
    if (ready >= 0) return ready;
    const idle = threads.findIndex((thread) => thread && !thread.task);
    return idle >= 0 ? idle : threads.indexOf(undefined);
  }

  function doNext(): void {
    const place = freePlace();
    const next = place >= 0 ? waiting.shift() : undefined;
    if (!next) return;
    const thread = threads[place] ?? start(place);
    clearTimeout(thread.ending);
    thread.task = next;
    thread.worker.ref();
    const task = next.toTask(thread);
    thread.scan = 'near' in task ? task.near.scan : undefined;
    thread.isBrief = 'keywords' in task;
    thread.worker.postMessage(task, []);
  }

  function ask(toTask: Waiting['toTask']): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    waiting.push({ toTask, resolve, reject });
    doNext();
    return promise;
  }

  /** What a thread has to learn before it searches. */
  function learn(thread: Thread): IndexChanges | undefined {
    const news = changes(thread.revision);
    if (news) thread.revision = news.revision;
    return news;
  }

  /** How many can begin now, or in a moment where nobody else waits for them; at least one and at most `most`. */
  function sharing(most: number): number {
    const isQuiet = waiting.length === 0;
    const ready = threads.filter(
      (thread) => thread?.isReady && (!thread.task || (isQuiet && thread.isBrief)),
    );
    return Math.max(1, Math.min(most, ready.length));
  }

  /** One more thread, for the next time, where more would have been of use. */
  function grow(): void {
    const place = threads.indexOf(undefined);
    if (place >= 0) rest(start(place));
  }

  return {
    async keywords(query) {
      const answer = await ask((thread) => ({ keywords: { ...query, changes: learn(thread) } }));
      return 'hits' in answer ? answer.hits : otherAnswer();
    },
    async near(query, most) {
      const count = sharing(most);
      const scan = createScan(count, query.limit);
      if (count < most) grow();
      return partsOf(
        Array.from({ length: count }, () =>
          ask((thread) => ({ near: { ...query, scan, changes: learn(thread) } })),
        ),
      );
    },
    async merge(moved) {
      const answer = await ask(() => ({ merge: moved }));
      return 'segment' in answer ? answer.segment : otherAnswer();
    },
    oldest: () => Math.min(...threads.map((thread) => (thread?.task ? thread.revision : Infinity))),
    async close() {
      const closing = new LimnerError('store_unavailable', 'The store was closed.');
      for (const one of waiting.splice(0)) one.reject(closing);
      await Promise.all(threads.flatMap((thread) => (thread ? [thread.worker.terminate()] : [])));
    },
  };
}

/** What the threads found together, as soon as all that had a part in it have answered. */
function partsOf(answers: readonly Promise<Answer>[]): Hits {
  const { promise, resolve, reject } = Promise.withResolvers<IndexHit[] | undefined>();
  const parts: FindAnswer['hits'][] = [];
  const take = (answer: Answer): void => {
    const { hits, threads } = 'hits' in answer ? answer : otherAnswer();
    if (threads === 0) return;
    parts.push(hits);
    if (parts.length === threads)
      resolve(parts.every((part) => part !== undefined) ? parts.flat() : undefined);
  };
  for (const answer of answers) answer.then(take).catch(reject);
  return promise;
}

function otherAnswer(): never {
  throw new Error('A thread of the index answered something else.');
}
