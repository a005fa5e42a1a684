import { pieces } from './cut.ts';

/** One line of a text, or a piece of one too long to hold. */
export interface Line {
  text: string;
  /** Number in the file, from 1. */
  number?: number;
  /** The line goes on in the next one. */
  more?: boolean;
  /** Set where the line is a heading; `level` counts from 1 for the outermost. */
  heading?: Heading;
  /** Belongs to the heading before it, as its underline does. */
  ornament?: boolean;
}

export interface Heading {
  level: number;
  title: string;
}

/** Longest line given whole, in UTF-16 units. */
export const MAX_LINE = 4096;

/** Cuts text that comes in chunks at LF, CRLF and lone CR. Gives the lines of each chunk together. */
export async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<Line[]> {
  const splitter = createSplitter();
  for await (const chunk of chunks) yield splitter.lines(chunk);
  yield splitter.rest();
}

interface Splitter {
  lines(chunk: string): Line[];
  rest(): Line[];
}

function createSplitter(): Splitter {
  let number = 1;
  let kept = '';
  let afterReturn = false;

  function* cut(text: string): Generator<Line> {
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const whole = kept + text.slice(start, end);
      kept = '';
      yield* toLines(whole, number);
      number += 1;
      start = end + 1;
    }
    kept += text.slice(start);
    if (kept.length > MAX_LINE) yield* keepTail();
  }

  /** Gives all but the last piece of a line that has not ended yet. */
  function* keepTail(): Generator<Line> {
    const parts = [...pieces(kept, MAX_LINE)];
    kept = parts.pop() ?? '';
    for (const text of parts) yield { text, number, more: true };
  }

  return {
    lines(chunk) {
      if (chunk === '') return [];
      // CRLF may lie across two chunks: the CR has ended the line already.
      const text = afterReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk;
      afterReturn = chunk.endsWith('\r');
      return [...cut(text.includes('\r') ? withLineFeeds(text) : text)];
    },
    rest: () => (kept === '' ? [] : [...toLines(kept, number)]),
  };
}

function withLineFeeds(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll('\r', '\n');
}

function* toLines(text: string, number: number): Generator<Line> {
  if (text.length <= MAX_LINE) {
    yield { text, number };
    return;
  }
  const parts = [...pieces(text, MAX_LINE)];
  for (const [index, part] of parts.entries()) {
    yield { text: part, number, more: index < parts.length - 1 };
  }
}
