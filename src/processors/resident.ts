import { readFile } from 'node:fs/promises';

/** Linux has pages of 4 KiB on every machine that Node 24 is built for, save some with larger ones, which then
 * only makes the limit looser. */
const PAGE_BYTES = 4096;

/** Resident memory of a process in bytes; 0 where the system does not tell or the process is gone. */
export async function residentBytes(pid: number | undefined): Promise<number> {
  if (process.platform !== 'linux' || pid === undefined) return 0;
  // proc(5), statm: the second field is the resident set size in pages.
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return Number(statm.split(' ')[1]) * PAGE_BYTES;
}
