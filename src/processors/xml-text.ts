import type { Archive } from './zip.ts';

/** Elements of Office Open XML that hold text (`t`, a chart's `v`) and that end a paragraph. */
const TEXT = new Set(['w:t', 'a:t', 'c:v']);
const PARAGRAPH_ENDS = new Set(['/w:p', '/a:p', '/c:pt']);
const BLANKS = new Set(['w:tab', 'w:br', 'a:br']);

/** The paragraphs of one part of an Office document, trimmed, without empty ones. One pass over the source. */
export function* xmlParagraphs(source: string): Generator<string> {
  let paragraph = '';
  for (let open = source.indexOf('<'); open !== -1; open = source.indexOf('<', open + 1)) {
    const close = source.indexOf('>', open);
    if (close === -1) break;
    const name = tagName(source, open + 1, close);
    if (TEXT.has(name)) paragraph += textAfter(source, close);
    if (BLANKS.has(name)) paragraph += ' ';
    if (!PARAGRAPH_ENDS.has(name)) continue;
    if (paragraph.trim() !== '') yield paragraph.trim();
    paragraph = '';
  }
  if (paragraph.trim() !== '') yield paragraph.trim();
}

/** Replaces the five named entities of XML and numbered characters. Others stay as they are. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,4});/gi, (whole, name: string) => {
    return NAMED[name] ?? numbered(name) ?? whole;
  });
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function numbered(name: string): string | undefined {
  if (!name.startsWith('#')) return undefined;
  const code = name[1] === 'x' || name[1] === 'X' ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
}

function tagName(source: string, start: number, close: number): string {
  let end = start;
  while (end < close && end - start < 12 && !' \t\r\n'.includes(source.charAt(end))) {
    if (end > start && source[end] === '/') break;
    end += 1;
  }
  return source.slice(start, end);
}

function textAfter(source: string, close: number): string {
  if (source[close - 1] === '/') return '';
  const end = source.indexOf('<', close);
  return decodeEntities(source.slice(close + 1, end === -1 ? source.length : end));
}

/** The distinct paragraphs of all XML parts whose names start so, a line each. */
export async function sweepXml(archive: Archive, starts: readonly string[]): Promise<string> {
  const paragraphs = new Set<string>();
  for (const start of starts) {
    const names = archive.names.filter((name) => name.startsWith(start) && name.endsWith('.xml'));
    for (const name of names.toSorted()) {
      const source = (await archive.read(name))?.toString('utf8') ?? '';
      for (const paragraph of xmlParagraphs(source)) paragraphs.add(paragraph);
    }
  }
  return [...paragraphs].join('\n');
}

/** The title among the document's properties (ISO/IEC 29500-2, core properties; ODF 1.3, part 3, 4.3.2). */
export async function titleOf(archive: Archive): Promise<string | undefined> {
  const bytes = (await archive.read('docProps/core.xml')) ?? (await archive.read('meta.xml'));
  const source = bytes?.toString('utf8') ?? '';
  const start = source.indexOf('<dc:title>');
  const end = source.indexOf('</dc:title>', start);
  if (start === -1 || end === -1) return undefined;
  return decodeEntities(source.slice(start + '<dc:title>'.length, end)).trim() || undefined;
}
