import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { systemCode } from '../errors.ts';

/** Names that are never documents, as data with the reason each. Matched against every part of a path. */
export const IGNORED: readonly { name: RegExp; reason: string }[] = [
  { name: /^\.limner(\..*|ignore)?$/, reason: 'a settings file of Limner' },
  { name: /^\./, reason: 'hidden (its name begins with a dot)' },
  { name: /^~\$/, reason: 'a lock file of an office program' },
  { name: /~$/, reason: 'a backup of an editor' },
  { name: /^~.*\.tmp$/i, reason: 'a temporary file of an office program' },
  {
    name: /\.(part|partial|crdownload|download|filepart|!qb|!ut)$/i,
    reason: 'a download that is not finished',
  },
  { name: /\.(tmp|temp|swp|swo|swx)$/i, reason: 'a temporary file' },
  { name: /^(thumbs\.db|desktop\.ini|icon\r)$/i, reason: 'a file of the desktop' },
  { name: /^(@eadir|\$recycle\.bin|system volume information|lost\+found)$/i, reason: 'a system folder' },
  { name: /^node_modules$/, reason: 'installed packages' },
];

/** The path of `folder` relative to `root`, with slashes; undefined when it does not lie inside. */
export async function placeWithin(root: string, folder: string): Promise<string | undefined> {
  const path = relative(await realOrSame(root), await realOrSame(folder));
  return path === '' || path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)
    ? undefined
    : path.replaceAll(sep, '/');
}

async function realOrSame(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return path;
  }
}

/** Why a path is not looked at; undefined when it is. */
export function ignoredBecause(uri: string): string | undefined {
  for (const part of uri.split('/')) {
    const rule = IGNORED.find(({ name }) => name.test(part));
    if (rule) return rule.reason;
  }
  return undefined;
}
