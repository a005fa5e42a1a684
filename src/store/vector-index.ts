import { createScannedRows } from './scan.ts';

/** A row that a search found. `score` is the dot product of the int8 vectors, scaled back. */
export interface Found {
  id: number;
  score: number;
}

/**
 * Exact nearest rows by dot product over signed bytes, in memory. A cache: the float32 vectors are kept
 * elsewhere, and the caller scores the candidates again with those (about max(40, 4 x the wanted number)).
 */
export interface VectorIndex {
  /**
   * Adds a row, or replaces the one with this `id`. `group` (a 32-bit integer) is what searches filter by.
   * Throws a RangeError for a vector of another length or with a value that is not finite, for an `id` that
   * is no safe integer, and when 4 GiB are full; then nothing has changed.
   */
  add(id: number, group: number, vector: Float32Array): void;
  /** Whether there was such a row. Its place is used again. */
  remove(id: number): boolean;
  /**
   * The `limit` best rows (of `groups`, where given), best first, ties by lower id.
   * Throws a RangeError for a query that `add` would not take.
   */
  search(query: Float32Array, limit: number, groups?: ReadonlySet<number>): Found[];
  readonly size: number;
  /** Memory of the rows and what belongs to them. */
  readonly bytes: number;
}

/** Products of bytes are summed up in 32 bits: beyond 2^31 / 127^2 dimensions they could overflow. */
const MOST_DIMENSIONS = 65_536;

/** Makes an empty index. Throws a RangeError for dimensions that are no integer from 1 to 65 536. */
export function createVectorIndex({ dimensions }: { dimensions: number }): VectorIndex {
  if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > MOST_DIMENSIONS)
    throw new RangeError(`A vector has 1 to ${MOST_DIMENSIONS} dimensions, not ${dimensions}.`);
  const rows = createScannedRows(dimensions);
  const slots = new Map<number, number>();
  const free: number[] = [];
  let used = 0;

  function takeSlot(): number {
    const slot = free.pop();
    if (slot !== undefined) return slot;
    rows.reserve(used + 1);
    return used++;
  }

  return {
    add(id, group, vector) {
      checkVector(vector, dimensions);
      if (!Number.isSafeInteger(id)) throw new RangeError(`A row's id is a safe integer, not ${id}.`);
      if ((group | 0) !== group) throw new RangeError(`A row's group is a 32-bit integer, not ${group}.`);
      const slot = slots.get(id) ?? takeSlot();
      slots.set(id, slot);
      rows.write(slot, id, group, vector);
    },
    remove(id) {
      const slot = slots.get(id);
      if (slot === undefined) return false;
      rows.clear(slot);
      free.push(slot);
      return slots.delete(id);
    },
    search(query, limit, groups) {
      checkVector(query, dimensions);
      if (!(limit >= 1) || slots.size === 0 || groups?.size === 0) return [];
      const top = createTopList(Math.min(Math.floor(limit), slots.size));
      rows.scan(query, used, groups, (ids, scores, count) => top.offer(ids, scores, count));
      return top.take();
    },
    get size() {
      return slots.size;
    },
    get bytes() {
      return rows.bytes();
    },
  };
}

function checkVector(vector: Float32Array, dimensions: number): void {
  if (vector.length !== dimensions)
    throw new RangeError(`The vector has ${vector.length} dimensions, the index ${dimensions}.`);
  for (let at = 0; at < dimensions; at++) {
    if (!Number.isFinite(vector[at]))
      throw new RangeError(`Value ${at} of the vector of ${dimensions} dimensions is ${vector[at]}.`);
  }
}

/**
 * Keeps the best `limit` of what it is offered: a binary heap with the worst on top, so that most rows cost
 * one comparison.
 */
function createTopList(limit: number) {
  const heap: Found[] = [];

  function sink(at: number): void {
    const moving = heap[at];
    if (!moving) return;
    for (;;) {
      const left = 2 * at + 1;
      const right = left + 1;
      const child = right < heap.length && isWorse(heap[right], heap[left]) ? right : left;
      const below = heap[child];
      if (!below || !isWorse(below, moving)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moving;
  }

  function put(found: Found): void {
    if (heap.length < limit) {
      heap.push(found);
      if (heap.length === limit) for (let at = heap.length >> 1; at >= 0; at--) sink(at);
    } else if (isWorse(heap[0], found)) {
      heap[0] = found;
      sink(0);
    }
  }

  return {
    offer(ids: Float64Array, scores: Float32Array, count: number): void {
      for (let at = 0; at < count; at++) {
        const score = scores[at] ?? -Infinity;
        if (score === -Infinity) continue;
        if (heap.length === limit && score < (heap[0]?.score ?? 0)) continue;
        put({ id: ids[at] ?? 0, score });
      }
    },
    take: () => heap.sort((one, other) => (isWorse(one, other) ? 1 : -1)),
  };
}

function isWorse(one: Found | undefined, other: Found | undefined): boolean {
  if (!one || !other) return false;
  return one.score < other.score || (one.score === other.score && one.id > other.id);
}
