import { createReadStream } from 'node:fs';
import type { SourceFile } from '../document.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { readTar } from './tar-format.ts';

/** Tar archives: each plain file in them is read as a document of its own; links and devices are passed over. */
export const tar: Processor = {
  name: 'tar',
  version: 1,
  kinds: ['tar'],
  label: 'a tar archive',
  extensions: ['tar'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  yield* readTar(createReadStream(file.path), limits);
}
