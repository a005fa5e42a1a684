import { createHash } from 'node:crypto';
import { constants, createWriteStream } from 'node:fs';
import { lstat, open, readlink, realpath, rm, type FileHandle } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LimnerError, systemCode } from '../errors.ts';
import { asYoung, isInside, mayChangeUnseen, signatureOf } from './inbox.ts';

/** A file's content as it was at one moment: what is parsed is what was hashed. */
export interface Taken {
  /** A copy of our own; `discard` removes it. */
  path: string;
  bytes: number;
  /** SHA-256, hex. */
  hash: string;
  /** One that no look agrees with when the file may change again unseen: then the next scan reads it again. */
  signature: string;
  discard(): Promise<void>;
}

/**
 * Opens `path`, which begins with `root`, as a regular file inside it, whatever links or pipes stand in the way.
 * Throws `vanished`, `changing`, `outside`, `not_regular` or `unreadable`. The caller closes the handle.
 */
export async function openInside(root: string, path: Buffer): Promise<FileHandle> {
  const handle = await openPlainly(path);
  try {
    await checkPlace(handle, root, path);
    return handle;
  } catch (error) {
    await handle.close();
    throw asLimnerError(error);
  }
}

async function checkPlace(handle: FileHandle, root: string, path: Buffer): Promise<void> {
  if (!(await handle.stat()).isFile())
    throw new LimnerError('not_regular', 'This is not a regular file, so it is not read.');
  const realRoot = await realBytes(root);
  const expected = realRoot + path.toString('latin1').slice(Buffer.byteLength(root));
  if ((await placeOf(handle, path)) === expected) return;
  const named = await realBytes(path);
  if (named === expected) throw changing();
  if (!isInside(realRoot, named))
    throw new LimnerError('outside', 'The path leads outside the inbox, so it is not read.');
  throw new LimnerError(
    'not_regular',
    'A folder on the way is a link; links are not followed. The file is read where it lies.',
  );
}

/** A name need not be UTF-8, so paths are compared with one character for each byte. */
async function realBytes(path: string | Buffer): Promise<string> {
  return (await realpath(path, { encoding: 'buffer' })).toString('latin1');
}

/**
 * Where the opened file lies. Only the system knows for sure: between opening a path and asking where it leads, a
 * folder on the way may become a link and a folder again. Where there is no /proc the path is asked.
 */
async function placeOf(handle: FileHandle, path: Buffer): Promise<string> {
  if (process.platform === 'linux')
    return (await readlink(`/proc/self/fd/${handle.fd}`, { encoding: 'buffer' })).toString('latin1');
  const [opened, there] = await Promise.all([handle.stat({ bigint: true }), lstat(path, { bigint: true })]);
  if (opened.ino !== there.ino || opened.dev !== there.dev) throw changing();
  return realBytes(path);
}

function changing(): LimnerError {
  return new LimnerError(
    'changing',
    'The file changed while it was being read; it is read again when it is quiet.',
  );
}

/** Neither follows a link at the end of the path nor waits for the other end of a pipe. */
async function openPlainly(path: Buffer): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw asLimnerError(error);
  }
}

function asLimnerError(error: unknown): unknown {
  const code = systemCode(error);
  if (error instanceof LimnerError || code === undefined) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new LimnerError('vanished', 'The file went away while it was being read.', { cause: error });
  if (code === 'ELOOP')
    return new LimnerError('not_regular', 'This is a link; links are not followed.', { cause: error });
  if (code === 'ENOSPC')
    return new LimnerError('disk_full', 'The disk of the data folder is full; free some space.', {
      cause: error,
    });
  return new LimnerError(
    'unreadable',
    `The file cannot be read (${code}); check its permissions and the disk.`,
    {
      cause: error,
    },
  );
}

/**
 * Copies the file to `spoolPath` while hashing it. Throws what `openInside` throws, `too_large`, or `changing`
 * when the file changed meanwhile: then it has to settle again.
 */
export async function takeFile(
  root: string,
  path: Buffer,
  spoolPath: string,
  maxBytes: number,
): Promise<Taken> {
  const handle = await openInside(root, path);
  try {
    const before = await handle.stat({ bigint: true });
    if (before.size > maxBytes) throw tooLarge(Number(before.size), maxBytes);
    const racy = mayChangeUnseen(before, Date.now());
    const hash = await copyHashing(handle, spoolPath, Number(before.size));
    const signature = signatureOf(await handle.stat({ bigint: true }));
    if (signature !== signatureOf(before)) throw changing();
    return {
      path: spoolPath,
      bytes: Number(before.size),
      hash,
      signature: racy ? asYoung(signature) : signature,
      discard: () => rm(spoolPath, { force: true }),
    };
  } catch (error) {
    await rm(spoolPath, { force: true });
    throw asLimnerError(error);
  } finally {
    await handle.close();
  }
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

export function tooLarge(bytes: number, maxBytes: number): LimnerError {
  return new LimnerError(
    'too_large',
    `The file has ${mib(bytes)}; files up to ${mib(maxBytes)} are read. Raise LIMNER_MAX_FILE_MB, or split it.`,
  );
}

/** Reads one byte past `bytes` at most: a file that grows faster than it is read would have no end. */
async function copyHashing(handle: FileHandle, to: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(part: Buffer, _encoding, done) {
      hash.update(part);
      done(null, part);
    },
  });
  await pipeline(
    handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20, start: 0, end: bytes }),
    hashing,
    createWriteStream(to, { mode: 0o600 }),
  );
  return hash.digest('hex');
}
