import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Log } from '../log.ts';
import { readMessage, type ReadMessage, type ReadRequest } from './messages.ts';
import type { Extracted } from './pool.ts';
import { merge, type Member, type Part } from './processor.ts';
import { residentBytes } from './resident.ts';

export interface ReaderOptions {
  timeoutMs: number;
  memoryMb: number;
  residentMb: number;
  maxTextCharacters: number;
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
type Verdict = 'timeout' | 'memory' | 'cancelled';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const MEMORY_CHECK_MS = 100;
const STDERR_TAIL = 4000;
const MIB = 1024 * 1024;

/** Starts a child process with no environment, no write access and a bounded heap. */
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
  async function converse(request: ReadRequest, extracted: WithMembers): Promise<ReadMessage | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadMessage>();
    const listen = (raw: unknown): void => {
      const { success, data, error } = readMessage.safeParse(raw);
      if (!success) reject(error);
      else if (data.type === 'part') collect(extracted, data.part);
      else if (data.type === 'started') extracted.processor = data.processor;
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

  /** What a process that ended without an answer leaves: the parts of a late one, an error otherwise. */
  function salvage(extracted: WithMembers): WithMembers {
    options.log.warn({ verdict, exit: child.exitCode, stderr: stderr() }, 'a reading process ended early');
    if (verdict !== 'timeout' || isEmpty(extracted)) throw endError(verdict, stderr(), options);
    extracted.warnings.push(lateWarning(extracted, options.timeoutMs));
    return extracted;
  }

  async function read(file: SourceFile, signal?: AbortSignal): Promise<WithMembers | typeof ELSEWHERE> {
    const extracted: WithMembers = { sections: [], warnings: [], processor: 'none', members: [] };
    const request = { file, maxTextCharacters: options.maxTextCharacters };
    const unguard = guard(child, options, kill, signal);
    try {
      const answer = await converse(request, extracted);
      if (answer?.type === 'done') return extracted;
      if (answer?.type === 'elsewhere') return ELSEWHERE;
      if (answer?.type === 'failed') throw answerError(answer);
      return salvage(extracted);
    } finally {
      unguard();
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

function startChild({ memoryMb, native }: ReaderOptions): ChildProcess {
  return fork(CHILD, native ? ['native'] : [], {
    serialization: 'advanced',
    env: {},
    // Standard output goes nowhere: nobody would read it, and a full pipe would stop the child.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [
      `--max-old-space-size=${memoryMb}`,
      // A second wall behind the parsers' own manners: no writing, no further programs, and native code only in
      // the children that read what needs it.
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker',
      ...(native ? ['--allow-addons'] : []),
      '--disable-warning=PERM0001',
      '--disable-warning=PERM0006',
    ],
  });
}

/** Resolves when the process is gone and everything it sent has arrived. */
function endOf(child: ChildProcess): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let awaited = 2;
  const count = (): void => {
    awaited -= 1;
    if (awaited === 0) resolve();
  };
  child.once('exit', count);
  child.once('disconnect', count);
  // Without a process id it never started, and neither of the others comes.
  child.on('error', () => {
    if (child.pid === undefined) resolve();
  });
  return promise;
}

/** Kills the process when its time, its memory or the caller's patience ends. Returns how to call that off. */
function guard(
  child: ChildProcess,
  options: ReaderOptions,
  kill: (reason: Verdict) => void,
  signal: AbortSignal | undefined,
): () => void {
  const abort = (): void => kill('cancelled');
  const clock = setTimeout(() => kill('timeout'), options.timeoutMs);
  const scale = setInterval(() => void weigh(), MEMORY_CHECK_MS);
  signal?.addEventListener('abort', abort, { once: true });

  async function weigh(): Promise<void> {
    if ((await residentBytes(child.pid)) > options.residentMb * MIB) kill('memory');
  }

  return () => {
    clearTimeout(clock);
    clearInterval(scale);
    signal?.removeEventListener('abort', abort);
  };
}

function tailOf(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL);
  });
  return () => tail;
}

function endError(verdict: Verdict | undefined, stderr: string, options: ReaderOptions): LimnerError {
  const { timeoutMs, memoryMb, residentMb } = options;
  switch (verdict) {
    case 'cancelled':
      return new LimnerError('cancelled', 'Reading the file was stopped.');
    case 'timeout':
      return new LimnerError(
        'timeout',
        `Reading took longer than ${seconds(timeoutMs)}; splitting the file may help.`,
      );
    case 'memory':
      return new LimnerError(
        'limit',
        `Reading needed more than ${residentMb} MB of memory; splitting the file may help.`,
      );
    case undefined:
    default:
      return new LimnerError('crashed', crashMessage(stderr, memoryMb));
  }
}

function crashMessage(stderr: string, memoryMb: number): string {
  return stderr.includes('heap out of memory') || stderr.includes('Last few GCs')
    ? `The file unfolds to more than the ${memoryMb} MB of memory a reader has; splitting it may help.`
    : 'The reader of this kind of document broke down on this file; opening and saving it again may help.';
}

function lateWarning(extracted: Extracted, timeoutMs: number): string {
  const page = extracted.sections.at(-1)?.page;
  const where = page === undefined ? '' : ` after page ${page}`;
  return `Reading stopped${where} because it took longer than ${seconds(timeoutMs)}; the rest is not searchable.`;
}

function seconds(ms: number): string {
  return `${ms / 1000} seconds`;
}

function collect(extracted: WithMembers, part: Part): void {
  merge(extracted, part);
  for (const member of part.members ?? []) extracted.members.push(member);
}

function isEmpty(extracted: WithMembers): boolean {
  return extracted.sections.length === 0 && extracted.members.length === 0;
}
