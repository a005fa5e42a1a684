import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
const STDERR_TAIL = 4000;

export interface ChildOptions {
  /** V8 heap, in MiB. */
  memoryMb: number;
  /** May load native code. */
  native: boolean;
}

/** Starts a child process with no environment, no write access and a bounded heap. */
export function startChild({ memoryMb, native }: ChildOptions): ChildProcess {
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
export function endOf(child: ChildProcess): Promise<void> {
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

/** What the process has written on stderr, the last of it. */
export function tailOf(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL);
  });
  return () => tail;
}
