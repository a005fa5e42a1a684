import type { SourceFile } from '../document.ts';
import { decodeFile, detectCharset } from './charset.ts';
import { pieces } from './cut.ts';
import { MAX_LINE, splitLines, type Heading, type Line } from './lines.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';

/** Markdown: sections by heading, with their lines. A line scanner, since the text itself is kept as it is. */
export const markdown: Processor = {
  name: 'markdown',
  version: 1,
  kinds: ['markdown'],
  label: 'a Markdown file',
  extensions: ['md', 'markdown', 'mdown', 'mkd', 'mdx', 'qmd'],
  read,
};

async function* read(file: SourceFile): AsyncGenerator<Part> {
  const charset = await detectCharset(file.path);
  const sectioner = createSectioner();
  const scanner = createScanner((line) => sectioner.add(line));
  for await (const lines of splitLines(decodeFile(file.path, charset))) {
    for (const line of lines) scanner.add(line);
    yield { sections: sectioner.take() };
  }
  scanner.end();
  const title = scanner.title ?? sectioner.title;
  yield { sections: sectioner.finish(), ...(title && { title }) };
}

/** The lines of a Markdown text, its headings marked. Lines have no numbers. */
export function scanMarkdown(source: string): Line[] {
  const lines: Line[] = [];
  const scanner = createScanner((line) => lines.push(line));
  for (const line of source.split('\n')) for (const text of pieces(line, MAX_LINE)) scanner.add({ text });
  scanner.end();
  return lines;
}

interface Scanner {
  add(line: Line): void;
  end(): void;
  /** The `title` of the front matter. */
  readonly title: string | undefined;
}

/**
 * Marks the headings among lines: ATX and setext, outside of fences and front matter (CommonMark 0.31, 4.2, 4.3
 * and 4.5). One line is held back, since the line after it may make it a heading.
 */
function createScanner(emit: (line: Line) => void): Scanner {
  let held: Line | undefined;
  let fence: string | undefined;
  let inFrontMatter = false;
  let inParagraph = false;
  let title: string | undefined;

  function release(heading?: Heading): void {
    if (held) emit(heading ? { ...held, heading } : held);
    held = undefined;
  }

  function frontMatter(line: Line): void {
    release();
    emit(line);
    if (line.text.startsWith('title:')) title = unquote(line.text.slice('title:'.length));
    if (line.text.trimEnd() === '---' || line.text.trimEnd() === '...') inFrontMatter = false;
  }

  function fenced(line: Line): void {
    emit(line);
    if (fence && closesFence(line.text, fence)) fence = undefined;
  }

  function prose(line: Line): void {
    const level = held && inParagraph ? setextLevel(line.text) : 0;
    if (level && held) {
      release({ level, title: plain(held.text) });
      inParagraph = false;
      return emit({ ...line, ornament: true });
    }
    release();
    fence = openedFence(line.text);
    const heading = fence ? undefined : atxHeading(line);
    inParagraph = !fence && !heading && isParagraph(line.text);
    if (fence || heading) emit(heading ? { ...line, heading } : line);
    else held = line;
  }

  return {
    add(line) {
      if (line.number === 1 && line.text.trimEnd() === '---') {
        inFrontMatter = true;
        emit(line);
      } else if (inFrontMatter) frontMatter(line);
      else if (fence) fenced(line);
      else prose(line);
    },
    end: () => release(),
    get title() {
      return title || undefined;
    },
  };
}

/** Blanks before the first sign; four or more would make a code block. */
function indent(text: string): number {
  let at = 0;
  while (text[at] === ' ') at += 1;
  return at;
}

function run(text: string, from: number, sign: string): number {
  let at = from;
  while (text[at] === sign) at += 1;
  return at - from;
}

function atxHeading(line: Line): Heading | undefined {
  const start = indent(line.text);
  const level = run(line.text, start, '#');
  const next = line.text[start + level];
  if (
    start > 3 ||
    level < 1 ||
    level > 6 ||
    line.more ||
    (next !== undefined && next !== ' ' && next !== '\t')
  ) {
    return undefined;
  }
  const title = plain(withoutClosingSigns(line.text.slice(start + level).trim()));
  return title === '' ? undefined : { level, title };
}

function withoutClosingSigns(title: string): string {
  let end = title.length;
  while (title[end - 1] === '#') end -= 1;
  return end === 0 || title[end - 1] === ' ' ? title.slice(0, end).trimEnd() : title;
}

function setextLevel(text: string): 0 | 1 | 2 {
  const start = indent(text);
  const sign = text[start];
  if (start > 3 || (sign !== '=' && sign !== '-')) return 0;
  if (text.slice(start + run(text, start, sign)).trim() !== '') return 0;
  return sign === '=' ? 1 : 2;
}

/** Whether a line may be the text of a setext heading: not blank, not a list, quote, table or indented code. */
function isParagraph(text: string): boolean {
  const start = indent(text);
  const first = text[start];
  if (first === undefined || start > 3 || '>|\t'.includes(first)) return false;
  return !('-*+'.includes(first) && (text[start + 1] === ' ' || text[start + 1] === undefined));
}

/** The signs that open a fence on this line. */
function openedFence(text: string): string | undefined {
  const start = indent(text);
  const sign = text[start];
  if (start > 3 || (sign !== '`' && sign !== '~')) return undefined;
  const length = run(text, start, sign);
  if (length < 3 || (sign === '`' && text.includes('`', start + length))) return undefined;
  return sign.repeat(length);
}

function closesFence(text: string, fence: string): boolean {
  const trimmed = text.trim();
  return (
    indent(text) <= 3 && trimmed.length >= fence.length && trimmed === fence.charAt(0).repeat(trimmed.length)
  );
}

/** A heading as a person reads it: without emphasis, code signs and link targets. */
function plain(source: string): string {
  let text = '';
  let rest = source.replaceAll('**', '').replaceAll('`', '');
  for (let at = rest.indexOf(']('); at !== -1; at = rest.indexOf('](')) {
    const open = rest.lastIndexOf('[', at);
    const close = rest.indexOf(')', at);
    if (open === -1 || close === -1) break;
    text += rest.slice(0, open) + rest.slice(open + 1, at);
    rest = rest.slice(close + 1);
  }
  return (text + rest).trim();
}

function unquote(value: string): string {
  const trimmed = value.trim();
  const quote = trimmed[0];
  const quoted = (quote === '"' || quote === "'") && trimmed.length > 1 && trimmed.endsWith(quote);
  return quoted ? trimmed.slice(1, -1).trim() : trimmed;
}
