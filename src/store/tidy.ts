import { setImmediate as nextTurn } from 'node:timers/promises';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../sqlite.ts';
import type { ChunkIndex } from './chunk-index.ts';
import { keepPage, keepVectors, replacePages } from './kept-pages.ts';
import { PAGE_SLOTS, type Page } from './page.ts';
import type { MovedSegment, Segment } from './segment.ts';

/** So many parts of about one size become one. */
const MERGED = 16;

/** A page with fewer chunks than this is put together with others. */
const SPARSE = PAGE_SLOTS / 2;

interface Parts {
  database: Database;
  index: ChunkIndex;
  /** Merges segments without keeping the event loop. */
  merge: (moved: MovedSegment[]) => Promise<Segment>;
  log: Pick<Log, 'error'>;
}

/** Keeps the index small and the next start short: merges the parts of pages, and writes full pages down. */
export function createTidy({ database, index, merge, log }: Parts) {
  const kept = new Set<number>();
  /** The model whose vectors were kept, by the page's number. */
  const keptVectors = new Map<number, string>();
  let started = false;
  let closed = false;
  let awake = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (awake && !closed) {
      awake = false;
      for (const page of index.pages()) {
        await mergeParts(page);
        if (!index.isOpen(page)) await keep(page);
      }
    }
  }

  async function mergeParts(page: Page): Promise<void> {
    for (;;) {
      const range = nextMerge(page, index.isOpen(page));
      if (!range || closed) return;
      const { base, moved } = index.mergeOf(page, ...range);
      index.putMerged(page, ...range, { base, segment: await merge(moved) });
    }
  }

  /** Pages are kept in their order: what follows the last kept one is read from its rows. */
  async function keep(page: Page): Promise<void> {
    if (closed) return;
    if (!kept.has(page.number)) {
      await database.write((connection) => keepPage(connection, page));
      kept.add(page.number);
    }
    const model = index.model();
    const vectors = index.vectorsOf(page);
    const complete = page.alive > 0 && page.embedded === page.alive;
    if (!complete || !model || !vectors || keptVectors.get(page.number) === model) return;
    await database.write((connection) => keepVectors(connection, page.number, { model, ...vectors }));
    keptVectors.set(page.number, model);
  }

  function wake(): void {
    awake = true;
    if (!started || closed) return;
    running ??= run()
      .catch(tell)
      .finally(() => (running = undefined));
  }

  /** Nobody waits for it, and searches go on as they are: it is told, and tried again with the next change. */
  function tell(error: unknown): void {
    const isStopped = closed && error instanceof LimnerError;
    if (!isStopped) log.error({ err: error }, 'tidying the search index failed; the next start is slower');
  }

  /** Chunks of sparse pages move together to new pages. */
  async function compact(): Promise<void> {
    await running;
    for (;;) {
      const sparse = sparsePages(index.pages().filter((page) => kept.has(page.number)));
      if (sparse.length === 0 || closed) break;
      const page = index.join(sparse);
      await database.write((connection) => replacePages(connection, sparse, page));
      for (const { number } of sparse) kept.delete(number);
      if (page) kept.add(page.number);
      await nextTurn();
    }
  }

  return {
    isKept: (page: Page): void => void kept.add(page.number),
    hasKeptVectors(page: Page): void {
      const model = index.model();
      if (model !== undefined) keptVectors.set(page.number, model);
    },
    forget(): void {
      kept.clear();
      keptVectors.clear();
    },
    start(): void {
      started = true;
      wake();
    },
    wake,
    compact,
    async close(): Promise<void> {
      closed = true;
      await running;
    },
  };
}

/** The neighbours to be merged next: all parts of a full page, else several of about one size. */
function nextMerge({ parts, used }: Page, open: boolean): [from: number, to: number] | undefined {
  if (!open) return parts.length > 1 ? [0, parts.length] : undefined;
  const tiers = parts.map(({ base }, at) => tierOf((parts[at + 1]?.base ?? used) - base));
  for (let from = 0; from + MERGED <= tiers.length; from++) {
    const to = tiers.findIndex((tier, at) => at > from && tier !== tiers[from]);
    const end = to < 0 ? tiers.length : to;
    if (end - from >= MERGED) return [from, end];
  }
  return undefined;
}

const tierOf = (slots: number): number => Math.floor(Math.log(slots) / Math.log(MERGED));

/** Pages that fit into one together; a single empty one as well. */
function sparsePages(pages: readonly Page[]): Page[] {
  const chosen: Page[] = [];
  let alive = 0;
  for (const page of pages) {
    if (page.alive >= SPARSE || alive + page.alive > PAGE_SLOTS) continue;
    chosen.push(page);
    alive += page.alive;
  }
  return chosen.length > 1 || alive === 0 ? chosen : [];
}
