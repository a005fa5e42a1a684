import { open, type FileHandle } from 'node:fs/promises';

/** Brings what was written to a file onto the disk, without keeping the event loop. */
export interface LogSync {
  /** Resolves when all that was written before the call is on the disk; calls that come meanwhile share the next sync. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

const datasync = (file: FileHandle): Promise<void> => file.datasync();

/** `path` has to exist when `sync` is called first. `toDisk` is what a test sets otherwise. */
export function createLogSync(path: string, toDisk: (file: FileHandle) => Promise<void> = datasync): LogSync {
  let file: FileHandle | undefined;
  let next: PromiseWithResolvers<void> | undefined;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let current = next; current; current = next) {
      next = undefined;
      try {
        file ??= await open(path, 'r+');
        await toDisk(file);
        current.resolve();
      } catch (error) {
        current.reject(error);
      }
    }
    running = undefined;
  }

  return {
    sync() {
      const { promise } = (next ??= Promise.withResolvers<void>());
      running ??= run();
      return promise;
    },
    async close() {
      await running;
      await file?.close();
      file = undefined;
    },
  };
}
