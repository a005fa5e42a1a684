import type { Look } from './inbox.ts';

/** A path that was quiet long enough, and what stands there. */
export interface Settled {
  uri: string;
  path: Uint8Array;
  look: Look;
}

interface Watched {
  path: Uint8Array;
  look: Look | undefined;
  /** Monotonic time of the next look, ms. */
  due: number;
}

export interface SettleOptions {
  /** How long a path must look the same, ms. */
  quietMs: number;
  look: (path: Uint8Array) => Promise<Look>;
  /** Called with the first look at a path. */
  onSeen: (seen: Settled) => void;
  onSettled: (settled: Settled) => Promise<void>;
  /** What could not be looked at stays watched and is looked at again. */
  onError: (uri: string, error: unknown) => void;
}

/** Looks taken side by side. */
const WIDTH = 64;

/** The least time between two rounds of looks, ms. */
const ROUND_MS = 20;

/**
 * Holds every path until two looks `quietMs` apart agree (size, times, inode), however long that takes: a
 * file that is still growing is never handed on. Time is monotonic, so a clock that jumps settles nothing.
 */
export function createSettleTracker({ quietMs, look, onSeen, onSettled, onError }: SettleOptions) {
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let wakeAt = Infinity;
  let round: Promise<void> | undefined;
  let handedOn = 0;
  let closed = false;

  /** Sets the timer, or brings it forward; after a round it is set anew. */
  function wakeBy(due: number): void {
    if (closed || round || due >= wakeAt) return;
    clearTimeout(timer);
    wakeAt = due;
    timer = setTimeout(startRound, Math.max(ROUND_MS, due - performance.now()));
  }

  function startRound(): void {
    wakeAt = Infinity;
    round = lookAtDue().finally(() => {
      round = undefined;
      let due = Infinity;
      for (const one of watched.values()) due = Math.min(due, one.due);
      wakeBy(due);
    });
  }

  async function lookAtDue(): Promise<void> {
    const now = performance.now();
    const due = [...watched].filter(([, one]) => one.due <= now);
    for (let at = 0; at < due.length && !closed; at += WIDTH)
      await Promise.all(due.slice(at, at + WIDTH).map(([uri, one]) => lookAt(uri, one)));
  }

  async function lookAt(uri: string, one: Watched): Promise<void> {
    try {
      const now = await look(one.path);
      if (watched.get(uri) !== one) return;
      if (!one.look) onSeen({ uri, path: one.path, look: now });
      if (!same(one.look, now)) return again(uri, one.path, now);
      watched.delete(uri);
      await handOn({ uri, path: one.path, look: now });
    } catch (error) {
      onError(uri, error);
      again(uri, one.path, undefined);
    }
  }

  async function handOn(settled: Settled): Promise<void> {
    handedOn++;
    try {
      await onSettled(settled);
    } finally {
      handedOn--;
    }
  }

  function again(uri: string, path: Uint8Array, seen: Look | undefined): void {
    watched.set(uri, { path, look: seen, due: performance.now() + quietMs });
  }

  return {
    /** Something happened at this path, or may have. */
    observe(uri: string, path: Uint8Array, seen?: Look): void {
      if (closed || watched.has(uri)) return;
      if (seen) onSeen({ uri, path, look: seen });
      const due = performance.now() + (seen ? quietMs : 0);
      watched.set(uri, { path, look: seen, due });
      wakeBy(due);
    },
    /** Paths that are not quiet yet, or that are being handed on. */
    size: () => watched.size + handedOn,
    has: (uri: string) => watched.has(uri),
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await round;
    },
  };
}

function same(before: Look | undefined, now: Look): boolean {
  if (!before || before.kind !== now.kind) return false;
  return before.kind === 'absent' || now.kind === 'absent' || before.signature === now.signature;
}
