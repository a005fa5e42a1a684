import { readdir } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { LimnerError, messageOf, systemCode } from '../errors.ts';
import { isSettingsFile, type Folders } from './folders.ts';
import { ignoredBecause } from './ignore.ts';
import { uriOf } from './inbox.ts';

/** What a walk of the inbox found. */
export interface Walk {
  /** Every path that is not a folder and not ignored, by its uri. */
  files: Map<string, Uint8Array>;
  ignored: number;
  /** Why, for the first of them. */
  reasons: Map<string, string>;
  /** Settings files of Limner. */
  settings: Set<string>;
  /** Folders that could not be read, by their uri, with the reason: nothing below them is believed absent. */
  unread: Map<string, string>;
}

/** Reasons of ignored paths that are kept for people who ask. */
const MAX_REASONS = 1000;

/** Walks the whole inbox without following links. Throws `unreadable` when the inbox itself cannot be read. */
export async function walk(root: string, rules: Rules = NO_RULES): Promise<Walk> {
  const found: Walk = {
    files: new Map(),
    ignored: 0,
    reasons: new Map(),
    settings: new Set(),
    unread: new Map(),
  };
  const folders: Buffer[] = [Buffer.alloc(0)];
  for (let folder = folders.pop(); folder; folder = folders.pop()) {
    const list = await entries(root, folder, found);
    if (!list) continue;
    await readSettings(root, folder, list, found, rules);
    for (const entry of list) sort(entry, folder, folders, found, rules);
  }
  return found;
}

/** What the owners of the folders say; see `folders.ts`. */
type Rules = Pick<Folders, 'enter' | 'ruleFor'>;

const NO_RULES: Rules = { enter: () => Promise.resolve(), ruleFor: () => undefined };

/** A folder's settings hold for what lies in it, so they are read first. */
async function readSettings(
  root: string,
  folder: Buffer,
  list: readonly Dirent<Buffer>[],
  found: Walk,
  rules: Rules,
): Promise<void> {
  const settings = new Map<string, Buffer>();
  for (const { name } of list) {
    if (!isSettingsFile(uriOf(name))) continue;
    const path = joined(folder, name);
    found.settings.add(uriOf(path));
    settings.set(uriOf(name), Buffer.concat([Buffer.from(`${root}/`), path]));
  }
  await rules.enter(uriOf(folder), settings);
}

/** Undefined for a folder that cannot be read, or is gone by now. */
async function entries(root: string, folder: Buffer, found: Walk): Promise<Dirent<Buffer>[] | undefined> {
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
    return undefined;
  }
}

function sort(entry: Dirent<Buffer>, folder: Buffer, folders: Buffer[], found: Walk, rules: Rules): void {
  const path = joined(folder, entry.name);
  const uri = uriOf(path);
  const reason = ignoredBecause(uriOf(entry.name)) ?? rules.ruleFor(uri, entry.isDirectory());
  if (reason !== undefined) {
    found.ignored++;
    if (found.reasons.size < MAX_REASONS) found.reasons.set(uri, reason);
  } else if (entry.isDirectory()) folders.push(path);
  else found.files.set(uri, path);
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return folder.length === 0 ? name : Buffer.concat([folder, Buffer.from('/'), name]);
}

/** Whether a path lies in a folder that the walk could not read. */
export function isUnread(found: Pick<Walk, 'unread'>, uri: string): boolean {
  for (const folder of found.unread.keys()) if (uri.startsWith(`${folder}/`)) return true;
  return false;
}
