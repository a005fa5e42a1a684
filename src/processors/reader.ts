import type { ChildProcess } from 'node:child_process';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { endOf, startChild, tailOf } from './child-process.ts';
import type { Limits } from './limits.ts';
import { readMessage, type ReadMessage, type ReadRequest } from './messages.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Extracted } from './pool.ts';
import { merge, type Member, type Part } from './processor.ts';
import { residentBytes } from './resident.ts';

export interface ReaderOptions {
  timeoutMs: number;
  /** Time for one page, once the number of pages is known. */
  pageMs?: number;
  memoryMb: number;
  residentMb: number;
  limits: Limits;
  own: readonly OwnProcessor[];
  /** May load native code, and reads only what needs it. */
  native: boolean;
  log: Log;
}

/** The answer of a child that leaves a file to one of the other sort. */
export const ELSEWHERE = Symbol('elsewhere');

/** An extraction and the files inside the file. */
export type WithMembers = Extracted & { members: Member[] };

/** One child process. */
export interface Reader {
  /** One file at a time. Settles after the process has ended wherever that had to be killed. */
  read(file: SourceFile, signal?: AbortSignal): Promise<WithMembers | typeof ELSEWHERE>;
  /** Whether it can take another file: it runs, nothing went wrong in it, and it is not bloated. */
  isFresh(): Promise<boolean>;
  /** Kills the process and resolves when it is gone. */
  stop(): Promise<void>;
  /** Resolves when the process is gone, for whatever reason. */
  ended: Promise<void>;
  native: boolean;
}

/** Why a process was killed on purpose. */
type Verdict = 'timeout' | 'page' | 'memory' | 'cancelled';

const MEMORY_CHECK_MS = 100;
const MIB = 1024 * 1024;

/** Starts a child process that reads one file after the other. */
export function startReader(options: ReaderOptions): Reader {
  const child = startChild(options);
  const stderr = tailOf(child);
  const ended = endOf(child);
  let verdict: Verdict | undefined;
  let failed = false;

  function kill(reason: Verdict): void {
    verdict ??= reason;
    child.kill('SIGKILL');
  }

  /** Sends the request and gives the last message, or nothing when the process ended before it. */
  async function converse(
    request: ReadRequest,
    extracted: WithMembers,
    guarded: Guard,
  ): Promise<ReadMessage | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadMessage>();
    const listen = (raw: unknown): void => {
      const { success, data, error } = readMessage.safeParse(raw);
      if (!success) reject(error);
      else if (data.type === 'part') {
        collect(extracted, data.part);
        if (extracted.pages !== undefined) guarded.nextPage();
        if (data.part.ocr) guarded.extend();
      } else if (data.type === 'started') extracted.processor = data.processor;
      else resolve(data);
    };
    child.on('message', listen);
    // A failed write means that the process has ended, which `ended` tells.
    child.send(request, () => undefined);
    try {
      return await Promise.race([promise, ended.then(() => undefined)]);
    } finally {
      child.off('message', listen);
    }
  }

  /** What a process that ended without an answer leaves: the parts of one that went over a limit, or an error. */
  function salvage(extracted: WithMembers): WithMembers {
    options.log.warn({ verdict, exit: child.exitCode, stderr: stderr() }, 'a reading process ended early');
    if (verdict === undefined || verdict === 'cancelled' || isEmpty(extracted))
      throw endError(verdict, stderr(), options);
    const reason =
      verdict === 'memory'
        ? `it needed more than ${options.residentMb} MB of memory (LIMNER_EXTRACT_RESIDENT_MB)`
        : `it took longer than ${lateness(verdict, options)}`;
    extracted.warnings.push(stopWarning(extracted, reason));
    return extracted;
  }

  async function read(file: SourceFile, signal?: AbortSignal): Promise<WithMembers | typeof ELSEWHERE> {
    const extracted: WithMembers = {
      sections: [],
      warnings: [],
      processor: 'none',
      members: [],
      words: [],
      figures: [],
    };
    const request = { file, limits: options.limits, own: options.own };
    const guarded = guard(child, options, kill, signal);
    try {
      const answer = await converse(request, extracted, guarded);
      if (answer?.type === 'done') return extracted;
      if (answer?.type === 'elsewhere') return ELSEWHERE;
      if (answer?.type === 'failed') throw answerError(answer);
      return salvage(extracted);
    } finally {
      guarded.release();
    }
  }

  function answerError(answer: Extract<ReadMessage, { type: 'failed' }>): LimnerError {
    failed = answer.bug;
    const level = answer.bug ? 'error' : 'debug';
    options.log[level]({ detail: answer.detail }, 'a processor failed');
    return new LimnerError(answer.code, answer.message);
  }

  return {
    ended,
    native: options.native,
    read,
    async isFresh() {
      if (failed || child.killed || child.exitCode !== null || child.signalCode !== null) return false;
      return (await residentBytes(child.pid)) < (options.residentMb * MIB) / 2;
    },
    stop() {
      kill('cancelled');
      return ended;
    },
  };
}

