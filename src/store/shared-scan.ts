import type { Found } from './top-list.ts';

/** Int32 in the beginning of the shared memory, by their places. */
const NEXT_PAGE = 0;
const JOINED = 1;
const ARRIVED = 2;
const ABANDONED = 3;
const REVISION = 4;
const HEAD_BYTES = 24;

/** Stands in JOINED, above the count, when nobody may join any more. */
const CLOSED = 1 << 30;

/** Of each thing that is found: id, place and score as float64. */
const FOUND_BYTES = 24;

/** A thread that waits looks so often whether another has gone. */
const LOOK_MS = 1000;

/** A scan that threads do together, as many of them as have begun before the first is through. */
export interface SharedScan {
  memory: SharedArrayBuffer;
  /** How many are looked for. */
  limit: number;
}

/** A thread's part in it. */
export interface ScanPart {
  /** Numbers the pages, so that each is scanned by one thread. */
  nextPage(): number;
  /**
   * Tells the others what this thread found, waits for what they found, and gives a share of the best `limit` of all that is as
   * big as theirs, and how many they are. Throws when one of them has gone.
   */
  shareOfBest(found: readonly Found[]): { found: Found[]; threads: number };
}

/** A scan by up to so many threads. */
export function createScan(threads: number, limit: number): SharedScan {
  return { memory: new SharedArrayBuffer(HEAD_BYTES + threads * limit * FOUND_BYTES), limit };
}

/**
 * Undefined for a thread that comes when the pages are all taken: nobody waits for it; and for one that knows another
 * `revision` of the index (from 1) than the first, and so other pages.
 */
export function joinScan(scan: SharedScan, revision: number): ScanPart | undefined {
  const head = headOf(scan);
  const first = Atomics.compareExchange(head, REVISION, 0, revision);
  if (first !== 0 && first !== revision) return undefined;
  let joined = Atomics.load(head, JOINED);
  for (let seen = -1; seen !== joined;) {
    if ((joined & CLOSED) !== 0) return undefined;
    seen = joined;
    joined = Atomics.compareExchange(head, JOINED, seen, seen + 1);
  }
  return partOf(scan, joined);
}

function partOf(scan: SharedScan, at: number): ScanPart {
  const { limit } = scan;
  const head = headOf(scan);
  return {
    nextPage: () => Atomics.add(head, NEXT_PAGE, 1),
    shareOfBest(found) {
      const threads = Atomics.or(head, JOINED, CLOSED) & ~CLOSED;
      if (threads === 1) return { found: found.slice(0, limit), threads };
      writeList(scan, at, found);
      meet(head, threads);
      return { found: bestOf(scan, threads).filter((_, rank) => rank % threads === at), threads };
    },
  };
}

/** Lets those who wait go: a thread will not arrive. */
export function abandonScan(scan: SharedScan): void {
  const head = headOf(scan);
  Atomics.store(head, ABANDONED, 1);
  Atomics.notify(head, ARRIVED);
}

const headOf = ({ memory }: SharedScan): Int32Array => new Int32Array(memory, 0, HEAD_BYTES / 4);

const listsOf = ({ memory }: SharedScan): Float64Array => new Float64Array(memory, HEAD_BYTES);

const NONE: Found = { id: 0, place: 0, score: -Infinity };

function writeList(scan: SharedScan, at: number, found: readonly Found[]): void {
  const lists = listsOf(scan);
  for (let rank = 0; rank < scan.limit; rank++) {
    const { id, place, score } = found[rank] ?? NONE;
    lists.set([id, place, score], 3 * (at * scan.limit + rank));
  }
}

function bestOf(scan: SharedScan, threads: number): Found[] {
  const lists = listsOf(scan);
  return Array.from({ length: threads * scan.limit }, (_, one) => ({
    id: lists[3 * one] ?? 0,
    place: lists[3 * one + 1] ?? 0,
    score: lists[3 * one + 2] ?? -Infinity,
  }))
    .filter(({ score }) => score > -Infinity)
    .sort((one, other) => other.score - one.score || one.id - other.id)
    .slice(0, scan.limit);
}

function meet(head: Int32Array, threads: number): void {
  Atomics.add(head, ARRIVED, 1);
  Atomics.notify(head, ARRIVED);
  for (;;) {
    if (Atomics.load(head, ABANDONED) !== 0) throw new Error('A thread that scanned along has gone.');
    const arrived = Atomics.load(head, ARRIVED);
    if (arrived === threads) return;
    Atomics.wait(head, ARRIVED, arrived, LOOK_MS);
  }
}
