import { extname } from 'node:path/posix';
import type { Figure, PageWords, Section, SourceFile } from '../document.ts';
import { reach } from '../points.ts';
import type { LedgerDocument } from './catalogue.ts';
import type { ExtractionKey, Extractions, StoredExtraction } from './extractions.ts';
import type { Figures, KeptFigure } from './figures.ts';
import { fileNameOf } from './inbox.ts';
import type { Taken } from './take.ts';

/** What reading a file gives: the extraction, and what is kept beside it. */
export type ReadExtraction = StoredExtraction & {
  words?: PageWords[];
  figures?: (Figure & { bytes: Uint8Array })[];
};

export interface ReadingParts {
  extractions: Extractions;
  figures: Pick<Figures, 'put' | 'of'>;
  extract: (file: SourceFile, signal: AbortSignal) => Promise<ReadExtraction>;
  /** What the folder of a document asks of its processor. */
  optionsOf: (document: LedgerDocument) => NonNullable<SourceFile['options']>;
}

/** What the processors made of each content: kept by its hash, ending, options and their versions, and made once. */
export function createReadings(
  { versions }: { versions: { of(extension: string): string } },
  { extractions, figures, extract, optionsOf }: ReadingParts,
) {
  /** By what is kept, so that copies that arrive together are extracted once. */
  const underway = new Map<string, Promise<StoredExtraction>>();

  function keyOf(document: LedgerDocument, hash: string): ExtractionKey {
    const extension = extname(fileNameOf(document.uri)).toLowerCase();
    return { hash, extension, version: versions.of(extension) + optionsKey(optionsOf(document)) };
  }

  /** With what a model said of its figures by now, at the end: places in the text before stay what they are. */
  function described(key: ExtractionKey, extraction: StoredExtraction): StoredExtraction {
    const captions = figures.of(key).flatMap(captionOf);
    return captions.length === 0
      ? extraction
      : { ...extraction, sections: [...extraction.sections, ...captions] };
  }

  async function read(
    document: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<StoredExtraction> {
    return described(keyOf(document, taken.hash), await readOnce(document, taken, signal));
  }

  async function readOnce(
    document: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<StoredExtraction> {
    const key = keyOf(document, taken.hash);
    const content = `${key.hash}${key.extension}${key.version}`;
    for (;;) {
      const known = await extractions.get(key);
      if (known) return known;
      const other = underway.get(content);
      if (!other) break;
      await other.catch(() => undefined);
    }
    const extraction = readAndKeep(document, taken, signal);
    underway.set(content, extraction);
    return extraction.finally(() => underway.delete(content));
  }

  async function readAndKeep(
    document: LedgerDocument,
    taken: Taken,
    signal: AbortSignal,
  ): Promise<StoredExtraction> {
    const options = optionsOf(document);
    const file = {
      path: taken.path,
      name: fileNameOf(document.uri),
      bytes: taken.bytes,
      ...(Object.keys(options).length > 0 && { options }),
    };
    const { words, figures: found = [], ...extraction } = await extract(file, signal);
    reach('extracted');
    const key = keyOf(document, taken.hash);
    await figures.put(key, found);
    await extractions.put(key, extraction, words);
    reach('cached');
    return extraction;
  }

  /** Nothing before the first content was taken. Until another version has read it, it is shown as it was read before. */
  const kept = <T>(document: LedgerDocument, none: T, look: (key: ExtractionKey) => T): T =>
    document.hash === null ? none : look(extractions.kept(keyOf(document, document.hash)));

  return {
    read,
    /** The text a document was cut from, for the viewer. */
    text: (document: LedgerDocument): Promise<StoredExtraction | undefined> =>
      kept(document, Promise.resolve(undefined), async (key) => {
        const extraction = await extractions.get(key);
        return extraction && described(key, extraction);
      }),
    /** Where the words of a document stand on their pages. */
    words: (document: LedgerDocument): Promise<PageWords[]> =>
      kept(document, Promise.resolve([]), extractions.words),
    /** The pictures within a document. */
    figures: (document: LedgerDocument, page?: number): KeptFigure[] =>
      kept(document, [], (key) => figures.of(key, page)),
  };
}

/** What a model said of a figure is told apart from what the document says. */
function captionOf({ caption, page }: KeptFigure): Section[] {
  if (!caption) return [];
  const text = `Picture, described by ${caption.model}: ${caption.text}`;
  return [{ text, ...(page !== undefined && { page }) }];
}

/** Processors may do otherwise with other options, so that their texts are kept apart. */
function optionsKey(options: NonNullable<SourceFile['options']>): string {
  return Object.keys(options).length === 0 ? '' : `?${JSON.stringify(options)}`;
}
