import { join } from 'node:path';
import { LimnerError, type ErrorCode } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { reach } from '../points.ts';
import { fieldsOf, type Catalogue, type LedgerDocument, type Outcome } from './catalogue.ts';
import { CHUNKER_VERSION, chunkSections } from './chunk.ts';
import { ocrWarning, type Extractions, type StoredExtraction } from './extractions.ts';
import type { Folders } from './folders.ts';
import { createInbox, fileNameOf, type Inbox, type Look } from './inbox.ts';
import { createMoves } from './move.ts';
import type { Prefaces } from './prefaces.ts';
import { NO_POLICY, type Effective } from './policy.ts';
import { createReadings, type ReadingParts } from './readings.ts';
import { createRecount } from './recount.ts';
import type { RequireSpace } from './space.ts';
import { takeFile, tooLarge, type Taken } from './take.ts';

export interface PipelineOptions {
  /** Folder of our own for copies that are being read. */
  spool: string;
  /** Folder that holds uploads, each named by its document's id. */
  uploads: string;
  maxFileBytes: number;
  /** Versions of all processors, and of those that can read an extension; the text is extracted again with another. */
  versions: { all: string; of(extension: string): string };
}

export interface PipelineParts {
  inbox: Inbox;
  folders: Pick<Folders, 'policy' | 'collection'>;
  catalogue: Catalogue;
  extractions: Extractions;
  figures: ReadingParts['figures'];
  extract: ReadingParts['extract'];
  requireSpace: RequireSpace;
  store: Store;
  /** Where models describe passages. */
  prefaces?: Prefaces | undefined;
}

/** What a run ends in: the ledger columns to write, the document whose row took the place of this one, or nothing new. */
export type Result = { outcome: Outcome } | { erasedFor: string } | { again: number };

/** How long a missing file's passages wait for a file that may be the same one, moved; ms. */
const MOVE_WAIT_MS = 1000;

/** How long a missing file's passages wait for a missing inbox, ms. */
const OFFLINE_WAIT_MS = 5000;

/** Waiting for these is never the document's failure: they pass by themselves. */
export const NOT_ITS_FAULT: ReadonlySet<ErrorCode> = new Set([
  'disk_full',
  'store_unavailable',
  'vanished',
  'changing',
  // The service is stopping, or the readers are.
  'cancelled',
]);

/** A file that failed so is looked at again by every scan: its disk or the server that hears it may come back. */
const LOOKED_AT_AGAIN: ReadonlySet<ErrorCode> = new Set(['unreadable', 'model_unavailable']);

export type Pipeline = ReturnType<typeof createPipeline>;

