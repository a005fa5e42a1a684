import { readFile } from 'node:fs/promises';
import type { Entry, ZipFile } from 'yauzl';
import { LimnerError } from '../errors.ts';
import { LIMIT_SETTINGS, megabytes, type Limits } from './limits.ts';

/** Below this size the ratio says nothing. */
const RATIO_FROM_BYTES = 1024 * 1024;
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
  const zip = await openZip(path);
  try {
    if (zip.entryCount > limits.archiveEntries) throw tooMuch(`${zip.entryCount} parts`, 'archiveEntries');
    const entries = await listEntries(zip, limits);
    checkSizes(entries, limits);
    return await use(archiveOf(zip, entries));
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
  const zip = await openZip(path);
  try {
    const entries = await listEntries(zip, limits);
    const archive = archiveOf(zip, entries, (entry) => checkSize(entry, limits));
    return { ...archive, close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error;
  }
}

function archiveOf(
  zip: ZipFile,
  entries: readonly Entry[],
  check: (entry: Entry) => void = () => undefined,
): Archive {
  const byName = new Map(entries.toReversed().map((entry) => [entry.fileName, entry]));
  return {
    names: entries.map((entry) => entry.fileName),
    count: zip.entryCount,
    async read(name) {
      const entry = byName.get(name);
      if (entry) check(entry);
      return readEntry(zip, entry);
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

async function openZip(path: string): Promise<ZipFile> {
  const { openPromise } = await import('yauzl');
  try {
    return await openPromise(path, OPTIONS);
  } catch (error) {
    return mended(path, error);
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

async function readEntry(zip: ZipFile, entry: Entry | undefined): Promise<Buffer | undefined> {
  if (!entry) return undefined;
  if (entry.isEncrypted()) throw new LimnerError('encrypted', 'It is locked with a password.');
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw new LimnerError('unsupported', 'It is packed in a way that is not read; pack it again.');
  try {
    const stream = await zip.openReadStreamPromise(entry);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    throw damaged(error);
  }
}

function damaged(cause: unknown): LimnerError {
  const message = 'The file is damaged or was cut short; copy it here again from where it came from.';
  return new LimnerError('corrupt', message, { cause });
}

function tooMuch(what: string, limit: keyof Limits): LimnerError {
  const setting = LIMIT_SETTINGS[limit];
  return new LimnerError('limit', `The file unpacks to ${what}; ${setting} does not allow that.`);
}
