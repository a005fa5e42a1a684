import type { PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';

/** Beginnings and endings of titles that programs put in by themselves. */
const PROGRAMS = [
  'microsoft word',
  'microsoft powerpoint',
  'microsoft excel',
  'powerpoint presentation',
  'untitled',
  'unbenannt',
  'document',
  'dokument',
  'slide 1',
  'layout 1',
  'print',
];
const ENDINGS = [
  '.doc',
  '.docx',
  '.odt',
  '.rtf',
  '.pdf',
  '.tex',
  '.dvi',
  '.indd',
  '.qxd',
  '.ppt',
  '.pptx',
  '.xls',
  '.xlsx',
  '.html',
  '.htm',
  '.txt',
  '.fm',
  '.ps',
  '.eps',
  '.tmp',
];

/** The title in the document's properties, unless a program only left a file name or nothing there. */
export async function readTitle(document: PDFDocumentProxy): Promise<string | undefined> {
  const { info } = await document.getMetadata();
  const title: unknown = 'Title' in info ? info.Title : undefined;
  return typeof title === 'string' && isSensible(title.trim()) ? title.trim() : undefined;
}

function isSensible(title: string): boolean {
  const lower = title.toLowerCase();
  if (title.length > 300 || !/\p{L}{2}/u.test(title)) return false;
  if (PROGRAMS.some((start) => lower === start || lower.startsWith(`${start} - `))) return false;
  return !ENDINGS.some((ending) => lower.endsWith(ending)) && !lower.includes('://');
}
