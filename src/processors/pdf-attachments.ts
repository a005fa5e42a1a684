import type { PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { Limits } from './limits.ts';
import type { Member } from './processor.ts';

/** Files embedded in a PDF, as invoices carry their data and portfolios their documents. Damaged ones are left out. */
export async function* readAttachments(document: PDFDocumentProxy, limits: Limits): AsyncGenerator<Member> {
  const attachments = await document.getAttachments().catch(() => null);
  for (const [id, { filename, content }] of [...(attachments ?? [])].slice(0, limits.archiveEntries)) {
    const bytes = content ?? (await contentOf(document, id));
    if (bytes && bytes.length <= limits.archiveEntryBytes) yield { name: filename || id, bytes };
  }
}

/** Files that are pinned to a page. */
export async function* readPinned(
  document: PDFDocumentProxy,
  files: readonly { id: string; name: string }[],
  page: number,
  limits: Limits,
): AsyncGenerator<Member> {
  for (const { id, name } of files.slice(0, limits.archiveEntries)) {
    const bytes = await contentOf(document, id);
    if (bytes && bytes.length <= limits.archiveEntryBytes) yield { name, bytes, place: { page } };
  }
}

function contentOf(document: PDFDocumentProxy, id: string): Promise<Uint8Array | null> {
  return document.getAttachmentContent(id).catch(() => null);
}
