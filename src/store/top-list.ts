export interface Found {
  id: number;
  score: number;
  /** Where it stands in the index. */
  place: number;
}

/** Keeps the best `limit` of what it is offered, ties by lower id. */
export interface TopList {
  offer(id: number, score: number, place: number): void;
  /** A score below this is not taken. */
  least(): number;
  /** Best first. */
  take(): Found[];
}

/** A binary heap with the worst on top, so that most offers cost one comparison. */
export function createTopList(limit: number): TopList {
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
    offer(id, score, place) {
      if (score >= this.least()) put({ id, score, place });
    },
    least: () => (heap.length === limit ? (heap[0]?.score ?? 0) : -Infinity),
    take: () => heap.sort((one, other) => (isWorse(one, other) ? 1 : -1)),
  };
}

function isWorse(one: Found | undefined, other: Found | undefined): boolean {
  if (!one || !other) return false;
  return one.score < other.score || (one.score === other.score && one.id > other.id);
}
