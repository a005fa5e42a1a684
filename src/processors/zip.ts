import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { inflateRawSync } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';

/** Below this size the ratio says nothing. */
const RATIO_FROM_BYTES = 1024 * 1024;
/** Up to this size a file is read whole: every entry drawn out of it otherwise waits for other threads several times. */
const WHOLE_BYTES = 32 * 1024 * 1024;
/** Text parts are checked first and read afterwards; so many bytes of them are unpacked once. */
const KEPT_BYTES = 32 * 1024 * 1024;
const STORED = 0;
const DEFLATED = 8;
const MAX_MENDED_BYTES = 64 * 1024;
const TEXT_PARTS = ['.xml', '.rels', '.xhtml', '.html', '.htm', '.opf', '.ncx', '.vml'];

export interface Archive {
  names: readonly string[];
  /** How many entries there are, those beyond the limit too. */
  count: number;
  /**
   * The bytes of one entry; undefined where there is none of that name. Throws LimnerError `corrupt`, `encrypted`
   * or `unsupported`.
   */
  read(name: string): Promise<Buffer | undefined>;
}

/**
 * Opens a ZIP container, passes it to `use` and closes it. Its central directory is checked before any entry is
 * read. Throws LimnerError `corrupt` when it is damaged, `limit` when it unpacks to too much.
 */
export async function withArchive<T>(
  path: string,
  limits: Limits,
  use: (archive: Archive) => Promise<T>,
): Promise<T> {
  const { zip, data } = await openZip(path);
  try {
    if (zip.entryCount > limits.archiveEntries) throw tooMuch(`${zip.entryCount} parts`, 'archiveEntries');
    const entries = await listEntries(zip, limits);
    checkSizes(entries, limits);
    return await use(archiveOf({ zip, data }, entries));
  } finally {
    zip.close();
  }
}

/** An archive that stays open until `close`. */
export type OpenArchive = Archive & { close(): void };

/**
 * As `withArchive`, for archives whose files have nothing to do with each other: the first so many entries are listed,
 * and one that unpacks to too much is refused when it is read.
 */
