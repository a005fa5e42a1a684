import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { Passage } from '../document.ts';
import { openReading, type Connection } from '../sqlite.ts';
import type { IndexChanges } from './chunk-index.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { createIndexReader, type IndexReader } from './index-reader.ts';
import { mergeSegments, type MovedSegment, type Segment } from './segment.ts';
import type { SearchLists } from './store.ts';
import type { Found } from './top-list.ts';
import { toVector } from './vector-rows.ts';

/** A search as the owner of the index asks it of a thread, with what changed since the thread was asked last. */
export interface SearchTask {
  changes: IndexChanges;
  /** What the terms' keys are: `termKey`. */
  keys: number[];
  /** For each word that no chunk holds, the keys of the terms that may be meant. */
  likely: number[][];
  vector?: { model: string; values: Float32Array };
  collection?: string;
  documents?: readonly string[];
  limit: number;
}

export type Task = { search: SearchTask } | { merge: MovedSegment[] };

/** `undefined` lists: a chunk that was found has gone meanwhile, and the search has to be asked again. */
export type Answer = { lists: SearchLists | undefined } | { segment: Segment } | { error: unknown };

/** Candidates of the int8 scan that are scored again from their float32 rows. */
const rescored = (limit: number): number => Math.max(40, limit + 30);

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');

/** Does one task after another, with its own connection to the database. */
function serve(port: NonNullable<typeof parentPort>, path: string, reader: number): void {
  const read = openReading(path);
  const index = createIndexReader(reader);

  function answer(task: Task): Answer {
    if ('merge' in task) return { segment: mergeSegments(task.merge) };
    index.apply(task.search.changes);
    return { lists: search(read, index, task.search) };
  }

  port.on('message', (task: Task) => {
    try {
      port.postMessage(answer(task));
    } catch (error) {
      port.postMessage({ error } satisfies Answer);
    }
  });
}

/** Both lists, with rows of one state of the database; undefined when that lacks what the index has. */
function search(read: Connection, index: IndexReader, task: SearchTask): SearchLists | undefined {
  const { vector, collection, documents, limit } = task;
  const wanted = index.wantedOf(collection, documents && numbersOf(read, documents));
  const byKeywords = index.keywords(task, limit, wanted);
  const near = vector ? index.nearest(vector.values, rescored(limit), wanted) : [];
  read.run('begin');
  try {
    const byMeaning = vector && rescore(read, near, vector).slice(0, limit);
    const lists = {
      keyword: toPassages(read, byKeywords, 'keyword'),
      vector: toPassages(read, byMeaning ?? [], 'vector'),
    };
    const whole =
      lists.keyword.length === byKeywords.length && lists.vector.length === Math.min(near.length, limit);
    return whole ? lists : undefined;
  } finally {
    read.run('commit');
  }
}

function numbersOf(read: Connection, documents: readonly string[]): number[] {
  return read
    .all<{ number: number }>(
      'select number from entry where document_id in (select value from json_each(?))',
      JSON.stringify(documents),
    )
    .map(({ number }) => number);
}

/** The exact dot products with the float32 rows, best first; a chunk that is gone by now is left out. */
function rescore(
  read: Connection,
  found: readonly Found[],
  { model, values }: { model: string; values: Float32Array },
) {
  return found
    .flatMap(({ id }) => {
      const row = read.get<{ data: Uint8Array }>(
        `select v.data from chunk c join vector v on v.embedding_key = c.embedding_key and v.model = ?
         where c.id = ?`,
        model,
        id,
      );
      return row ? [{ id, score: dot(toVector(row.data), values) }] : [];
    })
    .sort((one, other) => other.score - one.score || one.id - other.id);
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}

function toPassages(read: Connection, found: readonly Found[], list: 'keyword' | 'vector'): Passage[] {
  return found.flatMap(({ id, score }, position) => {
    const row = read.get<ChunkRow & { uri: string; title: string }>(
      `select ${COLUMNS}, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id
       where c.id = ?`,
      id,
    );
    if (!row) return [];
    const document = { id: row.document_id, uri: row.uri, title: row.title, collection: row.collection };
    return [{ ...toChunk(row), document, score, ranks: { [list]: position + 1 } }];
  });
}

const { path, reader } = z.object({ path: z.string(), reader: z.int() }).parse(workerData);
if (parentPort) serve(parentPort, path, reader);
// A thread is ended from without, which keeps nothing.
flushCompileCache();
