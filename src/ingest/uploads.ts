import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LimnerError, systemCode } from '../errors.ts';
import type { Connection, Database } from '../sqlite.ts';
import { reach } from '../points.ts';
import type { Catalogue } from './catalogue.ts';
import type { Metadata } from './filter.ts';
import { createInbox, isOf, DEFAULT_COLLECTION, fileNameOf } from './inbox.ts';
import { PRIORITY, type Queue } from './queue.ts';
import type { RequireSpace } from './space.ts';
import { tooLarge } from './take.ts';
import { DOCUMENT_JOB } from './worker.ts';

/** A document that was sent, not dropped. */
export interface Upload {
  /** The sender's own name for it: sending it again replaces the content. Without one, equal contents are one document. */
  externalId?: string;
  /** First part of the `uri` of a document without an external id. */
  kind: 'uploads' | 'texts';
  /** The last part of it; its ending helps to choose the processor. */
  name: string;
  /** Without one the document's own title is taken, or its name. */
  title?: string;
  collection?: string;
  /** Replaces what was said of it before; without it that stays. */
  metadata?: Metadata;
  tags?: string[];
  body: Readable;
  /** Collections whose documents it may replace; all of them where this is left out. */
  within?: readonly string[];
}

export interface UploadOptions {
  /** Where the bytes are kept, each file named by its document's id. */
  folder: string;
  spool: string;
  maxFileBytes: number;
}

export type SaveUpload = ReturnType<typeof createUploads>;

/**
 * Keeps the bytes durably, then writes row and job; resolves with the document's id after both, so that what
 * was accepted is never lost. Throws `too_large`, `disk_full` or `invalid_request`.
 */
export function createUploads(
  options: UploadOptions,
  {
    database,
    catalogue,
    queue,
    requireSpace,
  }: { database: Database; catalogue: Catalogue; queue: Queue; requireSpace: RequireSpace },
) {
  return async function save(upload: Upload): Promise<string> {
    const collection = checkCollection(upload.collection ?? DEFAULT_COLLECTION);
    await requireSpace(0);
    const incoming = join(options.spool, `incoming-${randomBytes(8).toString('hex')}`);
    try {
      const { bytes, hash } = await keep(upload.body, incoming, options.maxFileBytes);
      reach('upload kept');
      const id = await database.write((connection) => {
        const uri = uriFor(connection, upload, { hash, collection });
        return catalogue.see(connection, {
          source: 'upload',
          uri,
          path: Buffer.from(uri),
          title: upload.title ?? (fileNameOf(uri) || uri),
          collection,
          bytes,
        });
      });
      reach('upload listed');
      await rename(incoming, join(options.folder, id));
      reach('upload placed');
      await catalogue.change(id, (connection) => {
        catalogue.set(connection, id, {
          state: 'waiting',
          collection,
          ...(upload.title !== undefined && { title: upload.title }),
          ...(upload.metadata && { metadata: upload.metadata }),
          ...(upload.tags && { tags: upload.tags }),
        });
        queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id, priority: PRIORITY.awaited });
      });
      queue.wake();
      return id;
    } finally {
      await rm(incoming, { force: true });
    }
  };
}

/**
 * Equal contents are one document, save for a sender who may not replace the one that is there: his own is another.
 * Throws `forbidden` for an external id that is taken by such a one. It is asked in the write that takes the name.
 */
function uriFor(
  connection: Connection,
  { externalId, kind, name, within }: Upload,
  { hash, collection }: { hash: string; collection: string },
): string {
  const content = hash.slice(0, 12);
  const own = createHash('sha256').update(collection).digest('hex').slice(0, 8);
  const wanted =
    externalId === undefined
      ? [`${kind}/${content}/${name}`, `${kind}/${content}-${own}/${name}`]
      : [externalId];
  const free = wanted.find((uri) => {
    const known = connection.get<{ collection: string }>(
      `select collection from document where source = 'upload' and uri = ?`,
      uri,
    );
    return !known || !within || within.includes(known.collection);
  });
  if (free !== undefined) return free;
  throw new LimnerError(
    'forbidden',
    'A document of this name is there already, and this key does not reach it.',
    {
      param: 'external_id',
    },
  );
}

async function keep(
  body: Readable,
  path: string,
  maxBytes: number,
): Promise<{ bytes: number; hash: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const counting = new Transform({
    transform(part: Buffer, _encoding, done) {
      bytes += part.length;
      hash.update(part);
      done(bytes > maxBytes ? tooLarge(bytes, maxBytes) : null, part);
    },
  });
  try {
    await pipeline(body, counting, createWriteStream(path, { mode: 0o600 }));
    await sync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOSPC')
      throw new LimnerError('disk_full', 'The disk of the data folder is full; free some space.', {
        cause: error,
      });
    throw error;
  }
  return { bytes, hash: hash.digest('hex') };
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A collection is a folder's name, so it has to be able to be one. */
export function checkCollection(name: string): string {
  if (/^[^/\\\p{Cc}]{1,100}$/u.test(name) && name !== '.' && name !== '..') return name;
  throw new LimnerError('invalid_request', 'A collection is a name of 1 to 100 characters without slashes.', {
    param: 'collection',
  });
}

interface RecoveryParts {
  database: Database;
  catalogue: Catalogue;
  queue: Queue;
  /** What would make the passages of what was sent now. */
  recipe: string;
}

/**
 * Brings the ledger in line with the bytes that are kept, after a start: a crash may have come between the two. A row
 * whose bytes never came was never acknowledged and goes; bytes that the ledger does not know as they are now, or that
 * another recipe made passages of, are read.
 */
export async function recoverUploads(
  folder: string,
  { database, catalogue, queue, recipe }: RecoveryParts,
): Promise<void> {
  const kept = createInbox(folder);
  for (const { id, state, signature, recipe: made } of catalogue.uploadRows()) {
    if (queue.has(DOCUMENT_JOB, id)) continue;
    const look = await kept.look(Buffer.from(id));
    const never = look.kind === 'absent' && state === 'seen';
    const isKnown = look.kind !== 'absent' && (isOf(signature, look.signature) || state === 'failed');
    if (isKnown && made === recipe) continue;
    await database.write((connection) => {
      if (never) return catalogue.erase(connection, id);
      catalogue.set(connection, id, { state: 'waiting' });
      const priority = isKnown ? PRIORITY.again : PRIORITY.awaited;
      queue.enqueue(connection, { kind: DOCUMENT_JOB, key: id, priority });
    });
  }
  queue.wake();
}
