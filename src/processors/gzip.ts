import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import type { SourceFile } from '../document.ts';
import { LimnerError, systemCode } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { isTar, readTar } from './tar-format.ts';

/** gzip: the file inside is read as a document of its own, and so are the files of a tar archive inside. */
export const gzip: Processor = {
  name: 'gzip',
  version: 1,
  kinds: ['gz', 'tar.gz'],
  label: 'a gzip file',
  extensions: ['gz', 'tgz'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const chunks = unpack(file.path, limits.archiveBytes);
  const first = await chunks.next();
  if (first.done) return;
  const whole = rejoin(first.value, chunks);
  if (isTar(first.value)) yield* readTar(whole, limits);
  else
    yield { members: [{ name: innerName(file.name), bytes: Buffer.concat(await Array.fromAsync(whole)) }] };
}

async function* rejoin(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* unpack(path: string, maxBytes: number): AsyncGenerator<Buffer> {
  const source = createReadStream(path);
  const unpacked = source.pipe(createGunzip());
  source.on('error', (error) => unpacked.destroy(error));
  let total = 0;
  try {
    for await (const chunk of unpacked) {
      if (!Buffer.isBuffer(chunk)) continue;
      total += chunk.length;
      if (total > maxBytes) throw tooMuch(maxBytes);
      yield chunk;
    }
  } catch (cause) {
    if (!systemCode(cause)?.startsWith('Z_')) throw cause;
    throw new LimnerError('corrupt', 'The file is damaged or was cut short; copy it here again.', { cause });
  } finally {
    source.destroy();
  }
}

function tooMuch(maxBytes: number): LimnerError {
  const message = `The file unpacks to more than ${megabytes(maxBytes)}; ${LIMIT_SETTINGS.archiveBytes} does not allow that.`;
  return new LimnerError('limit', message);
}

function innerName(name: string): string {
  return name.toLowerCase().endsWith('.tgz') ? `${name.slice(0, -4)}.tar` : name.replace(/\.gz$/i, '');
}
