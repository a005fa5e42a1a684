import { readFile } from 'node:fs/promises';
import type { SourceFile } from '../document.ts';
import { readMessage } from './mail-message.ts';
import type { Part, Processor } from './processor.ts';

/** E-mail: its headers and its text; attachments are read as documents of their own. */
export const mail: Processor = {
  name: 'mail',
  version: 3,
  kinds: ['mail'],
  label: 'an e-mail message',
  extensions: ['eml', 'emlx'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  yield* readMessage(await readFile(file.path));
}
