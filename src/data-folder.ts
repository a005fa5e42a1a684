import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder, openDatabase } from './sqlite.ts';

/** The folder that holds everything Limner writes, for this process alone. Throws `data_in_use`. */
export async function openDataFolder(data: string) {
  const uploads = join(data, 'uploads');
  const spool = join(data, 'spool');
  await mkdir(data, { recursive: true });
  const unlock = lockFolder(data);
  await rm(spool, { recursive: true, force: true });
  for (const folder of [uploads, spool]) await mkdir(folder, { recursive: true });
  return { uploads, spool, unlock, database: openDatabase(join(data, 'limner.sqlite')) };
}
