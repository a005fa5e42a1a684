import { flushCompileCache } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** Copies pages of the log into the database file whenever it is asked, and answers when they are on the disk. */
function serve(port: NonNullable<typeof parentPort>, path: string): void {
  const database = new DatabaseSync(path);
  database.exec('pragma busy_timeout = 5000; pragma wal_autocheckpoint = 0');
  port.on('message', () => {
    database.exec('pragma wal_checkpoint(passive)');
    port.postMessage('done');
  });
}

if (parentPort && typeof workerData === 'string') serve(parentPort, workerData);
// A thread is ended from without, which keeps nothing.
flushCompileCache();
