import type { Extraction, Figure, OcrSummary, PageWords, Place, SourceFile } from '../document.ts';
import type { Limits } from './limits.ts';

/**
 * A piece of an extraction. Parts are merged in the order they come: sections and warnings are appended, a
 * later `title` or `pages` replaces an earlier one, and pages of `ocr` are added.
 */
export type Part = Partial<Extraction> & {
  /** Files inside this one, to be read as documents of their own. */
  members?: Member[];
  /** The last page that is read: should reading end on the next one, it goes on behind that. */
  finished?: number;
  /** Where the words of pages stand. */
  words?: PageWords[];
  /** Pictures that are worth showing beside an answer. */
  figures?: FoundFigure[];
};

export interface FoundFigure extends Figure {
  bytes: Uint8Array;
}

/** A file inside another. `name` is what the archive or message calls it; it may be anything. */
export interface Member {
  name: string;
  bytes: Uint8Array;
  /** Where it stands in the file that holds it. */
  place?: Pick<Place, 'page' | 'slide' | 'headings'> | undefined;
}

/** One kind of document: bytes to sections of text with their place. */
export interface Processor {
  /** Lower-case word, unique; stored with what it extracted. */
  name: string;
  /** Raised whenever the same file would give other text or places, so that cached extractions are redone. */
  version: number;
  /** The kinds of content it reads, as `sniff` names them. Kinds of text can stand for each other (table.ts). */
  kinds: readonly string[];
  /** What a person calls such a file, with its article: "a PDF". */
  label: string;
  /** Lower case, without the dot. */
  extensions: readonly string[];
  /** It calls native code, so it runs in a child process that may load some. */
  native?: boolean | undefined;
  /** It gives `members`. */
  holdsFiles?: boolean | undefined;
  /**
   * Reads `file` from its start, within `limits`; parts come as soon as they are known, so that a time limit keeps
   * them. Yields no section of only white space. Throws LimnerError `corrupt`, `encrypted` or `limit`.
   * One that gives `finished` is asked to begin at a later page, `from`, where its reader ended before that.
   */
  read(file: SourceFile, limits: Limits, from?: number): AsyncIterable<Part>;
  /** Reads in a simpler way, with no native code, a file on which the native code of `read` breaks down. */
  readPlainly?: ((file: SourceFile, limits: Limits) => AsyncIterable<Part>) | undefined;
}

/** What a processor says of itself. */
export type Described = Omit<Processor, 'read' | 'readPlainly'>;

/** Adds `part` to `extraction`. */
export function merge(extraction: Extraction, part: Part): void {
  if (part.title !== undefined) extraction.title = part.title;
  if (part.pages !== undefined) extraction.pages = part.pages;
  if (part.ocr?.pages) extraction.ocr = addOcr(extraction.ocr, part.ocr);
  for (const section of part.sections ?? []) extraction.sections.push(section);
  for (const warning of part.warnings ?? []) extraction.warnings.push(warning);
}

function addOcr(before: OcrSummary | undefined, more: OcrSummary): OcrSummary {
  const pages = (before?.pages ?? 0) + more.pages;
  const sum = (before?.confidence ?? 0) * (before?.pages ?? 0) + more.confidence * more.pages;
  return { pages, confidence: sum / (pages || 1) };
}
