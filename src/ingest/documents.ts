import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { LimnerError } from '../errors.ts';
import type { Arrivals } from './arrivals.ts';
import type { Catalogue, LedgerDocument } from './catalogue.ts';
import type { StoredExtraction } from './extractions.ts';
import type { FetchUrl } from './fetch-url.ts';
import type { Figures, KeptFigure } from './figures.ts';
import type { Metadata } from './filter.ts';
import type { Folders } from './folders.ts';
import { uriOf, type Inbox } from './inbox.ts';
import type { Pipeline } from './pipeline.ts';
import { placeWords, type PlacedWord } from './place-words.ts';
import { PRIORITY } from './queue.ts';
import type { ReadAgain } from './read-again.ts';
import type { Store } from '../store/store.ts';
import { openInside } from './take.ts';
import { checkCollection, type SaveUpload, type Upload } from './uploads.ts';

export interface DocumentsParts {
  store: Pick<Store, 'chunks'>;
  inbox: Inbox;
  folders: Pick<Folders, 'ignores'>;
  catalogue: Catalogue;
  readAgain: ReadAgain;
  arrivals: Pick<Arrivals, 'submit'>;
  pipeline: Pick<Pipeline, 'extractionOf' | 'figuresOf' | 'wordsOf'>;
  figures: Pick<Figures, 'pathOf'>;
  save: SaveUpload;
  fetchUrl: FetchUrl;
  uploads: string;
}

/** The words of a page with its size, in points or the pixels of a picture. */
export interface PlacedPage {
  page: number;
  width: number;
  height: number;
  words: PlacedWord[];
}

/** A picture of a document: where its file lies, and where a browser gets it, below the public address. */
export interface DocumentFigure extends KeptFigure {
  path: string;
  url: string;
}

