import { lstat, realpath, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { sep } from 'node:path';
import type { BigIntStats } from 'node:fs';
import { systemCode, type ErrorCode } from '../errors.ts';

/** What stands at a path now. `signature` changes whenever the file does. */
export type Look =
  | { kind: 'absent' }
  | { kind: 'file'; signature: string; bytes: number }
  | { kind: 'refused'; signature: string; bytes: number; code: ErrorCode; message: string };

/** Files at the top of the inbox are in this collection. */
export const DEFAULT_COLLECTION = 'default';

export type Inbox = ReturnType<typeof createInbox>;

/**
 * The watched folder. Paths are bytes relative to it, since a name need not be UTF-8; nothing in it is written.
 * What `ignores` gives a reason for is absent: a file that is ignored from now on is forgotten like a deleted one.
 */
export function createInbox(root: string, ignores: (uri: string) => string | undefined = () => undefined) {
  const full = (path: Uint8Array): Buffer => Buffer.concat([Buffer.from(`${root}/`), path]);

  async function isBehindLink(path: Uint8Array): Promise<boolean> {
    const slash = path.lastIndexOf(0x2f);
    if (slash === -1) return false;
    const folder = path.subarray(0, slash);
    try {
      const expected = Buffer.concat([await realBytes(root), Buffer.from('/'), folder]);
      return !(await realBytes(full(folder))).equals(expected);
    } catch (error) {
      if (isAbsence(error)) return true;
      throw error;
    }
  }

  async function refuseLink(path: Uint8Array): Promise<Pick<Look & { kind: 'refused' }, 'code' | 'message'>> {
    if (await leadsOutside(root, full(path)))
      return {
        code: 'outside',
        message:
          'This is a link to something outside the inbox, so it is not read. Copy the file itself here.',
      };
    return {
      code: 'not_regular',
      message: 'This is a link; links are not followed. The file it points at is read where it lies.',
    };
  }

  return {
    root,
    full,

    /**
     * Never follows a link: below a folder that is one there is nothing. With `walked`, a walk has just found the
     * path, so that no folder on the way need be asked. Throws what `lstat` throws, other than absence.
     */
    async look(path: Uint8Array, { walked = false } = {}): Promise<Look> {
      const stats = await lstatOrUndefined(full(path));
      if (!stats || stats.isDirectory() || ignores(uriOf(path)) !== undefined) return { kind: 'absent' };
      if (!walked && (await isBehindLink(path))) return { kind: 'absent' };
      const known = { signature: signatureOf(stats), bytes: Number(stats.size) };
      if (stats.isFile()) return { kind: 'file', ...known };
      if (stats.isSymbolicLink()) return { kind: 'refused', ...known, ...(await refuseLink(path)) };
      return {
        kind: 'refused',
        ...known,
        code: 'not_regular',
        message: 'This is a pipe, a socket or a device, not a file.',
      };
    },

    /** Whether the folder itself is there; without it no absence is believed. */
    async online(): Promise<boolean> {
      try {
        return (await stat(root)).isDirectory();
      } catch (error) {
        if (systemCode(error) === undefined) throw error;
        return false;
      }
    },
  };
}

export function signatureOf(stats: BigIntStats): string {
  return [stats.size, stats.mtimeNs, stats.ctimeNs, stats.ino, stats.dev].join(':');
}

/** Stands behind the signature of a file that may change again unseen: no look agrees with it, so that it is read again. */
const YOUNG = ':young';

export const asYoung = (signature: string): string => signature + YOUNG;

/** Whether a kept signature, young or not, is of the file as it looks now. */
export function isOf(kept: string | null, signature: string): boolean {
  return kept === signature || kept === asYoung(signature);
}

/** Two writes within one tick of the clock may leave the same stamp, ms; whole seconds are a coarse file system. */
const TICK_MS = 20;
const COARSE_TICK_MS = 2000;

/**
 * Whether a file changed so shortly before `now` (ms since 1970) that it may change again without another stamp: who
 * has read it has to look again later.
 */
export function mayChangeUnseen({ mtimeNs, ctimeNs }: BigIntStats, now: number): boolean {
  const last = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  const tick = last % 1_000_000_000n === 0n ? COARSE_TICK_MS : TICK_MS;
  return Math.abs(now - Number(last / 1_000_000n)) < tick;
}

/**
 * The path as text, with `/`. Bytes of a name that is not UTF-8 are shown as `\xNN`, and a backslash that could be
 * taken for the beginning of one as `\x5c`, so that no two paths have the same text.
 */
export function uriOf(path: Uint8Array): string {
  if (sep !== '/') return Buffer.from(path).toString('utf8').replaceAll(sep, '/');
  // Latin-1 keeps one character for each byte.
  const names = Buffer.from(path).toString('latin1').split('/');
  return names.map((name) => nameOf(Buffer.from(name, 'latin1'))).join('/');
}

function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8').replaceAll(/\\(?=x[0-9a-f]{2})/g, '\\x5c');
  return [...bytes]
    .map((byte) => (byte < 0x80 && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`))
    .join('');
}

export function collectionOf(uri: string): string {
  const slash = uri.indexOf('/');
  return slash === -1 ? DEFAULT_COLLECTION : uri.slice(0, slash);
}

export function fileNameOf(uri: string): string {
  return uri.slice(uri.lastIndexOf('/') + 1);
}

function realBytes(path: string | Buffer): Promise<Buffer> {
  return realpath(path, { encoding: 'buffer' });
}

async function lstatOrUndefined(path: Buffer): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemCode(error) ?? '');
}

/** A link that leads nowhere, or round in a circle, leads outside too. */
async function leadsOutside(root: string, path: Buffer): Promise<boolean> {
  try {
    const target = await realpath(path);
    return !isInside(await realpath(root), target);
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return true;
  }
}

export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