interface Guard {
  /** The time for a page begins anew. */
  nextPage: () => void;
  /** A page was read by OCR, and the file gets the time of one more page. */
  extend: () => void;
  release: () => void;
}

/** Kills the process when its time, its memory or the caller's patience ends, until it is released. */
function guard(
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
    release() {
      clearTimeout(clock);
      clearTimeout(page);
      clearInterval(scale);
      signal?.removeEventListener('abort', abort);
    },
  };
}

function endError(verdict: Verdict | undefined, stderr: string, options: ReaderOptions): LimnerError {
  const { memoryMb, residentMb } = options;
  switch (verdict) {
    case 'cancelled':
      return new LimnerError('cancelled', 'Reading the file was stopped.');
    case 'timeout':
    case 'page':
      return new LimnerError(
        'timeout',
        `Reading took longer than ${lateness(verdict, options)}; splitting the file may help.`,
      );
    case 'memory':
      return new LimnerError(
        'limit',
        `Reading needed more than ${residentMb} MB of memory (LIMNER_EXTRACT_RESIDENT_MB); splitting the file may help.`,
      );
    case undefined:
    default:
      return new LimnerError('crashed', crashMessage(stderr, memoryMb));
  }
}

function crashMessage(stderr: string, memoryMb: number): string {
  return stderr.includes('heap out of memory') || stderr.includes('Last few GCs')
    ? `The file unfolds to more than the ${memoryMb} MB of memory a reader has (LIMNER_EXTRACT_MEMORY_MB); splitting it may help.`
    : 'The reader of this kind of document broke down on this file; opening and saving it again may help.';
}

function stopWarning(extracted: Extracted, reason: string): string {
  const page = extracted.sections.at(-1)?.page;
  const where = page === undefined ? '' : ` after page ${page}`;
  return `Reading stopped${where} because ${reason}; the rest is not searchable.`;
}

/** The time that was over, and the setting that moves it. */
function lateness(verdict: 'timeout' | 'page', options: ReaderOptions): string {
  return verdict === 'page'
    ? `${(options.pageMs ?? 0) / 1000} seconds for a page (LIMNER_EXTRACT_PAGE_SECONDS)`
    : `${options.timeoutMs / 1000} seconds (LIMNER_EXTRACT_SECONDS)`;
}

function collect(extracted: WithMembers, part: Part): void {
  merge(extracted, part);
  for (const member of part.members ?? []) extracted.members.push(member);
  for (const page of part.words ?? []) extracted.words.push(page);
  for (const figure of part.figures ?? []) extracted.figures.push(figure);
}

function isEmpty(extracted: WithMembers): boolean {
  return extracted.sections.length === 0 && extracted.members.length === 0;
}
