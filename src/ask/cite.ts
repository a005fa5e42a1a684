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

/** Brackets that are open for longer hold no marker, so that they hold the stream back only shortly. */
const MAX_MARKER = 60;

/** `[1]`, `[1, 2]`, `[1-3]`, and the forms some models prefer: `【1†a.pdf】`, `[^1]`, `[passage 1]`. One line. */
const MARKER =
  /^[[【][^\S\n]*(?:\^|passages?\s|sources?\s|#)?[^\S\n]*(\d{1,3}(?:[^\S\n]*[,;–-][^\S\n]*\d{1,3})*)[^\S\n]*(?:†[^\]】\n]*)?[\]】]/iu;
const UNFINISHED = /^[[【][^\]】\n]*$/u;

/** What changes how the text after it is read. */
const TURN = /`+|\n|[[【<!]/u;

/** Tags that load what they name, or ask for it: shown as they are written, by clients that render HTML too. */
const TAG =
  /^<\/?(?:img|image|picture|source|video|audio|track|svg|iframe|frame|object|embed|link|style|script|base|meta|form|input|button|portal|body|table|t[hd])(?![\w-])/iu;
const UNFINISHED_TAG = /^<\/?[a-z]{0,7}$/iu;

/**
 * Reads an answer as it streams and keeps only markers of passages that were given: others are taken out.
 * A marker that is split over parts is held back until it is whole; a list of numbers becomes one marker each.
 * How the parts are cut makes no difference.
 *
 * Between backticks nothing is a marker, so that code stays as it is; elsewhere `a[1]` cites, as `fact[1]` does.
 * A marker is never the text of a link that the model made up: `[1](x)` becomes `[1] (x)`. Nor does an answer show
 * pictures that the model names: who read a document must not have a picture's address tell its server what else was
 * said. `![x](y)` becomes `! [x](y)`, a link that one has to click, and `<img` becomes `&lt;img`.
 */
export function createCitationReader(passages: number) {
  let held = '';
  let offset = 0;
  let hasJustCited = false;
  /** Backticks that opened the code we are in; 0 outside. */
  let code = 0;

  function emit(out: CitedText, text: string): void {
    if (text === '') return;
    const shown = hasJustCited && text.startsWith('(') ? ` ${text}` : text;
    hasJustCited = false;
    out.text += shown;
    offset += shown.length;
  }

  function emitMarkers(out: CitedText, numbers: readonly number[]): void {
    for (const number of numbers) {
      const text = `[${number}]`;
      emit(out, text);
      out.markers.push({ number, start: offset - text.length, end: offset });
    }
    hasJustCited ||= numbers.length > 0;
  }

  /** A run of backticks opens code, or closes it if it is as long as the one that opened it. */
  function passBackticks(run: number): void {
    if (code === 0) code = run;
    else if (run === code || (code >= 3 && run > code)) code = 0;
  }

  /** Takes what stands at the start of `rest` and returns how long it was; 0: more is needed to tell. */
  function take(out: CitedText, rest: string, isLast: boolean): number {
    const [turn = ''] = TURN.exec(rest) ?? [];
    if (turn.startsWith('`')) {
      if (turn.length === rest.length && !isLast) return 0;
      passBackticks(turn.length);
    } else if (turn === '\n') {
      if (code < 3) code = 0;
    } else if (turn === '!' || turn === '<') {
      return takeLoading(out, rest, isLast);
    } else if (code === 0) {
      const match = MARKER.exec(rest.slice(0, MAX_MARKER));
      if (match) {
        emitMarkers(out, numbersOf(match[1] ?? '', passages));
        return match[0].length;
      }
      if (!isLast && rest.length < MAX_MARKER && UNFINISHED.test(rest)) return 0;
    }
    emit(out, turn);
    return turn.length;
  }

  /** An exclamation mark or an angle that may begin something to be loaded. */
  function takeLoading(out: CitedText, rest: string, isLast: boolean): number {
    const isOpen = rest === '!' || UNFINISHED_TAG.test(rest);
    if (code === 0 && isOpen && !isLast) return 0;
    if (code === 0 && rest.startsWith('![')) emit(out, '! ');
    else emit(out, code === 0 && TAG.test(rest) ? '&lt;' : rest.slice(0, 1));
    return 1;
  }

  function read(part: string, isLast: boolean): CitedText {
    const out: CitedText = { text: '', markers: [] };
    let rest = held + part;
    held = '';
    while (rest !== '') {
      const at = rest.search(TURN);
      emit(out, at === -1 ? rest : rest.slice(0, at));
      if (at === -1) break;
      rest = rest.slice(at);
      const taken = take(out, rest, isLast);
      if (taken === 0) held = rest;
      rest = taken === 0 ? '' : rest.slice(taken);
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
  const { member, document } = passage;
  const title = member === undefined ? document.title : `${member} in ${document.title}`;
  return { marker, passage, url: citationUrl(publicUrl, passage), title };
}
