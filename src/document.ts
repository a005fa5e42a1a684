import { z } from 'zod';

/** The nouns every part speaks in. Plain data: they cross process borders and are stored as JSON. */

/** Where a piece of text stands in its file. Every field that the format can give is given. */
export interface Place {
  /** Page of a paged document, from 1. */
  page?: number;
  /** Titles of the enclosing headings, outermost first. */
  headings?: string[];
  /** Lines of a text file, from 1, both inclusive. */
  lines?: [first: number, last: number];
  /** Sheet of a workbook, and the cells on it in A1 notation. */
  sheet?: string;
  range?: string;
  /** Slide of a presentation, from 1. */
  slide?: number;
  /** Chapter of a book. */
  chapter?: string;
  /** Stretch of a recording, in seconds from its start. */
  time?: [start: number, end: number];
  /** What a model wrote about where a passage stands; part of what is searched, never of what is quoted. */
  preface?: string;
  /** Path of the file within the archive or message that holds it, with `/`. */
  member?: string;
}

/** The newer fields of a place, for readers of JSON. */
export const MORE_PLACE = {
  sheet: z.string().optional(),
  range: z.string().optional(),
  slide: z.int().optional(),
  chapter: z.string().optional(),
  time: z.tuple([z.number(), z.number()]).optional(),
  member: z.string().optional(),
  preface: z.string().optional(),
};

/** Those fields of a place that `MORE_PLACE` names, where it has them. */
export function morePlace(place: Place): Pick<Place, keyof typeof MORE_PLACE> {
  return {
    ...(place.sheet !== undefined && { sheet: place.sheet }),
    ...(place.range !== undefined && { range: place.range }),
    ...(place.slide !== undefined && { slide: place.slide }),
    ...(place.chapter !== undefined && { chapter: place.chapter }),
    ...(place.time && { time: place.time }),
    ...(place.member !== undefined && { member: place.member }),
    ...(place.preface !== undefined && { preface: place.preface }),
  };
}

/** The place in words, after the title: `page 3`, `Prices, B2:D9`, `slide 4`, `letter.txt, 01:05`. */
export function placeInWords(place: Place): string {
  const parts = [
    place.member,
    place.page !== undefined && `page ${place.page}`,
    place.slide !== undefined && `slide ${place.slide}`,
    place.chapter,
    place.sheet,
    place.range,
    place.time && clock(place.time[0]),
  ];
  return parts.filter(Boolean).join(', ');
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(seconds < 3600 ? 14 : 11, 19);
}

/** A stretch of a document that has one place: a page, or what stands under one heading. */
export interface Section extends Place {
  text: string;
}

/** Where the words of one page stand, so that a viewer can mark them. A picture is a page of its own, the first. */
export interface PageWords {
  page: number;
  /** Size of the page in points, or of a picture in pixels. */
  width: number;
  height: number;
  /**
   * Five whole numbers for each run of text, in the order of the page's sections: how many characters it has
   * (`inkLength`), then the rectangle x, y, width, height from the top left corner.
   */
  runs: number[];
}

/** Characters of `text` that layout does not touch: no white space, hyphens, or bars between columns. */
export function inkLength(text: string): number {
  return text.replace(NO_INK, '').length;
}
const NO_INK = /[\s|\-\u00ad\u2010]+/g;

/** A picture that a document shows, kept so that answers can show it. */
export interface Figure {
  /** A kind that every browser shows. */
  mime: (typeof FIGURE_MIMES)[number];
  /** In pixels. */
  width: number;
  height: number;
  page?: number;
  /** Where it stands on the page: x, y, width, height in points from the top left corner. */
  box?: [x: number, y: number, width: number, height: number];
  /** What the document itself says of it. */
  description?: string;
}

export const FIGURE_MIMES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif'] as const;

/** How much of a document was read from pictures of text. */
export interface OcrSummary {
  pages: number;
  /** Mean over those pages, 0 to 100. */
  confidence: number;
}

/** What a processor makes of a file. `sections` are in reading order. */
export interface Extraction {
  /** The title the document gives itself, when it does. Never the file name. */
  title?: string;
  /** Pages of a paged document. */
  pages?: number;
  /** Set where text was read from pictures. */
  ocr?: OcrSummary;
  sections: Section[];
  /** What could not be read although the rest could, one plain sentence each. */
  warnings: string[];
}

