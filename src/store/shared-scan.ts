import type { Found } from './top-list.ts';

/** Int32 in the beginning of the shared memory, by their places. */
const NEXT_PAGE = 0;
const ARRIVED = 1;
const ABANDONED = 2;
const HEAD_BYTES = 16;

/** Of each thing that is found: id, place and score as float64. */
const FOUND_BYTES = 24;

/** A thread that waits looks so often whether another has gone. */
const LOOK_MS = 1000;

/** A scan that threads do together, and one thread's part in it. */
export interface SharedScan {
  memory: SharedArrayBuffer;
  /** How many threads, and which of them this one is. */
  threads: number;
  at: number;
  /** How many are looked for. */
  limit: number;
}

/** The parts of a scan by so many threads. */
export function shareScan(threads: number, limit: number): SharedScan[] {
  const memory = new SharedArrayBuffer(HEAD_BYTES + threads * limit * FOUND_BYTES);
  return Array.from({ length: threads }, (_, at) => ({ memory, threads, at, limit }));
}

const headOf = ({ memory }: SharedScan): Int32Array => new Int32Array(memory, 0, HEAD_BYTES / 4);

/** Numbers the pages, so that each is scanned by one thread. */
export function nextPage(scan: SharedScan): number {
  return Atomics.add(headOf(scan), NEXT_PAGE, 1);
}

/**
 * Tells the others what this thread found, waits for what they found, and gives a share of the best `limit` of all that is as
 * big as theirs. Throws when one of them has gone.
 */
export function shareOfBest(scan: SharedScan, found: readonly Found[]): Found[] {
  const { threads, at, limit } = scan;
  if (threads === 1) return found.slice(0, limit);
  const lists = listsOf(scan);
  for (let rank = 0; rank < limit; rank++) {
    const { id, place, score } = found[rank] ?? NONE;
    lists.set([id, place, score], 3 * (at * limit + rank));
  }
  meet(scan);
  const all = Array.from({ length: threads * limit }, (_, one) => ({
    id: lists[3 * one] ?? 0,
    place: lists[3 * one + 1] ?? 0,
    score: lists[3 * one + 2] ?? -Infinity,
  }));
  return all
    .filter(({ score }) => score > -Infinity)
    .sort((one, other) => other.score - one.score || one.id - other.id)
    .slice(0, limit)
    .filter((_, rank) => rank % threads === at);
}

const NONE: Found = { id: 0, place: 0, score: -Infinity };

const listsOf = ({ memory, threads, limit }: SharedScan): Float64Array =>
  new Float64Array(memory, HEAD_BYTES, (threads * limit * FOUND_BYTES) / 8);

function meet(scan: SharedScan): void {
  const head = headOf(scan);
  Atomics.add(head, ARRIVED, 1);
  Atomics.notify(head, ARRIVED);
  for (;;) {
    if (Atomics.load(head, ABANDONED) !== 0) throw new Error('A thread that scanned along has gone.');
    const arrived = Atomics.load(head, ARRIVED);
    if (arrived === scan.threads) return;
    Atomics.wait(head, ARRIVED, arrived, LOOK_MS);
  }
}

/** Lets those who wait go: a thread will not arrive. */
export function abandonScan(scan: SharedScan): void {
  const head = headOf(scan);
  Atomics.store(head, ABANDONED, 1);
  Atomics.notify(head, ARRIVED);
}
