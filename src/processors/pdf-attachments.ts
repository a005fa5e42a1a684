import type { PDFDocumentProxy } from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { Limits } from './limits.ts';
import type { Member } from './processor.ts';

/** Files embedded in a PDF, as invoices carry their data and portfolios their documents. Damaged ones are left out. */
export async function* readAttachments(document: PDFDocumentProxy, limits: Limits): AsyncGenerator<Member> {
  const attachments = await document.getAttachments().catch(() => null);
  for (const [id, { filename, content }] of [...(attachments ?? [])].slice(0, limits.archiveEntries)) {
    const bytes = content ?? (await document.getAttachmentContent(id).catch(() => null));
    if (bytes && bytes.length <= limits.archiveEntryBytes) yield { name: filename || id, bytes };
  }
}
