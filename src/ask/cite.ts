import type { Citation, Passage } from '../document.ts';

/** A piece of an answer: text as it is shown, and the markers that stand in it. */
export interface CitedText {
  text: string;
  markers: Marker[];
}

/** `[n]` in the answer: `start` and `end` (exclusive) are UTF-16 offsets in the whole answer. */
export interface Marker {
  number: number;
  start: number;
  end: number;
}

/** A marker is never longer, so that an open bracket holds the stream back only shortly. */
const MAX_MARKER = 40;

/** `[1]`, `[1, 2]`, `[1-3]`, and the forms some models prefer: `【1】`, `[^1]`, `[passage 1]`. */
const MARKER =
  /^[[【]\s*(?:\^|passages?\s+|sources?\s+|#)?(\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*)\s*(?:†[^\]】]*)?[\]】]/iu;
const UNFINISHED = /^[[【][^\]】\n]*$/u;

/**
 * Reads an answer as it streams and keeps only markers of passages that were given: others are taken out.
 * A marker that is split over parts is held back until it is whole; a list of numbers becomes one marker each.
 */
export function createCitationReader(passages: number) {
  let held = '';
  let offset = 0;
  const used = new Set<number>();

  function emit(out: CitedText, text: string): void {
    out.text += text;
    offset += text.length;
  }

  function emitMarkers(out: CitedText, numbers: readonly number[]): void {
    for (const number of numbers) {
      const text = `[${number}]`;
      out.markers.push({ number, start: offset, end: offset + text.length });
      used.add(number);
      emit(out, text);
    }
  }

  function read(part: string, isLast: boolean): CitedText {
    const out: CitedText = { text: '', markers: [] };
    let rest = held + part;
    held = '';
    while (rest !== '') {
      const at = rest.search(/[[【]/u);
      if (at === -1) {
        emit(out, rest);
        break;
      }
      emit(out, rest.slice(0, at));
      rest = rest.slice(at);
      const match = MARKER.exec(rest);
      if (match) {
        emitMarkers(out, numbersOf(match[1] ?? '', passages));
        rest = rest.slice(match[0].length);
      } else if (!isLast && rest.length < MAX_MARKER && UNFINISHED.test(rest)) {
        held = rest;
        break;
      } else {
        emit(out, rest.slice(0, 1));
        rest = rest.slice(1);
      }
    }
    return out;
  }

  return {
    push: (part: string): CitedText => read(part, false),
    /** What was held back, at the end of the answer. */
    finish: (): CitedText => read('', true),
    /** Markers at the end of an answer in which the model forgot them. */
    append(numbers: readonly number[]): CitedText {
      const out: CitedText = { text: '', markers: [] };
      if (numbers.length > 0) emit(out, ' ');
      emitMarkers(out, numbers);
      return out;
    },
    used: (): ReadonlySet<number> => used,
  };
}

/** `1, 3-5` as numbers of given passages, in order, each once. */
function numbersOf(list: string, passages: number): number[] {
  const numbers = new Set<number>();
  for (const part of list.split(/[,;]/)) {
    const [first = 0, last = first] = part.split(/[–-]/).map(Number);
    for (let number = first; number <= Math.min(last, passages); number++)
      if (number >= 1) numbers.add(number);
  }
  return [...numbers];
}

/**
 * The viewer's URL for a passage: the document at the page, with the span to mark. Each passage has its own,
 * since clients tell citations apart by their URL.
 */
export function citationUrl(publicUrl: string, passage: Passage): string {
  const [start, end] = passage.span;
  const page = passage.page === undefined ? '' : `#page=${passage.page}`;
  return `${publicUrl}/documents/${encodeURIComponent(passage.document.id)}?mark=${start}-${end}${page}`;
}

export function toCitation(publicUrl: string, passage: Passage, marker: number): Citation {
  return { marker, passage, url: citationUrl(publicUrl, passage), title: passage.document.title };
}
