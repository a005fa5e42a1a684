import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { openReading, type Connection } from '../sqlite.ts';
import type { IndexChanges } from './chunk-index.ts';
import {
  readHits,
  toRead,
  withoutFar,
  type FoundLists,
  type Hit,
  type QueryVector,
  type ReadTask,
} from './hits.ts';
import { createIndexReader, type IndexReader } from './index-reader.ts';
import { mergeSegments, type MovedSegment, type Segment } from './segment.ts';

/** The first half of a search: which chunks, by the index in memory. */
export interface FindTask {
  /** What changed since the thread was asked last. */
  changes: IndexChanges;
  /** What the terms' keys are: `termKey`. */
  keys: number[];
  /** For each word that no chunk holds, the keys of the terms that may be meant. */
  likely: number[][];
  vector?: QueryVector;
  /** Nobody shares the search: the rows are read at once. */
  isAlone: boolean;
  /** Threads that scan together count the pages here, one int32, so that each is scanned by one of them. */
  scanned: SharedArrayBuffer;
  collection?: string;
  documents?: readonly string[];
  /** How many of each list. */
  limits: { keyword: number; near: number };
}

export type Task = { find: FindTask } | { read: ReadTask } | { merge: MovedSegment[] };

/** `undefined` hits: a chunk that was found has gone meanwhile, and the search has to be asked again. */
export type Answer =
  | { found: FoundLists; hits?: Hit[] | undefined }
  | { hits: Hit[] | undefined }
  | { segment: Segment }
  | { error: unknown };

/** Said once, when the thread can begin. */
export type Greeting = { ready: true };

/** Does one task after another, with its own connection to the database. */
function serve(port: NonNullable<typeof parentPort>, path: string, reader: number): void {
  const read = openReading(path);
  const index = createIndexReader(reader);

  function answer(task: Task): Answer {
    if ('merge' in task) return { segment: mergeSegments(task.merge) };
    if ('read' in task) return { hits: readHits(read, task.read) };
    index.apply(task.find.changes);
    const found = find(read, index, task.find);
    return task.find.isAlone ? { found, hits: readAll(read, found, task.find) } : { found };
  }

  port.on('message', (task: Task) => {
    try {
      port.postMessage(answer(task));
    } catch (error) {
      port.postMessage({ error } satisfies Answer);
    }
  });
  port.postMessage({ ready: true } satisfies Greeting);
}

function find(read: Connection, index: IndexReader, task: FindTask): FoundLists {
  const { vector, scanned, collection, documents, limits } = task;
  const wanted = index.wantedOf(collection, documents && numbersOf(read, documents));
  const pages = new Int32Array(scanned);
  const next = (): number => Atomics.add(pages, 0, 1);
  return {
    keyword: index.keywords(task, limits.keyword, wanted),
    near: vector ? index.nearest(vector.values, limits.near, wanted, next) : [],
  };
}

function readAll(read: Connection, found: FoundLists, { vector, limits }: FindTask): Hit[] | undefined {
  const hits = readHits(read, toRead(found, vector));
  return hits && withoutFar(hits, found.keyword, limits.keyword);
}

function numbersOf(read: Connection, documents: readonly string[]): number[] {
  return read
    .all<{ number: number }>(
      'select number from entry where document_id in (select value from json_each(?))',
      JSON.stringify(documents),
    )
    .map(({ number }) => number);
}

const { path, reader } = z.object({ path: z.string(), reader: z.int() }).parse(workerData);
if (parentPort) serve(parentPort, path, reader);
// A thread is ended from without, which keeps nothing.
flushCompileCache();
