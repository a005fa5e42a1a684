import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { openArchive, type OpenArchive } from './zip.ts';

/** ZIP archives: each file in them is read as a document of its own (members.ts). */
export const zipArchive: Processor = {
  name: 'zip',
  version: 3,
  kinds: ['zip'],
  label: 'a ZIP archive',
  extensions: ['zip'],
  holdsFiles: true,
  read,
};

/** What programs leave in archives without being asked. */
const LEFT_OUT = ['__MACOSX/', '.DS_Store', 'Thumbs.db'];

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const archive = await openArchive(file.path, limits);
  try {
    yield* readFiles(archive, limits);
  } finally {
    archive.close();
  }
}

async function* readFiles({ names, count, read }: OpenArchive, limits: Limits): AsyncGenerator<Part> {
  const failures: LimnerError[] = [];
  let kept = 0;
  for (const name of names) {
    if (name.endsWith('/') || LEFT_OUT.some((part) => name.includes(part))) continue;
    const bytes = await read(name).catch(asFailure);
    if (bytes instanceof LimnerError) {
      failures.push(bytes);
      yield { warnings: [`${name}: ${bytes.message}`] };
    } else if (bytes && kept + bytes.length > limits.archiveBytes) {
      yield { warnings: [sizeWarning(limits)] };
      break;
    } else if (bytes) {
      kept += bytes.length;
      yield { members: [{ name, bytes }] };
    }
  }
  if (kept === 0 && failures[0])
    throw new LimnerError(failures[0].code, ALL_FAIL[failures[0].code] ?? failures[0].message);
  if (count > names.length) yield { warnings: [countWarning(count, limits)] };
}

function sizeWarning({ archiveBytes }: Limits): string {
  return `The files inside hold more than ${megabytes(archiveBytes)} (${LIMIT_SETTINGS.archiveBytes}); the rest is not searchable.`;
}

function countWarning(count: number, { archiveEntries }: Limits): string {
  return `Only the first ${archiveEntries} of ${count} files inside are searchable (${LIMIT_SETTINGS.archiveEntries}).`;
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
