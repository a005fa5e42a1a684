import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';
import type { Part } from './processor.ts';

const BLOCK = 512;
/** A header of these types says something of the next one: GNU long names and PAX records. */
const LONG_NAME = 'L';
const RECORDS = 'x';
const PLAIN = new Set(['0', '\0', '7']);

/** Whether a first block is a tar header (POSIX.1-1988, ustar). */
export function isTar(head: Buffer): boolean {
  return head.length >= BLOCK && head.toString('latin1', 257, 262) === 'ustar';
}

/** The plain files of a tar archive, a part each. Nothing is written anywhere, so names can do no harm. */
export async function* readTar(chunks: AsyncIterable<unknown>, limits: Limits): AsyncGenerator<Part> {
  const take = createTaker(chunks);
  let longName: string | undefined;
  for (let head = await take(BLOCK); head.length === BLOCK && head[0] !== 0; head = await take(BLOCK)) {
    const size = sizeOf(head, limits.archiveEntryBytes);
    const type = head.toString('latin1', 156, 157);
    const padded = Math.ceil(size / BLOCK) * BLOCK;
    const bytes = (await take(padded)).subarray(0, size);
    if (bytes.length < size) throw damaged();
    if (PLAIN.has(type) && size > 0) yield { members: [{ name: longName ?? nameOf(head), bytes }] };
    longName = nextName(type, bytes);
  }
}

function nextName(type: string, bytes: Buffer): string | undefined {
  if (type === LONG_NAME) return cString(bytes);
  if (type !== RECORDS) return undefined;
  const record = bytes
    .toString('utf8')
    .split('\n')
    .find((line) => / path=/.test(line.slice(0, 16)));
  return record?.slice(record.indexOf('=') + 1);
}

function nameOf(head: Buffer): string {
  const prefix = head.toString('latin1', 257, 263) === 'ustar\0' ? cString(head.subarray(345, 500)) : '';
  const name = cString(head.subarray(0, 100));
  return prefix === '' ? name : `${prefix}/${name}`;
}

function cString(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

function sizeOf(head: Buffer, maxBytes: number): number {
  const size = parseInt(cString(head.subarray(124, 136)).trim() || '0', 8);
  if (!Number.isSafeInteger(size) || size < 0) throw damaged();
  if (size > maxBytes) {
    const message = `A file in the archive has ${megabytes(size)}; ${LIMIT_SETTINGS.archiveEntryBytes} does not allow that.`;
    throw new LimnerError('limit', message);
  }
  return size;
}

function damaged(): LimnerError {
  return new LimnerError('corrupt', 'The archive is damaged or was cut short; copy it here again.');
}

/** Gives the next so many bytes of a stream, fewer at its end. */
function createTaker(chunks: AsyncIterable<unknown>): (length: number) => Promise<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let size = 0;
  return async (length) => {
    while (size < length) {
      const { done, value } = await source.next();
      if (done) break;
      if (Buffer.isBuffer(value)) {
        held.push(value);
        size += value.length;
      }
    }
    const whole = Buffer.concat(held);
    held = [whole.subarray(length)];
    size = Math.max(0, whole.length - length);
    return whole.subarray(0, length);
  };
}
