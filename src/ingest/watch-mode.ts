import { statfs } from 'node:fs/promises';
import { systemCode } from '../errors.ts';

/** How changes of the inbox are noticed between two scans at the usual distance. */
export interface WatchMode {
  mode: 'events' | 'polling';
  /** Why it is polled; null while events are believed. */
  reason: string | null;
}

/** File systems whose changes may come from another machine, by the number that `statfs` gives (Linux, magic.h). */
const REMOTE: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x6a656a63, 'virtiofs'],
  [0x786f4256, 'VirtualBox shared folder'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
]);

/** With `auto` the file system decides: where events do not arrive, the folder is looked through often instead. */
export async function watchModeOf(root: string, wish: 'auto' | 'events' | 'polling'): Promise<WatchMode> {
  if (wish === 'events') return { mode: 'events', reason: null };
  if (wish === 'polling') return { mode: 'polling', reason: 'LIMNER_WATCH=polling' };
  const kind = REMOTE.get(await typeOf(root));
  if (kind === undefined) return { mode: 'events', reason: null };
  return { mode: 'polling', reason: `the inbox lies on ${kind}, where events may not arrive` };
}

async function typeOf(root: string): Promise<number> {
  try {
    // The system's number may be given with a sign.
    return (await statfs(root)).type >>> 0;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return 0;
  }
}