/** Brings the store in line with one document's file, from whatever state; safe to run twice. */
export function createPipeline(options: PipelineOptions, parts: PipelineParts) {
  const { inbox, folders, catalogue, store } = parts;
  const base = `${options.versions.all}/${CHUNKER_VERSION}${parts.prefaces ? '/prefaces' : ''}`;

  /** Folders speak for the files in them, not for what was sent. */
  const policyOf = (document: Pick<LedgerDocument, 'source' | 'uri'>): Effective =>
    document.source === 'inbox' ? folders.policy(document.uri) : NO_POLICY;

  function recipeOf(document: Pick<LedgerDocument, 'source' | 'uri'>): string {
    const { version } = policyOf(document);
    return version === '' ? base : `${base}/${version}`;
  }

  /** With `lastTry`, a failure that might pass is final too. */
  async function process(document: LedgerDocument, signal: AbortSignal, lastTry: boolean): Promise<Result> {
    const look = await lookAt(document);
    if (look.kind === 'absent') return forget(document);
    try {
      return await bringIn(document, look, signal);
    } catch (error) {
      if (signal.aborted || passes(error) || (mayPass(error) && !lastTry)) throw error;
      return { outcome: await giveUp(document, look.signature, error) };
    }
  }

  async function bringIn(
    document: LedgerDocument,
    look: Exclude<Look, { kind: 'absent' }>,
    signal: AbortSignal,
  ): Promise<Result> {
    if (look.kind === 'refused') throw new LimnerError(look.code, look.message);
    if (look.bytes > options.maxFileBytes) throw tooLarge(look.bytes, options.maxFileBytes);
    const taken = await take(document);
    reach('taken');
    try {
      if (isCurrent(document, taken)) return { outcome: stillCurrent(document, taken) };
      const moved = await adopt(document, taken, signal);
      return moved ?? { outcome: await make(document, taken, signal) };
    } finally {
      await taken.discard();
    }
  }

  /** Nothing of an older content stays searchable. */
  async function giveUp(document: LedgerDocument, signature: string, error: unknown): Promise<Outcome> {
    await store.remove(document.id);
    reach('removed');
    const { code, message } = reasonOf(error);
    return {
      state: 'failed',
      error: { code, message },
      warnings: [],
      chunks: 0,
      vectors: 0,
      hash: null,
      recipe: recipeOf(document),
      signature: LOOKED_AT_AGAIN.has(code) ? null : signature,
    };
  }

  /** The sentence of the design: extract, chunk, store; vectors follow (ingest/embed.ts). */
  async function make(document: LedgerDocument, taken: Taken, signal: AbortSignal): Promise<Outcome> {
    const extraction = await readings.read(document, taken, signal);
    const policy = policyOf(document);
    const said = saidOf(document, policy);
    const title = titleOf(document, extraction);
    const cut = [...chunkSections(extraction, policy.limits)];
    const { chunks, isWhole } = parts.prefaces?.apply(title, cut) ?? { chunks: cut, isWhole: true };
    const counts = await store.replace(fieldsOf({ ...document, ...said, title }), chunks);
    reach('stored');
    if (!isWhole) await parts.prefaces?.want(document.id);
    return {
      ...said,
      ...contentOf(document, taken),
      state: counts.chunks > 0 ? 'searchable' : 'empty',
      error: null,
      title,
      warnings: [...ocrWarning(extraction.ocr), ...extraction.warnings],
      pages: extraction.pages ?? null,
      ocr_pages: extraction.ocr?.pages ?? null,
      ocr_confidence: extraction.ocr?.confidence ?? null,
      processor: extraction.processor,
      revision: document.hash === taken.hash ? document.revision : document.revision + 1,
      chunks: counts.chunks,
      vectors: counts.vectors,
    };
  }

  /** What the folder says of a file, which no sender does. */
  const saidOf = (document: LedgerDocument, { tags, metadata }: Effective) =>
    document.source === 'inbox' ? { collection: folders.collection(document.uri), tags, metadata } : {};

  const contentOf = (
    document: LedgerDocument,
    taken: Taken,
  ): Pick<LedgerDocument, 'hash' | 'bytes' | 'signature' | 'recipe'> => ({
    hash: taken.hash,
    bytes: taken.bytes,
    signature: taken.signature,
    recipe: recipeOf(document),
  });

  const isCurrent = (document: LedgerDocument, taken: Taken): boolean =>
    document.hash === taken.hash &&
    document.recipe === recipeOf(document) &&
    document.error === null &&
    document.revision > 0;

  const readings = createReadings(options, { ...parts, optionsOf: (document) => policyOf(document).options });
  const adopt = createMoves({
    inbox,
    catalogue,
    store,
    make,
    collectionOf: folders.collection,
    recipeOf: (uri) => recipeOf({ source: 'inbox', uri }),
  });
  const uploads = createInbox(options.uploads);

  const lookAt = (document: LedgerDocument): Promise<Look> =>
    document.source === 'inbox' ? inbox.look(document.path) : uploads.look(Buffer.from(document.id));

  async function take(document: LedgerDocument): Promise<Taken> {
    await parts.requireSpace(document.bytes);
    const [folder, path] =
      document.source === 'inbox' ? [inbox, document.path] : [uploads, Buffer.from(document.id)];
    return takeFile(folder.root, folder.full(path), join(options.spool, document.id), options.maxFileBytes);
  }

  /** The file is absent. It may have moved to a file that was seen and not read yet: then that is read first. */
  async function forget(document: LedgerDocument): Promise<Result> {
    if (document.source === 'inbox' && !(await inbox.online())) return { again: OFFLINE_WAIT_MS };
    if (document.revision > 0 && catalogue.hasUntaken(document.bytes)) return { again: MOVE_WAIT_MS };
    await store.remove(document.id);
    reach('removed');
    return { outcome: { state: 'gone', error: null, chunks: 0, vectors: 0 } };
  }

  return {
    /** What would make the chunks of the file at `uri` in the inbox now. */
    recipeOf: (uri: string) => recipeOf({ source: 'inbox', uri }),
    /** The same for what was sent. */
    recipeOfUploads: base,
    process,
    /** What somebody who cancels a document's job is left with: not searchable, and the ledger says why. */
    async cancel(document: LedgerDocument): Promise<Outcome> {
      const look = await lookAt(document);
      const signature = look.kind === 'absent' ? '' : look.signature;
      return giveUp(
        document,
        signature,
        new LimnerError('cancelled', 'Reading it was cancelled; reindex it to read it after all.'),
      );
    },
    recount: createRecount({ catalogue, store }).some,
    figuresOf: readings.figures,
    wordsOf: readings.words,
    extractionOf: readings.text,
  };
}

function titleOf(document: LedgerDocument, extraction: StoredExtraction): string {
  if (document.source === 'upload' && document.title !== fileNameOf(document.uri)) return document.title;
  return extraction.title ?? (fileNameOf(document.uri) || document.uri);
}

function stillCurrent(document: LedgerDocument, taken: Taken): Outcome {
  return { state: document.chunks > 0 ? 'searchable' : 'empty', signature: taken.signature };
}

/** A failure that is not one of ours is a bug: it may be tried again, and is never shown as it is. */
function mayPass(error: unknown): boolean {
  return !(error instanceof LimnerError) || error.retryable;
}

function passes(error: unknown): boolean {
  return error instanceof LimnerError && NOT_ITS_FAULT.has(error.code);
}

function reasonOf(error: unknown): Pick<LimnerError, 'code' | 'message'> {
  if (error instanceof LimnerError) return error;
  return {
    code: 'internal',
    message: 'Limner failed on this file; the log has the details. Please report it.',
  };
}
