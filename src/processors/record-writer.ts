import type { Section } from '../document.ts';
import { pieces } from './cut.ts';

/** A section of records is closed after this many UTF-16 units at the next record, ... */
const TARGET_LENGTH = 900;
/** ... and in any case before it is longer than this. */
const MAX_LENGTH = 8000;

export interface RecordWriter {
  /** A line that stands under these headings. */
  add(headings: readonly string[], line: string): void;
  /** The next line begins another record: sections are parted here rather than elsewhere. */
  gap(): void;
  /** The sections closed since the last call. */
  take(): Section[];
  finish(): Section[];
}

/** Gathers the values of structured data to sections of modest length, with the path to them as headings. */
export function createRecordWriter(): RecordWriter {
  const done: Section[] = [];
  let lines: string[] = [];
  let length = 0;
  let path: readonly string[] = [];
  let atGap = false;

  function close(): void {
    const text = lines.join('\n').trim();
    if (text !== '') done.push({ text, ...(path.length > 0 && { headings: [...path] }) });
    lines = [];
    length = 0;
  }

  function append(line: string): void {
    if (length + line.length > MAX_LENGTH) close();
    lines.push(line);
    length += line.length + 1;
  }

  return {
    add(headings, line) {
      const isElsewhere = headings.length !== path.length || headings.some((title, at) => title !== path[at]);
      if (isElsewhere || (atGap && length > TARGET_LENGTH)) close();
      if (atGap && lines.length > 0) append('');
      atGap = false;
      path = headings;
      for (const piece of pieces(line, MAX_LENGTH)) append(piece);
    },
    gap: () => void (atGap = true),
    take: () => done.splice(0),
    finish() {
      close();
      return done.splice(0);
    },
  };
}
