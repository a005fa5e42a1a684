import { readFile } from 'node:fs/promises';
import type { SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { OPEN_PASSWORDS, unlockPackage } from './office-lock.ts';
import { oleStream } from './ole-file.ts';
import type { Part, Processor } from './processor.ts';

/**
 * Encrypted Office documents: one that is locked with a password that programs use where nobody chose one is read as
 * a file inside; the others are `encrypted`.
 */
export const locked: Processor = {
  name: 'locked',
  version: 1,
  kinds: ['encrypted'],
  label: 'an encrypted Office document',
  extensions: [],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const bytes = await unlock(await readFile(file.path));
  if (!bytes)
    throw new LimnerError(
      'encrypted',
      'This Office document is locked with a password; save it without one.',
    );
  yield { members: [{ name: file.name, bytes }] };
}

async function unlock(data: Buffer): Promise<Buffer | undefined> {
  const [info, whole] = [oleStream(data, 'EncryptionInfo'), oleStream(data, 'EncryptedPackage')];
  if (!info || !whole) return undefined;
  try {
    for (const password of OPEN_PASSWORDS) {
      const bytes = await unlockPackage(info, whole, password);
      if (bytes) return bytes;
    }
  } catch (error) {
    // Ciphers that are not AES, lengths beyond the streams: locked all the same.
    if (error instanceof Error) return undefined;
    throw error;
  }
  return undefined;
}
