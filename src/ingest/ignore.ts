import { realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { LimnerError, systemCode } from '../errors.ts';

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

/**
 * The path of the data folder relative to the inbox, with slashes; undefined when it does not lie inside.
 * @throws LimnerError `invalid_config` when it is the inbox itself.
 */
export async function placeWithin(inbox: string, data: string): Promise<string | undefined> {
  const path = relative(await realOrSame(inbox), await realOrSame(data));
  if (path === '')
    throw new LimnerError(
      'invalid_config',
      'The inbox (LIMNER_INBOX) cannot be the data folder (LIMNER_DATA) too.',
    );
  if (path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path)) return undefined;
  return path.replaceAll(sep, '/');
}

/** Where a path leads, as far as it is there. */
async function realOrSame(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return join(await realOrSame(dirname(path)), basename(path));
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
