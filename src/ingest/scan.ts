import { readdir } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { LimnerError, messageOf, systemCode } from '../errors.ts';
import { ignoredBecause } from './ignore.ts';
import { uriOf } from './inbox.ts';

/** What a walk of the inbox found. */
export interface Walk {
  /** Every path that is not a folder and not ignored, by its uri. */
  files: Map<string, Uint8Array>;
  ignored: number;
  /** Folders that could not be read, by their uri, with the reason: nothing below them is believed absent. */
  unread: Map<string, string>;
}

/** Walks the whole inbox without following links. Throws `unreadable` when the inbox itself cannot be read. */
export async function walk(root: string): Promise<Walk> {
  const found: Walk = { files: new Map(), ignored: 0, unread: new Map() };
  const folders: Buffer[] = [Buffer.alloc(0)];
  for (let folder = folders.pop(); folder; folder = folders.pop())
    for (const entry of await entries(root, folder, found)) sort(entry, folder, folders, found);
  return found;
}

async function entries(root: string, folder: Buffer, found: Walk): Promise<Dirent<Buffer>[]> {
  try {
    const path = Buffer.concat([Buffer.from(`${root}/`), folder]);
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    if (folder.length === 0)
      throw new LimnerError('unreadable', `The inbox ${root} cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    if (systemCode(error) !== 'ENOENT') found.unread.set(uriOf(folder), messageOf(error));
    return [];
  }
}

function sort(entry: Dirent<Buffer>, folder: Buffer, folders: Buffer[], found: Walk): void {
  const path = folder.length === 0 ? entry.name : Buffer.concat([folder, Buffer.from('/'), entry.name]);
  const uri = uriOf(path);
  if (ignoredBecause(uriOf(entry.name)) !== undefined) found.ignored++;
  else if (entry.isDirectory()) folders.push(path);
  else found.files.set(uri, path);
}

/** Whether a path lies in a folder that the walk could not read. */
export function isUnread(found: Walk, uri: string): boolean {
  for (const folder of found.unread.keys()) if (uri.startsWith(`${folder}/`)) return true;
  return false;
}
