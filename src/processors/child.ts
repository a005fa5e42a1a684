/** The entry of a child process: reads one file at a time and streams the parts to the pool. */
import { Worker } from 'node:worker_threads';
import { LimnerError, messageOf, systemCode } from '../errors.ts';
import type { DescribeRequest, ReadMessage, ReadRequest } from './messages.ts';
import { describeOwn, readOwn } from './own-reader.ts';
import { limitsFor } from './limits.ts';
import type { Processor } from './processor.ts';
import { chooseProcessor, readParts } from './read.ts';

/**
 * The pool may die without a word while this process is stuck in a parser and hears no event, so a thread of
 * its own looks whether the parent is still there.
 */
const ORPHAN_WATCH = `
const parent = process.ppid;
const never = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  Atomics.wait(never, 0, 0, 1000);
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}`;

/** Whether this process may load native code; the pool starts it with this word then. */
const IS_NATIVE = process.argv[2] === 'native';

function main(): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (message: unknown) => {
    if (isReadRequest(message)) void answer(message);
    if (isDescribeRequest(message)) void describe(message);
  });
  const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1 };
  new Worker(ORPHAN_WATCH, { eval: true, execArgv: [], env: {}, resourceLimits: limits }).unref();
}

async function answer({ file, limits: set, own, from, plainly = false }: ReadRequest): Promise<void> {
  const limits = limitsFor(file, set);
  try {
    const chosen = await chooseProcessor(file, limits, own);
    const isNative = !plainly && (chosen?.native ?? false);
    if (chosen && isNative !== IS_NATIVE) return await send({ type: 'elsewhere' });
    if (chosen) {
      const processor = 'path' in chosen ? readOwn(chosen) : chosen;
      const readsPlainly = processor.readPlainly !== undefined;
      await send({ type: 'started', processor: chosen.name, readsPlainly });
      const whole = plainly ? plainProcessor(processor) : processor;
      for await (const part of readParts(whole, file, limits, from)) await send({ type: 'part', part });
    }
    await send({ type: 'done' });
  } catch (error) {
    await send(failureOf(error));
  }
}

/** Gives nothing where there is no other way to read: the pool knows why it asked. */
function plainProcessor(processor: Processor): Processor {
  const { readPlainly } = processor;
  return {
    ...processor,
    read: async function* (file, limits) {
      if (readPlainly) yield* readPlainly(file, limits);
    },
  };
}

async function describe({ describe: path }: DescribeRequest): Promise<void> {
  try {
    await send({ type: 'described', processor: await describeOwn(path) });
  } catch (error) {
    await send({ type: 'failed', code: 'crashed', message: messageOf(error), detail: '', bug: true });
  }
}

/** Resolves when the message is written, so that a slow pool slows the reading instead of filling memory. */
function send(message: ReadMessage): Promise<void> {
  return new Promise((resolve) => {
    // A failed write means that the pool is gone; 'disconnect' ends this process.
    process.send?.(message, undefined, undefined, () => resolve());
  });
}

function failureOf(error: unknown): ReadMessage {
  const known = error instanceof LimnerError ? error : systemFailure(error);
  const detail = error instanceof Error ? detailOf(error) : String(error);
  const { code, message } = known ?? {
    code: 'crashed' as const,
    message: 'The reader of this kind of document failed on this file; opening and saving it again may help.',
  };
  return { type: 'failed', code, message, detail, bug: code === 'crashed' };
}

function systemFailure(error: unknown): LimnerError | undefined {
  const code = systemCode(error);
  if (code === 'ENOENT') return new LimnerError('vanished', 'The file was gone before it could be read.');
  if (code === 'EACCES' || code === 'EPERM' || code === 'EIO' || code === 'ERR_ACCESS_DENIED') {
    return new LimnerError('unreadable', `The file could not be read from the disk (${code}).`);
  }
  return undefined;
}

function detailOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\nCaused by: ${error.cause.stack}` : '';
  return `${error.stack}${cause}`.slice(0, 4000);
}

function isReadRequest(message: unknown): message is ReadRequest {
  return typeof message === 'object' && message !== null && 'file' in message;
}

function isDescribeRequest(message: unknown): message is DescribeRequest {
  return typeof message === 'object' && message !== null && 'describe' in message;
}

if (process.send) main();
