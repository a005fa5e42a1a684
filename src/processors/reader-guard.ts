import type { ChildProcess } from 'node:child_process';
import type { Verdict } from './reader-stop.ts';
import type { ReaderOptions } from './reader.ts';
import { residentBytes } from './resident.ts';

const MEMORY_CHECK_MS = 100;
const MIB = 1024 * 1024;

export interface Guard {
  /** The time for a page begins anew. */
  nextPage: () => void;
  /** A page was read by OCR, and the file gets the time of one more page. */
  extend: () => void;
  leftMs: () => number;
  release: () => void;
}

/** Kills the process when its time, its memory or the caller's patience ends, until it is released. */
export function guard(
  child: ChildProcess,
  options: ReaderOptions,
  kill: (reason: Verdict) => void,
  signal: AbortSignal | undefined,
): Guard {
  const abort = (): void => kill('cancelled');
  let deadline = performance.now() + options.timeoutMs;
  let clock = setTimeout(() => kill('timeout'), options.timeoutMs);
  let page: NodeJS.Timeout | undefined;
  let extended = 0;
  const scale = setInterval(() => void weigh(), MEMORY_CHECK_MS);
  signal?.addEventListener('abort', abort, { once: true });

  async function weigh(): Promise<void> {
    if ((await residentBytes(child.pid)) > options.residentMb * MIB) kill('memory');
  }

  return {
    nextPage() {
      clearTimeout(page);
      if (options.pageMs !== undefined) page = setTimeout(() => kill('page'), options.pageMs);
    },
    extend() {
      if (extended++ >= options.limits.ocrPages) return;
      deadline += options.pageMs ?? 0;
      clearTimeout(clock);
      clock = setTimeout(() => kill('timeout'), deadline - performance.now());
    },
    leftMs: () => deadline - performance.now(),
    release() {
      clearTimeout(clock);
      clearTimeout(page);
      clearInterval(scale);
      signal?.removeEventListener('abort', abort);
    },
  };
}
