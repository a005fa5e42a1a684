import { inkLength, SECTION_BREAK, type PageWords, type Section, type Span } from '../document.ts';

/** A word, or the part of one on its line: `span` is in the extracted text, `box` is x, y, width, height. */
export interface PlacedWord {
  text: string;
  span: Span;
  box: [x: number, y: number, width: number, height: number];
}

/** A stretch of a run, measured in the estimated widths of its characters. */
interface Stretch {
  span: Span;
  text: string;
  run: Run;
  from: number;
  to: number;
}

/** A run as the text passes through it: `ink` characters are still to come, `width` is what came so far. */
interface Run {
  ink: number;
  width: number;
  box: number[];
  isRightToLeft: boolean;
}

/** Rough widths in font sizes: enough to part a run of text, whose own width is known. */
const NARROW = /[iljtfrI.,;:'"!|()[\]‘’“”\-\s]/;
const WIDE = /[mwMW@%—]/;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/**
 * Where the words of one page stand, in the order of the text. Characters of text and runs are counted off against
 * each other; text that has no place (captions, what was written in the file) is left out.
 */
export function placeWords(page: PageWords, sections: readonly Section[]): PlacedWord[] {
  const walk = createWalk(page);
  let offset = 0;
  for (const section of sections) {
    if ((section.page ?? 1) === page.page && section.member === undefined) walk.read(section.text, offset);
    offset += section.text.length + SECTION_BREAK.length;
  }
  return walk.stretches.map(placed);
}

function createWalk({ runs }: PageWords) {
  const stretches: Stretch[] = [];
  let at = 0;
  let run: Run | undefined;

  function nextRun(first: string): void {
    const [ink = 0, ...box] = runs.slice(at, at + 5);
    run = at < runs.length ? { ink, box, width: 0, isRightToLeft: RIGHT_TO_LEFT.test(first) } : undefined;
    at += 5;
  }

  /** Puts one character at the end of the current run, or the next one where that is full. */
  function put(sign: string, position: number, goesOn: boolean): void {
    if (inkLength(sign) === 0) {
      if (run && run.ink > 0) run.width += widthOf(sign);
      return;
    }
    if (!run || run.ink <= 0) nextRun(sign);
    if (!run) return;
    run.ink -= inkLength(sign);
    const from = run.width;
    run.width += widthOf(sign);
    const last = stretches.at(-1);
    if (goesOn && last?.run === run) extend(last, sign, position, run.width);
    else stretches.push({ span: [position, position + sign.length], text: sign, run, from, to: run.width });
  }

  return {
    stretches,
    read(text: string, offset: number): void {
      for (const { 0: word, index } of text.matchAll(/\S+|\s+/g)) {
        let position = offset + index;
        let goesOn = false;
        for (const sign of word) {
          put(sign, position, goesOn);
          position += sign.length;
          goesOn ||= inkLength(sign) > 0;
        }
      }
    },
  };
}

/** What has no ink between two characters of a word, such as a hyphen, belongs to it. */
function extend(stretch: Stretch, sign: string, position: number, width: number): void {
  const skipped = position - stretch.span[1];
  stretch.text += '-'.repeat(skipped) + sign;
  stretch.span[1] = position + sign.length;
  stretch.to = width;
}

function widthOf(sign: string): number {
  if (NARROW.test(sign)) return 0.3;
  if (WIDE.test(sign)) return 0.85;
  if (sign >= '\u2e80') return 1;
  return sign !== sign.toLowerCase() ? 0.68 : 0.53;
}

/** A run that is much higher than wide goes down the page. */
const UPRIGHT = 1.5;

function placed({ span, text, run, from, to }: Stretch): PlacedWord {
  const [x = 0, y = 0, width = 0, height = 0] = run.box;
  const [start, end] = run.isRightToLeft
    ? [1 - to / run.width, 1 - from / run.width]
    : [from / run.width, to / run.width];
  const part = (origin: number, length: number): [number, number] => [
    Math.round(origin + length * start),
    Math.max(1, Math.round(length * (end - start))),
  ];
  if (height > UPRIGHT * width && text.length > 1) {
    const [top, length] = part(y, height);
    return { text, span, box: [x, top, width, length] };
  }
  const [left, length] = part(x, width);
  return { text, span, box: [left, y, length, height] };
}
