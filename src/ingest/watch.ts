import { relative } from 'node:path';
import { watch as chokidar } from 'chokidar';
import type { Log } from '../log.ts';
import { isSettingsFile } from './folders.ts';
import { ignoredBecause } from './ignore.ts';
import { uriOf } from './inbox.ts';

/** Errors of the watcher are told at most this often: one per file can fill a disk with log lines. */
const TELL_EVERY_MS = 60_000;

/**
 * Calls `onHint` with the path (relative bytes) of whatever seems to have changed. A hint may be late, doubled
 * or missing: the folder is the truth, and a scan finds what was missed. `onTrouble` asks for such a scan.
 */
export async function watchInbox(
  root: string,
  parts: { onHint: (path: Uint8Array) => void; onTrouble: () => void; log: Log },
): Promise<() => Promise<void>> {
  const watcher = chokidar(root, {
    ignoreInitial: true,
    followSymlinks: false,
    atomic: false,
    awaitWriteFinish: false,
    ignored: (path) => path !== root && isLeftOut(uriOf(Buffer.from(relative(root, path)))),
  });
  const hint = (path: string): void => parts.onHint(Buffer.from(relative(root, path)));
  watcher.on('add', hint).on('change', hint).on('unlink', hint);
  watcher.on('error', tellSometimes(parts));
  await new Promise<void>((ready) => void watcher.once('ready', ready));
  return () => watcher.close();
}

/** Settings of folders are watched although they are no documents. */
function isLeftOut(uri: string): boolean {
  const slash = uri.lastIndexOf('/');
  if (isSettingsFile(uri)) return slash !== -1 && ignoredBecause(uri.slice(0, slash)) !== undefined;
  return ignoredBecause(uri) !== undefined;
}

function tellSometimes({ log, onTrouble }: { log: Log; onTrouble: () => void }): (error: unknown) => void {
  let told = -Infinity;
  let silent = 0;
  return (error) => {
    silent++;
    if (performance.now() - told < TELL_EVERY_MS) return;
    log.warn({ err: error, errors: silent }, 'watching the inbox has trouble; scans find what it misses');
    told = performance.now();
    silent = 0;
    onTrouble();
  };
}