/** Half-open range of UTF-16 offsets in the extracted text: the sections joined by `SECTION_BREAK`. */
export type Span = [start: number, end: number];

/** Stands between two sections in the extracted text. */
export const SECTION_BREAK = '\n\n';

/** A passage as it is stored and found: `text` is exactly the extracted text at `span`. */
export interface Chunk extends Place {
  /** Position in the document, from 0. */
  ordinal: number;
  text: string;
  span: Span;
}

/** The document's fields that are searched and shown, but never embedded: a move costs no embedding. */
export interface DocumentFields {
  id: string;
  /** Path relative to the inbox with `/`, or the sender's `external_id`. */
  uri: string;
  title: string;
  collection: string;
}

/** A chunk that a search found. */
export interface Passage extends Chunk {
  document: DocumentFields;
  score: number;
  /** Position in each list that was fused, from 1; absent where that list did not hold it. */
  ranks: { keyword?: number; vector?: number };
  /** What each list gave it: BM25 and the cosine, which cannot be compared with one another. */
  scores?: { keyword?: number; vector?: number };
  /** Its place in the order of the reranking model, from 1, where it was asked. */
  reranked?: number;
  /** Other documents that hold the very same passage. */
  also?: DocumentFields[];
  /** The passage with what stands around it, as a model reads it; `text` and `span` stay those of the hit. */
  context?: { text: string; span: Span; chunks: readonly Chunk[] };
}

/** What is read of a passage: its context where it has one. */
export function readingText({ text, context }: Pick<Passage, 'text' | 'context'>): string {
  return proseOf(context?.text ?? text);
}

/**
 * The words of a text without the signs of its links and pictures: `[text](https://a.example "title")` as
 * `text (https://a.example)`, and only `text` where the address is a path, which means nothing away from its page.
 * Takes time in proportion to the text.
 */
export function proseOf(text: string): string {
  if (!text.includes('](')) return text;
  return text.replace(LINK, (_, words: string, target: string) =>
    OUTWARD.test(target) ? `${words} (${target})` : words,
  );
}

/** The stretches of a text that its prose leaves out, in order. */
export function* besideProse(text: string): Generator<Span> {
  if (!text.includes('](')) return;
  for (const match of text.matchAll(LINK)) {
    const end = match.index + match[0].length;
    yield [end - match[0].length + proseOf(match[0]).length, end];
  }
}
const LINK = /!?\[([^[\]\n]{0,1000})\]\(([^\s()]{0,1000})(?: "[^"\n]{0,200}")?\)/g;
const OUTWARD = /^(?:https?:|mailto:)/i;

/** A passage that an answer points at. `marker` is the number in `[n]`. */
export interface Citation {
  marker: number;
  passage: Passage;
  /** Absolute URL of the viewer at the page with the words marked. */
  url: string;
  /** The document's title, or its file name; `letter.txt in Title` for a file inside it. */
  title: string;
}

/** States of the ledger; docs/architecture.md has the diagram. */
export const DOCUMENT_STATES = [
  'seen',
  'waiting',
  'working',
  'searchable',
  'empty',
  'failed',
  'gone',
] as const;
export type DocumentState = (typeof DOCUMENT_STATES)[number];

/** Joins sections to the extracted text that spans count in. */
export function joinSections(sections: readonly Section[]): string {
  return sections.map((section) => section.text).join(SECTION_BREAK);
}

/** A file to read: `path` is where the bytes lie now, `name` is what its owner calls it. */
export interface SourceFile {
  path: string;
  name: string;
  bytes: number;
  /** What the folder's policy asks of the processor, by names the processor knows. */
  options?: Record<string, string | number | boolean>;
}

/** What is embedded for a chunk: its heading path, what a model wrote about it, and its prose; never the path of the file. */
export function embeddingText(chunk: Pick<Chunk, 'headings' | 'text' | 'preface'>): string {
  return [chunk.headings?.join(' > '), chunk.preface, proseOf(chunk.text)].filter(Boolean).join('\n');
}
