import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { openReading, type Connection } from '../sqlite.ts';
import type { IndexChanges } from './chunk-index.ts';
import { createIndexReader, type IndexHit, type IndexReader, type Wanted } from './index-reader.ts';
import { mergeSegments, type MovedSegment, type Segment } from './segment.ts';
import { abandonScan, joinScan, type SharedScan } from './shared-scan.ts';
import { similarities } from './similarities.ts';
import type { QueryVector } from './store.ts';

/** What every search says. */
export interface FindTask {
  /** What changed since the thread was asked last, if anything. */
  changes: IndexChanges | undefined;
  collection?: string;
  documents?: readonly string[];
  /** Length of the list. */
  limit: number;
}

export interface KeywordTask extends FindTask {
  /** What the terms' keys are: `termKey`. */
  keys: number[];
  /** For each word that no chunk holds, the keys of the terms that may be meant. */
  likely: number[][];
}

export interface NearTask extends FindTask {
  vector: QueryVector;
  /** With the other threads that look for the same. */
  scan: SharedScan;
}

export type Task = { keywords: KeywordTask } | { near: NearTask } | { merge: MovedSegment[] };

/** `undefined` hits: a chunk that was found has gone meanwhile, and the search has to be asked again. */
export type Answer = FindAnswer | { segment: Segment } | { error: unknown };

export interface FindAnswer {
  hits: IndexHit[] | undefined;
  /** How many threads have a part in what was found; 0 from one that came when all was done. */
  threads: number;
}

/** Said once, when the thread can begin. */
export type Greeting = { ready: true };

/** What a thread is started with: the database, and its number among the threads. */
export interface ThreadData {
  path: string;
  reader: number;
}

/**
 * Does one task after another, with its own connection to the database. Of what is imported here every thread has a copy: zod
 * would be 8 MB of each.
 */
function serve(port: NonNullable<typeof parentPort>, { path, reader }: ThreadData): void {
  const read = openReading(path);
  const index = createIndexReader(reader);

  function answer(task: Task): Answer {
    if ('merge' in task) return { segment: mergeSegments(task.merge) };
    if ('near' in task) return nearest(read, index, task.near);
    index.apply(task.keywords.changes);
    const found = index.keywords(task.keywords, task.keywords.limit, wantedOf(read, index, task.keywords));
    return { hits: found.map((one) => index.hitOf(one, one.score)), threads: 1 };
  }

  port.on('message', (task: Task) => {
    try {
      port.postMessage(answer(task));
    } catch (error) {
      if ('near' in task) abandonScan(task.near.scan);
      port.postMessage({ error } satisfies Answer);
    }
  });
  port.postMessage({ ready: true } satisfies Greeting);
}

/** This thread's share of what is near: candidates by bytes, told by their float32 rows. */
function nearest(read: Connection, index: IndexReader, task: NearTask): FindAnswer {
  const { vector, scan, limit, changes } = task;
  index.apply(changes);
  const wanted = wantedOf(read, index, task);
  const part = joinScan(scan, index.revision());
  if (!part) return { hits: [], threads: 0 };
  const { found, threads } = part.shareOfBest(index.nearest(vector.values, limit, wanted, part.nextPage));
  const ids = found.map(({ id }) => id);
  const scores = similarities(read, ids, vector);
  return { hits: scores && found.map((one, at) => index.hitOf(one, scores[at] ?? 0)), threads };
}

function wantedOf(read: Connection, index: IndexReader, { collection, documents }: FindTask): Wanted {
  return index.wantedOf(collection, documents && numbersOf(read, documents));
}

function numbersOf(read: Connection, documents: readonly string[]): number[] {
  return read
    .all<{ number: number }>(
      'select number from entry where document_id in (select value from json_each(?))',
      JSON.stringify(documents),
    )
    .map(({ number }) => number);
}

if (parentPort) serve(parentPort, workerData);
// A thread is ended from without, which keeps nothing.
flushCompileCache();