export async function openArchive(path: string, limits: Limits): Promise<OpenArchive> {
  const { zip, data } = await openZip(path);
  try {
    const entries = await listEntries(zip, limits);
    const archive = archiveOf({ zip, data }, entries, (entry) => checkSize(entry, limits));
    return { ...archive, close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** An open file, and all its bytes where it is small. */
interface OpenZip {
  zip: ZipFile;
  data?: Buffer | undefined;
}

function archiveOf(
  opened: OpenZip,
  entries: readonly Entry[],
  check: (entry: Entry) => void = () => undefined,
): Archive {
  const byName = new Map(entries.toReversed().map((entry) => [entry.fileName, entry]));
  const kept = new Map<Entry, Buffer>();
  let room = KEPT_BYTES;
  return {
    names: entries.map((entry) => entry.fileName),
    count: opened.zip.entryCount,
    async read(name) {
      const entry = byName.get(name);
      if (!entry) return undefined;
      check(entry);
      const bytes = kept.get(entry) ?? (await readEntry(opened, entry));
      if (!isTextPart(name) || bytes.length > room || kept.has(entry)) return bytes;
      room -= bytes.length;
      kept.set(entry, bytes);
      return bytes;
    },
  };
}

/**
 * Unpacks every text part and throws the bytes away: sizes in the directory may lie, and the parsers behind
 * believe them. Throws as `withArchive` does.
 */
export async function verifyTextParts(archive: Archive): Promise<void> {
  for (const name of archive.names) if (isTextPart(name)) await archive.read(name);
}

/** Names are labels and never paths here, so they are not refused for where they would lead. */
const OPTIONS = { lazyEntries: true, autoClose: false, validateEntrySizes: true, decodeStrings: false };

async function openZip(path: string): Promise<OpenZip> {
  const { fromBufferPromise, openPromise } = await import('yauzl');
  try {
    if (statSync(path).size > WHOLE_BYTES) return { zip: await openPromise(path, OPTIONS) };
    const data = readFileSync(path);
    return { zip: await fromBufferPromise(data, OPTIONS), data };
  } catch (error) {
    return { zip: await mended(path, error) };
  }
}

/** Some programs end the file a few bytes before or after what its last record says; all else is in place. */
async function mended(path: string, cause: unknown): Promise<ZipFile> {
  const lengths = cause instanceof Error ? /Expected: (\d+)\. Found: (\d+)/.exec(cause.message) : null;
  // "Expected" is what stands after the record, "Found" what the record says.
  const missing = Number(lengths?.[2]) - Number(lengths?.[1]);
  if (!lengths || Math.abs(missing) > MAX_MENDED_BYTES) throw damaged(cause);
  const data = await readFile(path);
  const { fromBufferPromise } = await import('yauzl');
  const whole = missing > 0 ? Buffer.concat([data, Buffer.alloc(missing)]) : data.subarray(0, missing);
  return fromBufferPromise(whole, OPTIONS).catch((error: unknown) => {
    throw damaged(error);
  });
}

async function listEntries(zip: ZipFile, limits: Limits): Promise<Entry[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Entry[]>();
  const { getFileNameLowLevel } = await import('yauzl');
  const entries: Entry[] = [];
  zip.on('entry', (entry: Entry) => {
    const { generalPurposeBitFlag, fileNameRaw, extraFields } = entry;
    entry.fileName = getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, false);
    entries.push(entry);
    if (entries.length < limits.archiveEntries) zip.readEntry();
    else resolve(entries);
  });
  zip.on('end', () => resolve(entries));
  zip.on('error', (error: unknown) => reject(damaged(error)));
  zip.readEntry();
  return promise;
}

function checkSizes(entries: readonly Entry[], limits: Limits): void {
  let total = 0;
  for (const entry of entries) {
    checkSize(entry, limits);
    total += entry.uncompressedSize;
    if (total > limits.archiveBytes)
      throw tooMuch(`more than ${megabytes(limits.archiveBytes)}`, 'archiveBytes');
  }
}

function checkSize(entry: Entry, limits: Limits): void {
  const size = entry.uncompressedSize;
  if (size > limits.archiveEntryBytes) throw tooMuch(`a part of ${megabytes(size)}`, 'archiveEntryBytes');
  if (isInflated(entry, limits.archiveRatio))
    throw tooMuch('a part hundreds of times its packed size', 'archiveRatio');
}

function isInflated(entry: Entry, ratio: number): boolean {
  if (!isTextPart(entry.fileName) || entry.uncompressedSize < RATIO_FROM_BYTES) return false;
  return entry.uncompressedSize > entry.compressedSize * ratio;
}

function isTextPart(name: string): boolean {
  return TEXT_PARTS.some((ending) => name.endsWith(ending));
}

async function readEntry({ zip, data }: OpenZip, entry: Entry): Promise<Buffer> {
  if (entry.isEncrypted()) throw new LimnerError('encrypted', 'It is locked with a password.');
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw new LimnerError('unsupported', 'It is packed in a way that is not read; pack it again.');
  try {
    if (!data) return await streamed(zip, entry);
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return unpacked(data.subarray(fileDataStart, fileDataStart + entry.compressedSize), entry);
  } catch (error) {
    throw damaged(error);
  }
}

/** Never more than its entry says: what is longer is given up on the way. */
function unpacked(packed: Buffer, { compressionMethod, uncompressedSize }: Entry): Buffer {
  if (compressionMethod === STORED) return Buffer.from(packed);
  const bytes = inflateRawSync(packed, { maxOutputLength: Math.max(1, uncompressedSize) });
  if (bytes.length !== uncompressedSize) throw new RangeError('A part is shorter than its entry says.');
  return bytes;
}

async function streamed(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const stream = await zip.openReadStreamPromise(entry);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function damaged(cause: unknown): LimnerError {
  const message = 'The file is damaged or was cut short; copy it here again from where it came from.';
  return new LimnerError('corrupt', message, { cause });
}

function tooMuch(what: string, limit: keyof Limits): LimnerError {
  const setting = LIMIT_SETTINGS[limit];
  return new LimnerError('limit', `The file unpacks to ${what}; ${setting} does not allow that.`);
}
