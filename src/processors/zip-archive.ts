import type { SourceFile } from '../document.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { withArchive } from './zip.ts';

/** ZIP archives: each file in them is read as a document of its own (members.ts). */
export const zipArchive: Processor = {
  name: 'zip',
  version: 1,
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
  for (const name of names) {
    if (name.endsWith('/') || LEFT_OUT.some((part) => name.includes(part))) continue;
    // Opened anew for each, so that no more than one member is held at a time.
    const bytes = await withArchive(file.path, limits, (archive) => archive.read(name));
    if (bytes) yield { members: [{ name, bytes }] };
  }
}
