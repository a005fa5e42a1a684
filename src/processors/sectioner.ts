import type { Section } from '../document.ts';
import type { Heading, Line } from './lines.ts';

/** Sections are closed at the next blank line beyond this many UTF-16 units, ... */
const SOFT_LENGTH = 8000;
/** ... and before the line that would make them longer than this. */
const HARD_LENGTH = 12_000;

export interface Sectioner {
  add(line: Line): void;
  /** What is added from here on stands on this page, from 1. */
  turnTo(page: number): void;
  /** The sections closed since the last call. */
  take(): Section[];
  /** The sections left when nothing more comes. */
  finish(): Section[];
  /** The heading of level 1, where there is just one and no other came before it. */
  readonly title: string | undefined;
}

/**
 * Gathers lines to sections: what stands under one heading on one page, cut at paragraphs where that is long. A
 * heading with nothing under it goes to the section that follows, so that no section is a bare heading.
 */
export function createSectioner(): Sectioner {
  const done: Section[] = [];
  const path: Heading[] = [];
  let title: string | undefined;
  let headings = 0;
  let outermost = 0;
  let page: number | undefined;
  let text = '';
  let hasBody = false;
  let lines: [number, number] | undefined;

  function close(): void {
    const trimmed = text.trimEnd();
    if (trimmed !== '') done.push({ text: trimmed, ...place(), ...lineRange(trimmed) });
    text = '';
    hasBody = false;
    lines = undefined;
  }

  function place(): Omit<Section, 'text'> {
    const titles = path.map((heading) => heading.title);
    return { ...(page && { page }), ...(titles.length > 0 && { headings: titles }) };
  }

  /** Blank lines cut off at the end are no part of the range. */
  function lineRange(trimmed: string): Omit<Section, 'text'> {
    if (!lines) return {};
    return { lines: [lines[0], lines[1] - newlines(text, trimmed.length)] };
  }

  function enter(heading: Heading): void {
    if (hasBody) close();
    while ((path.at(-1)?.level ?? 0) >= heading.level) path.pop();
    path.push(heading);
    headings += 1;
    if (heading.level === 1) outermost += 1;
    if (heading.level === 1 && headings === 1) title = heading.title;
  }

  function append(line: Line, blank: boolean): void {
    if (blank && text === '') return;
    text += line.more ? line.text : `${line.text}\n`;
    hasBody ||= !blank && !line.heading && !line.ornament;
    if (line.number !== undefined) lines = [lines?.[0] ?? line.number, line.number];
  }

  return {
    add(line) {
      const blank = line.text.trim() === '';
      if (line.heading) enter(line.heading);
      else if (blank ? text.length > SOFT_LENGTH : text.length + line.text.length > HARD_LENGTH) close();
      append(line, blank);
    },
    turnTo(next) {
      close();
      page = next;
    },
    take: () => done.splice(0),
    finish() {
      close();
      return done.splice(0);
    },
    get title() {
      return outermost === 1 ? title : undefined;
    },
  };
}

/** Lines that end after `from`, without the end of the last line. */
function newlines(text: string, from: number): number {
  let count = -1;
  for (let at = text.indexOf('\n', from); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return Math.max(0, count);
}
