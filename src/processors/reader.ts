import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { endOf, startChild, tailOf } from './child-process.ts';
import type { Limits } from './limits.ts';
import { readMessage, type ReadMessage, type ReadRequest } from './messages.ts';
import type { OwnProcessor } from './own-processors.ts';
import type { Extracted } from './pool.ts';
import { merge, type Member, type Part } from './processor.ts';
import { mayKeep, endError, isBreakdown, pageWarning, stopWarning, type Verdict } from './reader-stop.ts';
import { guard, type Guard } from './reader-guard.ts';
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

/** Where the reading of a file goes on in another process, and what was read before. */
export interface Rest {
  extracted: WithMembers;
  /** The page to begin at. */
  from: number;
  /** What is left of the time of the file, ms. */
  timeoutMs: number;
  /** Why it is not read in one go: what is thrown if nothing is found otherwise. */
  cause?: LimnerError;
  /** Native code broke down before anything was found, and another process is to read without. */
  plainly?: boolean;
}

/** The file ended the process, and the rest of it is to be read by another one. */
export class Unfinished {
  readonly rest: Rest;
  constructor(rest: Rest) {
    this.rest = rest;
  }
}

/** One child process. */
export interface Reader {
  /** One file at a time. Settles after the process has ended wherever that had to be killed. */
  read(
    file: SourceFile,
    signal?: AbortSignal,
    rest?: Rest,
  ): Promise<WithMembers | typeof ELSEWHERE | typeof AGAIN | Unfinished>;
  /** Whether it can take another file: it runs, nothing went wrong in it, and it is not bloated. */
  isFresh(): Promise<boolean>;
  /** Kills the process and resolves when it is gone. */
  stop(): Promise<void>;
  /** Resolves when the process is gone, for whatever reason. */
  ended: Promise<void>;
  native: boolean;
}

/** The answer for a file at which a process crashed that had read others before: these may have broken it. */
export const AGAIN = Symbol('again');

/** What a process told of itself while it read a file. */
interface Seen {
  /** The last page that was read. */
  finished?: number;
  /** Whether the file could also be read without native code. */
  hasOtherWay?: boolean;
}

type Failed = Extract<ReadMessage, { type: 'failed' }>;

/** Failures in the middle of a file. */
const PARTLY: ReadonlySet<string> = new Set(['corrupt', 'limit', 'crashed']);

const MIB = 1024 * 1024;

/** Starts a child process that reads one file after the other. */
export function startReader(options: ReaderOptions): Reader {
  const child = startChild(options);
  const stderr = tailOf(child);
  const ended = endOf(child);
  let verdict: Verdict | undefined;
  let failed = false;
  /** How many were begun. */
  let files = 0;

  function kill(reason: Verdict): void {
    verdict ??= reason;
    child.kill('SIGKILL');
  }

  /** Sends the request and gives the last message, or nothing when the process ended before it. */
  async function converse(
    request: ReadRequest,
    extracted: WithMembers,
    guarded: Guard,
    seen: Seen,
  ): Promise<ReadMessage | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadMessage>();
    const listen = (raw: unknown): void => {
      const { success, data, error } = readMessage.safeParse(raw);
      if (!success) reject(error);
      else if (data.type === 'part') {
        collect(extracted, data.part);
        if (data.part.finished !== undefined) seen.finished = data.part.finished;
        if (extracted.pages !== undefined) guarded.nextPage();
        if (data.part.ocr) guarded.extend();
      } else if (data.type === 'started') {
        extracted.processor = data.processor;
        seen.hasOtherWay = data.readsPlainly;
      } else resolve(data);
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

  /** What a process that ended without an answer leaves: its parts, the pages behind the one that ended it, or an error. */
  function salvage(
    extracted: WithMembers,
    { finished, hasOtherWay }: Seen,
    guarded: Guard,
    rest: Rest,
  ): WithMembers | Unfinished {
    const leftMs = guarded.leftMs();
    const end = { verdict, stderr: stderr() };
    options.log.warn({ ...end, finished, exit: child.exitCode }, 'a reading process ended early');
    const pages = Math.min(extracted.pages ?? 0, options.limits.pages);
    const cause = endError(end, options);
    if (finished !== undefined && finished < pages && leftMs > 0 && verdict !== 'cancelled') {
      const more = { extracted, timeoutMs: leftMs, cause };
      // It may have been the pictures of pages before, which are drawn beside the words only by a reader that begins a file.
      if (rest.from === 1 && finished > 0 && isBreakdown(end))
        return new Unfinished({ ...more, from: finished + 1 });
      extracted.warnings.push(pageWarning(finished + 1, end, options));
      return new Unfinished({ ...more, from: finished + 2 });
    }
    const mayReadPlainly = hasOtherWay === true && options.native && !rest.plainly && isBreakdown(end);
    if (isEmpty(extracted) && mayReadPlainly && leftMs > 0)
      return new Unfinished({ extracted, from: 1, timeoutMs: leftMs, cause, plainly: true });
    if (!mayKeep(end, finished) || isEmpty(extracted)) throw cause;
    extracted.warnings.push(stopWarning(extracted, finished === pages, end, options));
    return extracted;
  }

  /** What came before a failure is kept, unless the file as a whole is nothing that is read. */
  function partly(extracted: WithMembers, answer: Failed): WithMembers {
    const error = answerError(answer);
    if (isEmpty(extracted) || !PARTLY.has(error.code)) throw error;
    extracted.warnings.push(`Only a part is searchable, for reading ended early: ${error.message}`);
    return extracted;
  }

  async function read(
    file: SourceFile,
    signal?: AbortSignal,
    rest: Rest = { extracted: nothing(), from: 1, timeoutMs: options.timeoutMs },
  ): Promise<WithMembers | typeof ELSEWHERE | typeof AGAIN | Unfinished> {
    const { extracted, from, timeoutMs, plainly } = rest;
    const request = { file, limits: options.limits, own: options.own, from, plainly };
    const guarded = guard(child, { ...options, timeoutMs }, kill, signal);
    const seen: Seen = {};
    files += 1;
    try {
      const answer = await converse(request, extracted, guarded, seen);
      if (answer?.type === 'done' && rest.cause && isEmpty(extracted)) throw rest.cause;
      if (answer?.type === 'done') return extracted;
      if (answer?.type === 'elsewhere') return ELSEWHERE;
      if (answer?.type === 'failed') return partly(extracted, answer);
      const mayBeOthers =
        verdict === undefined && files > 1 && isEmpty(extracted) && seen.finished === undefined;
      if (mayBeOthers) return AGAIN;
      return salvage(extracted, seen, guarded, rest);
    } finally {
      guarded.release();
    }
  }

  function answerError(answer: Failed): LimnerError {
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

function collect(extracted: WithMembers, part: Part): void {
  merge(extracted, part);
  for (const member of part.members ?? []) extracted.members.push(member);
  for (const page of part.words ?? []) extracted.words.push(page);
  for (const figure of part.figures ?? []) extracted.figures.push(figure);
}

function isEmpty(extracted: WithMembers): boolean {
  return extracted.sections.length === 0 && extracted.members.length === 0;
}

function nothing(): WithMembers {
  return { sections: [], warnings: [], processor: 'none', members: [], words: [], figures: [] };
}
