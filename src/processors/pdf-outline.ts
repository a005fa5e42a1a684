import type { PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { Heading, Line } from './lines.ts';

/** Headings by the page they point at, in the order of the outline. */
export type Outline = ReadonlyMap<number, readonly Heading[]>;

/** More entries than any table of contents has. */
const MAX_ENTRIES = 5000;

interface OutlineNode {
  title: string;
  dest: unknown;
  items: OutlineNode[];
}

/** Reads the outline ("bookmarks"). Entries that point at no page of the document are left out. */
export async function readOutline(document: PDFDocumentProxy): Promise<Outline> {
  const outline = new Map<number, Heading[]>();
  const roots: OutlineNode[] = (await document.getOutline()) ?? [];
  const open = roots.toReversed().map((node) => ({ node, level: 1 }));
  for (let count = 0; count < MAX_ENTRIES; count += 1) {
    const next = open.pop();
    if (!next) break;
    const page = await pageOf(document, next.node);
    const title = next.node.title.replace(/\s+/g, ' ').trim();
    if (page !== undefined && title !== '') append(outline, page, { level: next.level, title });
    for (const node of next.node.items.toReversed()) open.push({ node, level: next.level + 1 });
  }
  return outline;
}

function append(outline: Map<number, Heading[]>, page: number, heading: Heading): void {
  const headings = outline.get(page);
  if (headings) headings.push(heading);
  else outline.set(page, [heading]);
}

/** A destination is named or given outright; its first part is the page (PDF 32000-1, 12.3.2). */
async function pageOf(document: PDFDocumentProxy, node: OutlineNode): Promise<number | undefined> {
  try {
    const destination: unknown =
      typeof node.dest === 'string' ? await document.getDestination(node.dest) : node.dest;
    const target: unknown = Array.isArray(destination) ? destination[0] : undefined;
    if (typeof target === 'number') return target + 1;
    return isReference(target) ? (await document.getPageIndex(target)) + 1 : undefined;
  } catch (error) {
    // pdf.js rejects with a plain Error where a reference leads to no page.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function isReference(value: unknown): value is { num: number; gen: number } {
  return typeof value === 'object' && value !== null && 'num' in value && 'gen' in value;
}

/**
 * The lines of a page, with those marked that are headings of the outline, each looked for below the one before. A
 * heading that no line bears out applies from the top of the page if it is the first, or from the last one found.
 */
export function markHeadings(text: string, headings: readonly Heading[]): Line[] {
  const lines: Line[] = text.split('\n').map((line) => ({ text: line }));
  const marked: Line[] = [];
  let from = 0;
  for (const heading of headings) {
    const wanted = normal(heading.title);
    const at = lines.findIndex((line, index) => index >= from && matches(line.text, wanted));
    const line = lines[at];
    if (line) line.heading = heading;
    else if (from === 0) marked.push({ text: '', heading });
    from = line ? at + 1 : from;
  }
  return [...marked, ...withFurniture(lines)];
}

/** What stands above the first heading of a page and is as short as this is a page number or a running title. */
const FURNITURE_LENGTH = 60;

function withFurniture(lines: readonly Line[]): Line[] {
  const first = lines.findIndex((line) => line.heading);
  const above = lines.slice(0, Math.max(first, 0));
  const length = above.reduce((sum, line) => sum + line.text.trim().length, 0);
  return length > FURNITURE_LENGTH
    ? [...lines]
    : lines.map((line, index) => (index < first ? { ...line, ornament: true } : line));
}

/** Whether a line is the heading, with or without its number. */
function matches(line: string, wanted: string): boolean {
  if (line.length > 2 * wanted.length + 20) return false;
  const found = normal(line);
  return found !== '' && (found === wanted || (found.endsWith(wanted) && found.length - wanted.length <= 8));
}

function normal(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');
}
