import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { endOf, startChild, tailOf } from './child-process.ts';
import { readMessage, type DescribeRequest, type ReadMessage } from './messages.ts';
import type { Described } from './processor.ts';
import { PROCESSORS } from './table.ts';

/** A processor that a user wrote. Its code runs in child processes only. */
export interface OwnProcessor extends Described {
  /** Absolute path of its file. */
  path: string;
  /** Changes with the content of its file, and of what lies in folders beside it. */
  digest: string;
}

export interface OwnProcessors {
  processors: OwnProcessor[];
  /** Files that are no use as they are, and why. */
  broken: { file: string; reason: string }[];
}

/** A file that has not told what it is after so long never will. */
const DESCRIBE_MS = 10_000;
const MEMORY_MB = 256;
const ENDINGS = /\.(?:ts|mts|js|mjs)$/;
const NO_PROCESSOR = /\.(?:d|test|spec)\.m?ts$/;

/**
 * Asks every TypeScript and JavaScript file at the top of `folder` which documents it reads; nothing of them runs in
 * this process. What is broken is reported and left out; what replaces a built-in processor is logged.
 */
export async function loadOwnProcessors(folder: string | undefined, log: Log): Promise<OwnProcessors> {
  const found: OwnProcessors = { processors: [], broken: [] };
  if (folder === undefined) return found;
  const shared = await digestOf(folder).catch((error: unknown) => {
    found.broken.push({ file: folder, reason: messageOf(error) });
    return '';
  });
  const files = found.broken.length > 0 ? [] : await listFiles(folder);
  const loaded = await Promise.all(files.map((file) => loadOne(join(folder, file), shared)));
  for (const [index, one] of loaded.entries()) {
    const reason = one instanceof Error ? one.message : conflictOf(one, found.processors);
    if (reason !== undefined) found.broken.push({ file: files[index] ?? '', reason });
    else if (!(one instanceof Error)) found.processors.push(one);
  }
  report(found, log);
  return found;
}

async function loadOne(path: string, shared: string): Promise<OwnProcessor | Error> {
  try {
    const described = await describe(path);
    const content = await readFile(path);
    const digest = createHash('sha256').update(shared).update(path).update(content).digest('hex');
    return { ...described, path, digest };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && ENDINGS.test(entry.name) && !NO_PROCESSOR.test(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

/** Of the files in folders within: what the processors share. Packages are known by package.json at the top. */
async function digestOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && (entry.parentPath !== folder || entry.name === 'package.json'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'));
  for (const path of paths.toSorted()) hash.update(path).update(await readFile(path));
  return hash.digest('hex');
}

/** Lets a child process load the file and tell what it exports. */
async function describe(path: string): Promise<Described> {
  const child = startChild({ memoryMb: MEMORY_MB, native: true });
  const ended = endOf(child);
  const stderr = tailOf(child);
  const { promise, resolve } = Promise.withResolvers<ReadMessage | undefined>();
  child.on('message', (raw: unknown) => resolve(readMessage.safeParse(raw).data));
  const clock = setTimeout(() => resolve(undefined), DESCRIBE_MS);
  const request: DescribeRequest = { describe: path };
  child.send(request, () => undefined);
  const answer = await Promise.race([promise, ended.then(() => undefined)]);
  const late = child.exitCode === null && child.signalCode === null;
  clearTimeout(clock);
  child.kill('SIGKILL');
  await ended;
  if (answer?.type === 'described') return answer.processor;
  if (answer?.type === 'failed') throw new Error(answer.message);
  throw new Error(late ? `It did not load within ${DESCRIBE_MS / 1000} seconds.` : lastLine(stderr()));
}

function lastLine(stderr: string): string {
  const line = stderr.split('\n').find((text) => /Error/.test(text));
  return line?.trim() ?? 'It ended the process that loaded it.';
}

function conflictOf(described: Described, others: readonly OwnProcessor[]): string | undefined {
  const taken = [...PROCESSORS, ...others].some(({ name }) => name === described.name);
  if (taken) return `Another processor is named "${described.name}".`;
  for (const other of others) {
    const both = described.extensions.find((extension) => other.extensions.includes(extension));
    if (both) return `The processor "${other.name}" reads .${both} files already.`;
  }
  return undefined;
}

function report({ processors, broken }: OwnProcessors, log: Log): void {
  for (const { file, reason } of broken)
    log.error({ file, reason }, 'a processor of yours is broken and left out');
  for (const { name, path, extensions } of processors) {
    log.info({ processor: name, path, extensions }, 'a processor of yours is used');
    for (const builtIn of PROCESSORS) {
      const replaced = extensions.filter((extension) => builtIn.extensions.includes(extension));
      if (replaced.length > 0)
        log.warn(
          { processor: name, replaces: builtIn.name, extensions: replaced },
          'a processor of yours replaces a built-in one',
        );
    }
  }
}
