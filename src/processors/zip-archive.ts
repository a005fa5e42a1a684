import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { withArchive } from './zip.ts';

/** ZIP archives: each file in them is read as a document of its own (members.ts). */
export const zipArchive: Processor = {
  name: 'zip',
  version: 2,
  kinds: ['zip'],
  label: 'a ZIP archive',
  extensions: ['zip'],
  holdsFiles: true,
  read,
};

/** What programs leave in archives without being asked. */
const LEFT_OUT = ['__MACOSX/', '.DS_Store', 'Thumbs.db'];

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const names = await withArchive(file.path, limits, async (archive) => archive.names);
  const failures: LimnerError[] = [];
  let read = 0;
  for (const name of names) {
    if (name.endsWith('/') || LEFT_OUT.some((part) => name.includes(part))) continue;
    // Opened anew for each, so that no more than one member is held at a time.
    const bytes = await withArchive(file.path, limits, (archive) => archive.read(name)).catch(asFailure);
    if (bytes instanceof LimnerError) {
      failures.push(bytes);
      yield { warnings: [`${name}: ${bytes.message}`] };
    } else if (bytes) {
      read += 1;
      yield { members: [{ name, bytes }] };
    }
  }
  if (read === 0 && failures[0])
    throw new LimnerError(failures[0].code, ALL_FAIL[failures[0].code] ?? failures[0].message);
}

/** What a person is told when no file of the archive can be read, each for the same reason. */
const ALL_FAIL: Readonly<Record<string, string>> = {
  encrypted: 'The archive is locked with a password; unpack it and put its files here.',
  unsupported: 'The archive is packed in a way that is not read; pack it again as an ordinary ZIP file.',
};

/** What is wrong with one file costs only that file. */
function asFailure(error: unknown): LimnerError {
  if (error instanceof LimnerError) return error;
  throw error;
}
