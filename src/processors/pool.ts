import type { Extraction, PageWords, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { readWithMembers, type ReadOne } from './members.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Described, FoundFigure } from './processor.ts';
import {
  AGAIN,
  ELSEWHERE,
  Unfinished,
  startReader,
  type Reader,
  type Rest,
  type WithMembers,
} from './reader.ts';
import { createTable, PROCESSORS } from './table.ts';

export interface ExtractorOptions {
  /** Files read at the same time, each in a process of its own. */
  size: number;
  /** Time for one file, in ms, the start of a process included. */
  timeoutMs: number;
  /** Time for one page, in ms, where a document has pages; all of `timeoutMs` unless told. */
  pageMs?: number;
  /** V8 heap of one process, in MiB. */
  memoryMb: number;
  /** Resident memory of one process, in MiB; watched on Linux only. */
  residentMb: number;
  /** Those of `DEFAULT_LIMITS` unless told. */
  limits?: Partial<Limits>;
  /** Processors that users wrote; none unless told. */
  own?: readonly OwnProcessor[];
  /** After so many ms without work a process is ended. */
  idleMs: number;
  log: Log;
}

/** An extraction and the name of the processor that made it, `none` for an empty file. */
export type Extracted = Extraction & { processor: string; words: PageWords[]; figures: FoundFigure[] };

export interface Extractor {
  /**
   * Reads `file` in a child process; files wait their turn in the order of the calls. A file that outlasts its
   * time is given as far as it was read, with a warning. Throws LimnerError `unsupported`, `encrypted`,
   * `corrupt`, `limit`, `timeout`, `crashed`, `vanished`, `unreadable`, and `cancelled` on abort or close.
   * When it settles, nothing of this file is running any more.
   */
  extract(file: SourceFile, signal?: AbortSignal): Promise<Extracted>;
  /** Ends every process; what is running or waiting is `cancelled`. */
  close(): Promise<void>;
}

interface Waiting {
  start: () => void;
  refuse: () => void;
}

/** A pool of child processes, started when needed, that outlives whatever a file does to its reader. */
export function createExtractor(options: ExtractorOptions): Extractor {
  const own = options.own ?? [];
  // Two claims on one ending stop the start, not the first file.
  const { needsNative } = createTable<Described>(PROCESSORS, own);
  const settings = { ...options, own, limits: { ...DEFAULT_LIMITS, ...options.limits } };
  const readers = new Set<Reader>();
  const idle = new Map<Reader, NodeJS.Timeout>();
  const waiting = new Set<Waiting>();
  let running = 0;
  let closed = false;

  /** Resolves when this file may run. */
  function turn(signal: AbortSignal | undefined): Promise<void> {
    if (closed || signal?.aborted) return Promise.reject(cancelled());
    if (running < settings.size) {
      running += 1;
      return Promise.resolve();
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const refuse = (): void => {
      waiting.delete(entry);
      signal?.removeEventListener('abort', refuse);
      reject(cancelled());
    };
    const start = (): void => {
      signal?.removeEventListener('abort', refuse);
      resolve();
    };
    const entry = { start, refuse };
    waiting.add(entry);
    signal?.addEventListener('abort', refuse, { once: true });
    return promise;
  }

  /** Hands the turn of a finished file to the next one. */
  function passTurn(): void {
    const [next] = waiting;
    if (!next) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next.start();
  }

  function takeReader(native: boolean): Reader {
    const reader = [...idle.keys()].find((resting) => resting.native === native);
    if (!reader) return addReader(native);
    clearTimeout(idle.get(reader));
    idle.delete(reader);
    return reader;
  }

  function addReader(native: boolean): Reader {
    const reader = startReader({ ...settings, native });
    readers.add(reader);
    void reader.ended.then(() => dropReader(reader));
    return reader;
  }

  function dropReader(reader: Reader): void {
    clearTimeout(idle.get(reader));
    idle.delete(reader);
    readers.delete(reader);
  }

  async function putBack(reader: Reader): Promise<void> {
    const isFresh = await reader.isFresh();
    if (closed || !isFresh) return reader.stop();
    idle.set(
      reader,
      setTimeout(() => retire(reader), settings.idleMs),
    );
  }

  /**
   * Content may show another need than the name did: then a child of the other sort reads. Where the file
   * ended its reader, another one goes on.
   */
  async function readIn(
    native: boolean,
    file: SourceFile,
    signal?: AbortSignal,
    rest?: Rest,
    anew = false,
  ): Promise<WithMembers> {
    if (closed || signal?.aborted) throw cancelled();
    const reader = anew ? addReader(native) : takeReader(native);
    let read: Awaited<ReturnType<Reader['read']>>;
    try {
      read = await reader.read(file, signal, rest);
    } finally {
      await putBack(reader);
    }
    if (read === AGAIN) return readIn(native, file, signal, rest, true);
    if (read === ELSEWHERE) return readIn(!native, file, signal, rest);
    if (!(read instanceof Unfinished)) return read;
    return readIn(native && !read.rest.plainly, file, signal, read.rest);
  }

  /** Out of the idle ones at once: a process that is being killed must not be given another file. */
  function retire(reader: Reader): void {
    idle.delete(reader);
    void reader.stop();
  }

  return {
    async extract(file, signal) {
      await turn(signal);
      try {
        // What holds for a file holds for those inside it.
        const { options: asked } = file;
        const read: ReadOne = (one) =>
          readIn(needsNative(one.name), { ...one, ...(asked && { options: asked }) }, signal);
        return await readWithMembers(file, read, settings);
      } finally {
        passTurn();
      }
    },
    async close() {
      closed = true;
      for (const { refuse } of waiting) refuse();
      await Promise.all([...readers].map((reader) => reader.stop()));
    },
  };
}

function cancelled(): LimnerError {
  return new LimnerError('cancelled', 'Reading the file was stopped.');
}
