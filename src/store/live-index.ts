import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLog } from '../log.ts';
import type { Connection, Database } from '../sqlite.ts';
import { createBatches } from './batches.ts';
import { createChunkIndex, type ChunkIndex, type IndexChange } from './chunk-index.ts';
import { TERMS_FORMAT } from './chunk-terms.ts';
import { ENGLISH, type Language } from './language.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { coveredChunks, forgetPages, requireFormat, restorePages, restoreVectors } from './kept-pages.ts';
import type { IndexThreads } from './index-threads.ts';
import { hasTerm, type Page } from './page.ts';
import { createTidy } from './tidy.ts';
import { toVector } from './similarities.ts';

/** Rows read between two turns of the event loop. */
const LOAD_CHUNKS = 16;
const LOAD_DOCUMENTS = 1000;
const LOAD_VECTORS = 64;

/** The index of the store's chunks, in line with the rows. It is read when it is first asked for. */
export interface LiveIndex {
  /** Resolves when the rows that were there are in the index; from then on it follows by `publish`. */
  open(): Promise<void>;
  /** Shows searches a change whose rows are committed. */
  publish(change: IndexChange): Promise<void>;
  /** Resolves when the vectors of `model` that were there are in the index. */
  openVectors(model: string): Promise<void>;
  /** They are read again when they are asked for. */
  forgetVectors(): void;
  /** The model whose vectors are in the index or on their way. */
  model(): string | undefined;
  /** The vectors' length; undefined while there are none. */
  dimensions(): number | undefined;
  pageCount: ChunkIndex['pageCount'];
  changes: ChunkIndex['changes'];
  /** Whether a chunk has the term, or had it lately. */
  hasTerm(key: number): boolean;
  /** Makes sparse pages dense. Rejects when pages could not be kept, which makes the next start slower. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');

/** Pages of another language are made again, from the rows. */
function formatOf({ code }: Language): string {
  return code === ENGLISH.code ? TERMS_FORMAT : `${TERMS_FORMAT} ${code}`;
}

export function createLiveIndex(
  database: Database,
  threads: Pick<IndexThreads, 'oldest' | 'merge'>,
  language = ENGLISH,
  log = createLog({ level: 'error', secrets: [] }),
): LiveIndex {
  const { read } = database;
  const index = createChunkIndex(threads.oldest);
  const tidy = createTidy({ database, index, merge: threads.merge, log });
  let loading: Promise<void> | undefined;
  let loadingVectors: Promise<void> | undefined;

  async function load(): Promise<void> {
    await database.write((connection) => requireFormat(connection, formatOf(language)));
    await placeDocuments();
    await loadChunks(await loadPages());
    tidy.start();
  }

  async function placeDocuments(): Promise<void> {
    for (let after = -1; ; await nextTurn()) {
      const rows = read.all<{ number: number; collection: string }>(
        'select number, collection from entry where number > ? order by number limit ?',
        after,
        LOAD_DOCUMENTS,
      );
      index.publish({ placed: rows.map(({ number, collection }) => [number, collection] as const) });
      const last = rows.at(-1);
      if (!last) return;
      after = last.number;
    }
  }

  /** Gives the id of the last chunk that the kept pages cover. Pages that do not agree with the rows are thrown away. */
  async function loadPages(): Promise<number> {
    const { last, chunks } = coveredChunks(read);
    for (const page of restorePages(read, index)) {
      tidy.isKept(page);
      await nextTurn();
    }
    if (index.changes(Infinity)?.groups.chunks === chunks) return last;
    index.clear();
    tidy.forget();
    await database.write(forgetPages);
    await placeDocuments();
    return 0;
  }

  async function loadChunks(covered: number): Promise<void> {
    const batches = createBatches(language);
    for (let after = covered; ; await nextTurn()) {
      const rows = read.all<ChunkRow & { number: number; uri: string; title: string }>(
        `select ${COLUMNS}, e.number, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id
         where c.id > ? order by c.id limit ?`,
        after,
        LOAD_CHUNKS,
      );
      for (const row of rows) batches.add(row.id, row.number, { ...row, id: row.document_id }, toChunk(row));
      const last = rows.at(-1);
      if (!last) break;
      after = last.id;
    }
    index.publish({ added: batches.take() });
  }

  async function loadVectors(model: string): Promise<void> {
    for (const page of index.pages()) {
      if (index.model() !== model) return;
      if (restoreVectors(read, index, page, model)) tidy.hasKeptVectors(page);
      await loadMissing(page, model);
      await nextTurn();
    }
    tidy.wake();
  }

  /** The vectors of a page's chunks that it lacks, from their rows. */
  async function loadMissing(page: Page, model: string): Promise<void> {
    const missing = index.withoutVector(page);
    while (missing.length > 0 && index.model() === model) {
      const rows = read.all<{ id: number; data: Uint8Array }>(
        `select c.id, v.data from json_each(?) j cross join chunk c on c.id = j.value
         join vector v on v.embedding_key = c.embedding_key and v.model = c.model where c.model = ?`,
        JSON.stringify(missing.splice(0, LOAD_VECTORS)),
        model,
      );
      index.publish({ vectors: rows.map(({ id, data }) => ({ id, vector: toVector(data) })) });
      await nextTurn();
    }
  }

  const open = (): Promise<void> =>
    (loading ??= load().catch((error: unknown) => {
      index.clear();
      tidy.forget();
      loading = undefined;
      throw error;
    }));

  function forgetVectors(): void {
    loadingVectors = undefined;
    index.useVectors(undefined);
  }

  return {
    open,
    async publish(change) {
      await open();
      index.publish(change);
      tidy.wake();
    },
    async openVectors(model) {
      await open();
      if (index.model() !== model) {
        index.useVectors(model);
        loadingVectors = loadVectors(model);
      }
      try {
        await loadingVectors;
      } catch (error) {
        if (index.model() === model) forgetVectors();
        throw error;
      }
    },
    forgetVectors,
    model: index.model,
    dimensions: () => index.vectorSpace()?.dimensions,
    pageCount: index.pageCount,
    changes: index.changes,
    hasTerm: (key) => hasTerm(index.pages(), key),
    tidy: tidy.compact,
    close: tidy.close,
  };
}

/** Resolves when the rows are on the disk and `publish`, which is called as soon as they are committed, is done. */
export async function writeThrough<T>(
  database: Database,
  work: (connection: Connection) => T | Generator<void, T>,
  publish: (value: T) => Promise<void>,
): Promise<void> {
  let published: Promise<void> = Promise.resolve();
  await database.write(work, (value) => {
    published = publish(value);
    // It is met below, when the rows are on the disk.
    published.catch(() => undefined);
  });
  await published;
}