/** Bytes of a file, both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

export type Documents = ReturnType<typeof createDocuments>;

/** What people and programs do with documents: look, send, take away, make again. */
export function createDocuments(parts: DocumentsParts) {
  const { inbox, catalogue, readAgain } = parts;

  function get(id: string): LedgerDocument {
    const document = catalogue.get(id);
    if (!document) throw new LimnerError('not_found', `There is no document ${id}.`);
    return document;
  }

  function figuresOf(id: string, page?: number): DocumentFigure[] {
    const base = `/api/documents/${encodeURIComponent(id)}/figures`;
    return parts.pipeline
      .figuresOf(get(id), page)
      .map((figure) =>
        Object.assign(figure, { path: parts.figures.pathOf(figure.id), url: `${base}/${figure.id}` }),
      );
  }

  return {
    get,
    list: catalogue.list,
    collections: catalogue.collections,
    upload: async (upload: Parameters<SaveUpload>[0]): Promise<LedgerDocument> =>
      get(await parts.save(upload)),

    /** What stands at an address of the public network. Throws what `fetchUrl` throws. */
    async uploadUrl(
      { url, ...about }: Omit<Upload, 'kind' | 'name' | 'body'> & { url: string },
      signal: AbortSignal,
    ): Promise<LedgerDocument> {
      const fetched = await parts.fetchUrl(url, signal);
      const externalId = about.externalId ?? new URL(url).href;
      const name = fetched.url.pathname.split('/').findLast(Boolean) ?? fetched.url.host;
      return get(await parts.save({ ...about, externalId, kind: 'uploads', name, body: fetched.body }));
    },

    /** Reads a file of the inbox now, without waiting for it to settle: who asks says that it is complete. */
    async process(filepath: string): Promise<LedgerDocument> {
      const path = insideInbox(inbox.root, filepath);
      const uri = uriOf(path);
      const ignored = parts.folders.ignores(uri);
      if (ignored)
        throw new LimnerError('invalid_request', `${uri} is ignored: it is ${ignored}.`, {
          param: 'filepath',
        });
      const look = await inbox.look(path);
      if (look.kind === 'absent')
        throw new LimnerError('not_found', `There is no file ${uri} in the inbox.`, { param: 'filepath' });
      return get(await parts.arrivals.submit(uri, path, look.bytes, PRIORITY.awaited));
    },

    /** Makes the document again from its file, also when nothing changed. */
    async reindex(id: string): Promise<LedgerDocument> {
      get(id);
      await readAgain(id, { priority: PRIORITY.awaited });
      return get(id);
    },

    /** Replaces what is said of an uploaded document; a file's folder speaks for a file. */
    async annotate(id: string, about: { metadata?: Metadata; tags?: string[] }): Promise<LedgerDocument> {
      if (get(id).source === 'inbox')
        throw new LimnerError(
          'conflict',
          'A file of the inbox has what the .limner.yaml of its folder says.',
        );
      await catalogue.change(id, (connection) => catalogue.set(connection, id, about));
      return get(id);
    },

    /** Puts an uploaded document into another collection. A file of the inbox is where its folder is. */
    async move(id: string, collection: string): Promise<LedgerDocument> {
      const document = get(id);
      if (document.collection === collection) return document;
      if (document.source === 'inbox')
        throw new LimnerError('conflict', `${document.uri} lies in the inbox; move the file there.`);
      await readAgain(id, { collection: checkCollection(collection), priority: PRIORITY.awaited });
      return get(id);
    },

    /** Takes an uploaded document away. A file of the inbox is its owner's: it is removed there. */
    async remove(id: string): Promise<LedgerDocument> {
      const document = get(id);
      if (document.source === 'inbox' && document.state !== 'gone')
        throw new LimnerError(
          'conflict',
          `${document.uri} lies in the inbox; remove it there and it is forgotten.`,
        );
      await rm(join(parts.uploads, id), { force: true });
      await readAgain(id, { priority: PRIORITY.gone });
      return get(id);
    },

    /** What was sent under this external id, if anything was. */
    sent: (externalId: string): LedgerDocument | undefined => catalogue.find('upload', externalId),

    /** Takes away what was sent under this external id. */
    removeSent(externalId: string): Promise<LedgerDocument> {
      const document = catalogue.find('upload', externalId);
      if (!document)
        throw new LimnerError('not_found', `Nothing was sent as ${externalId}.`, { param: 'external_id' });
      return this.remove(document.id);
    },

    text: (document: LedgerDocument): Promise<StoredExtraction | undefined> =>
      parts.pipeline.extractionOf(document),

    /** What it was cut into, in its order. */
    chunks: (document: LedgerDocument, page: { offset: number; limit: number }) =>
      parts.store.chunks(document.id, page),

    /** Where the words of a page stand; nothing for a document or a page whose places are not known. */
    async words(document: LedgerDocument, page: number): Promise<PlacedPage | undefined> {
      const pages = await parts.pipeline.wordsOf(document);
      const known = pages.find((one) => one.page === page);
      if (!known) return undefined;
      const sections = (await parts.pipeline.extractionOf(document))?.sections ?? [];
      const { width, height } = known;
      return { page, width, height, words: placeWords(known, sections) };
    },

    /** Pictures of a document in reading order, or of one of its pages. Throws LimnerError `not_found`. */
    figuresOf,

    /** One of them. Throws LimnerError `not_found`. */
    figure(id: string, figureId: string): DocumentFigure {
      const found = figuresOf(id).find((figure) => figure.id === figureId);
      if (!found) throw new LimnerError('not_found', `Document ${id} has no figure ${figureId}.`);
      return found;
    },

    /** The original bytes, or those that `partOf` picks by their number. Throws what `openInside` throws. */
    async open(
      document: LedgerDocument,
      partOf: (bytes: number) => ByteRange | undefined = () => undefined,
    ): Promise<{ stream: Readable; bytes: number; part: ByteRange | undefined }> {
      const [root, path] =
        document.source === 'inbox'
          ? [inbox.root, inbox.full(document.path)]
          : [parts.uploads, Buffer.from(join(parts.uploads, document.id))];
      const handle = await openInside(root, path);
      const { size } = await handle.stat();
      const part = partOf(size);
      const stream = createReadStream('', { fd: handle, start: 0, ...part });
      return { stream, bytes: size, part };
    },
  };
}

function insideInbox(root: string, filepath: string): Buffer {
  const path = isAbsolute(filepath) ? relative(root, filepath) : normalize(filepath);
  if (
    path === '' ||
    path === '.' ||
    path.includes('\0') ||
    path === '..' ||
    path.startsWith(`..${sep}`) ||
    isAbsolute(path)
  )
    throw new LimnerError('outside', 'The path must lead to a file inside the inbox.', { param: 'filepath' });
  return Buffer.from(path);
}
