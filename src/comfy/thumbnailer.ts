import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LimnerError } from '../errors.ts';
import { ThumbnailReply } from './thumbnail-messages.ts';

export interface ThumbnailerOptions {
  /** Time for one picture, ms, the start of the process included. */
  timeoutMs: number;
  /** Resident memory of the process, in MiB; watched on Linux only. */
  residentMb: number;
  /** After so long without work the process is ended, ms. */
  idleMs: number;
}

export const THUMBNAILER: ThumbnailerOptions = { timeoutMs: 20_000, residentMb: 768, idleMs: 15_000 };

const CHILD = fileURLToPath(new URL('thumbnail-child.ts', import.meta.url));
const HEAP_MB = 192;
const CHECK_MS = 50;
/** Linux has pages of 4 KiB where Node 24 is built for, save with larger ones, which makes the limit looser. */
const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;

/**
 * Makes pictures small in a process of its own, one at a time, for the bytes come from outside and the decoders are
 * native: what kills a decoder fails one thumbnail.
 */
export function createThumbnailer(options: ThumbnailerOptions = THUMBNAILER) {
  let child: ChildProcess | undefined;
  let idle: NodeJS.Timeout | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  function running(): ChildProcess {
    clearTimeout(idle);
    if (child && child.exitCode === null && child.signalCode === null && child.connected) return child;
    child = startChild();
    return child;
  }

  function stop(): void {
    clearTimeout(idle);
    child?.kill('SIGKILL');
    child = undefined;
  }

  async function shrink(path: string, size: number): Promise<Uint8Array> {
    if (isClosed) throw new LimnerError('cancelled', 'The service is stopping.');
    const process = running();
    const ended = new AbortController();
    let verdict: LimnerError | undefined;
    const end = (why: LimnerError): void => {
      verdict = why;
      stop();
    };
    const timer = setTimeout(() => end(tooLong()), options.timeoutMs);
    const watch = setInterval(() => {
      void residentBytes(process.pid).then((bytes) => bytes > options.residentMb * MIB && end(tooLarge()));
    }, CHECK_MS);
    try {
      const exit = once(process, 'exit', { signal: ended.signal }).then(
        () => undefined,
        () => undefined,
      );
      const answer = once(process, 'message', { signal: ended.signal }).then(([raw]: unknown[]) => raw);
      answer.catch(() => undefined);
      process.send({ path, size }, () => undefined);
      const raw = await Promise.race([answer, exit]);
      if (raw === undefined) throw verdict ?? crashed();
      const reply = ThumbnailReply.parse(raw);
      if ('bytes' in reply) return reply.bytes;
      throw reply.problem === 'limit' ? tooLarge() : crashed();
    } finally {
      ended.abort();
      clearTimeout(timer);
      clearInterval(watch);
      idle = setTimeout(stop, options.idleMs);
      idle.unref();
    }
  }

  return {
    /**
     * The picture as WebP, no side longer than `size`.
     * @throws LimnerError `corrupt`, `limit`, `timeout`, `cancelled`.
     */
    shrink(path: string, size: number): Promise<Uint8Array> {
      const made = last.then(() => shrink(path, size));
      last = made.catch(() => undefined);
      return made;
    },
    async close(): Promise<void> {
      isClosed = true;
      stop();
      await last;
    },
  };
}

/** No environment, no writing, no further programs, a bounded heap. */
function startChild(): ChildProcess {
  return fork(CHILD, [], {
    serialization: 'advanced',
    env: {},
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [
      `--max-old-space-size=${HEAP_MB}`,
      '--permission',
      '--allow-fs-read=*',
      '--allow-addons',
      '--disable-warning=PERM0001',
      '--disable-warning=PERM0006',
    ],
  });
}

async function residentBytes(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  // proc(5), statm: the second field is the resident set size in pages.
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return Number(statm.split(' ')[1]) * PAGE_BYTES;
}

const crashed = (): LimnerError => new LimnerError('corrupt', 'This picture cannot be read.');
const tooLarge = (): LimnerError => new LimnerError('limit', 'This picture is too large to be made small.');
const tooLong = (): LimnerError => new LimnerError('timeout', 'Making this picture small took too long.');
