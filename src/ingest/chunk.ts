import {
  morePlace,
  SECTION_BREAK,
  type Chunk,
  type Extraction,
  type Place,
  type Section,
  type Span,
} from '../document.ts';
import { measureProse, type ProseLength } from './prose-length.ts';

/** Bumped when the same text is cut otherwise, so that documents are made again. */
export const CHUNKER_VERSION = 3;

export interface ChunkLimits {
  /** A chunk is closed at the end of the paragraph that brings it here, in characters of prose. */
  targetCharacters: number;
  /** No chunk is longer, in characters of prose. */
  maxCharacters: number;
}

/** About 200 tokens of English, where passages are long enough to mean something and short enough to cite. */
export const DEFAULT_LIMITS: ChunkLimits = { targetCharacters: 800, maxCharacters: 1200 };

/**
 * Cuts each section into chunks at paragraph ends; a paragraph that is too long is cut at sentence ends, then
 * at white space, then anywhere but inside a character. Spans count in the joined sections; white space
 * around a chunk belongs to none.
 */
export function* chunkSections(
  extraction: Pick<Extraction, 'sections'>,
  limits: ChunkLimits = DEFAULT_LIMITS,
): Generator<Chunk> {
  let ordinal = 0;
  let offset = 0;
  for (const section of extraction.sections) {
    const lines = lineCounter(section);
    for (const [start, end] of pack(section.text, limits)) {
      yield {
        ordinal: ordinal++,
        text: section.text.slice(start, end),
        span: [offset + start, offset + end],
        ...placeOf(section, lines, start, end),
      };
    }
    offset += section.text.length + SECTION_BREAK.length;
  }
}

function placeOf(section: Section, lines: (at: number) => number, start: number, end: number): Place {
  return {
    ...morePlace(section),
    ...(section.page !== undefined && { page: section.page }),
    ...(section.headings?.length && { headings: section.headings }),
    ...(section.lines && { lines: [lines(start), lines(end - 1)] as [number, number] }),
  };
}

/** The line of an offset; offsets are asked in rising order, so that the text is walked once. */
function lineCounter(section: Section): (at: number) => number {
  let line = section.lines?.[0] ?? 1;
  let end = section.text.indexOf('\n');
  return (at) => {
    while (end !== -1 && end < at) {
      line++;
      end = section.text.indexOf('\n', end + 1);
    }
    return line;
  };
}

/** Joins pieces to spans of about the target length, none over the maximum. */
function* pack(text: string, limits: ChunkLimits): Generator<Span> {
  const prose = measureProse(text);
  let open: Span | undefined;
  for (const piece of pieces(text, limits.maxCharacters, prose)) {
    if (open && prose.between(open[0], piece[1]) > limits.maxCharacters) {
      yield open;
      open = undefined;
    }
    open = open ? [open[0], piece[1]] : piece;
    if (prose.between(...open) >= limits.targetCharacters) {
      yield open;
      open = undefined;
    }
  }
  if (open) yield open;
}

/** Paragraphs without the white space around them; one that is too long in parts. */
function* pieces(text: string, max: number, prose: ProseLength): Generator<Span> {
  for (const [start, end] of paragraphs(text)) {
    let from = start;
    while (prose.between(from, end) > max) {
      const to = prose.outside(cutBefore(text, from, prose.after(from, max)));
      yield trimmed(text, from, to);
      from = trimmed(text, to, end)[0];
    }
    if (from < end) yield [from, end];
  }
}

/** Stretches between blank lines, trimmed. */
function* paragraphs(text: string): Generator<Span> {
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    const next = afterSpaces(text, at + 1);
    if (text[next] !== '\n' && next < text.length) continue;
    const span = trimmed(text, start, at);
    if (span[0] < span[1]) yield span;
    start = at = next;
  }
  const last = trimmed(text, start, text.length);
  if (last[0] < last[1]) yield last;
}

function afterSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\r') at++;
  return at;
}

function trimmed(text: string, start: number, end: number): Span {
  let [from, to] = [start, end];
  while (from < to && isSpace(text, from)) from++;
  while (to > from && isSpace(text, to - 1)) to--;
  return [from, to];
}

function isSpace(text: string, at: number): boolean {
  return text.slice(at, at + 1).trim() === '';
}

/** With the ideographic and the full-width stops, written as numbers so that no editor folds them to narrow ones. */
const SENTENCE_END = new Set([
  '.',
  '!',
  '?',
  ';',
  '\n',
  '\u2026',
  '\u3002',
  '\uff61',
  '\uff0e',
  '\uff01',
  '\uff1f',
  '\uff1b',
]);

/** Where to cut so that the first part ends at `latest` at most and is not needlessly short. */
function cutBefore(text: string, from: number, latest: number): number {
  const earliest = from + Math.floor((latest - from) / 2);
  for (let at = latest - 1; at > earliest; at--)
    if (SENTENCE_END.has(text[at] ?? '') && endsSentence(text, at)) return at + 1;
  for (let at = latest - 1; at > earliest; at--) if (isSpace(text, at)) return at;
  return isLowSurrogate(text.charCodeAt(latest)) && latest - 1 > from ? latest - 1 : latest;
}

/** A dot within a number or a name does not end a sentence; a full-width stop always does. */
function endsSentence(text: string, at: number): boolean {
  return text.charCodeAt(at) > 0x7f || text[at] === '\n' || isSpace(text, at + 1);
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
