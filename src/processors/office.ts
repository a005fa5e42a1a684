import { readFile } from 'node:fs/promises';
import type { Document } from '@firecrawl/anydoc';
import { joinSections, type SourceFile } from '../document.ts';
import { LimnerError, type ErrorCode } from '../errors.ts';
import { MAX_LINE } from './lines.ts';
import { withoutNotes } from './odf-notes.ts';
import { pageMargins } from './odf-pages.ts';
import { writeBlocks } from './office-blocks.ts';
import { OLE_MAGIC } from './ole.ts';
import { soundOle } from './ole-file.ts';
import { embeddedInOle, embeddedInPowerPoint, embeddedInRtf } from './embedded.ts';
import { picturesOf } from './office-pictures.ts';
import { createFigureShelf } from './figure-shelf.ts';
import { pieces } from './cut.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { readRtf } from './rtf-text.ts';
import { scansIn } from './scans.ts';
import { createSectioner, type Sectioner } from './sectioner.ts';
import { readPowerPoint, readWord, type OldText } from './old-office.ts';
import { titleOf } from './xml-text.ts';
import { verifyTextParts, withArchive } from './zip.ts';

/**
 * Old Office files, RTF and OpenDocument texts, by a native library that is trusted with nothing:
 * sections by heading, notes at the end.
 */
export const office: Processor = {
  name: 'office',
  version: 9,
  kinds: ['doc', 'ppt', 'rtf', 'odt'],
  label: 'an Office document',
  extensions: ['doc', 'dot', 'ppt', 'pps', 'pot', 'rtf', 'odt', 'ott'],
  native: true,
  holdsFiles: true,
  read,
  readPlainly,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const whole = await soundOle(await readFile(file.path));
  const isZip = whole.toString('hex', 0, 4) === '504b0304';
  const { title, margins = [], data = whole } = isZip ? await openDocument(file.path, limits) : {};
  const old = isZip ? undefined : await readOtherwise(data);
  const document = await toDocument(data).catch((error: unknown) => {
    if (old?.body.trim() && isUnread(error)) return undefined;
    throw error;
  });
  const sectioner = createSectioner();
  if (document) writeBlocks(document.blocks, (line) => sectioner.add(line));
  const first = sectioner.finish();
  if (first.length === 0) for (const text of (old?.body ?? '').split('\n')) addLine(sectioner, text);
  const body = [...first, ...sectioner.finish()];
  yield { sections: body };
  const notes = createSectioner();
  for (const note of document?.notes ?? []) writeBlocks(note.blocks, (line) => notes.add(line));
  const noted = notes.finish();
  yield { sections: noted };
  const around = unseen(old?.around ?? margins, joinSections([...body, ...noted]));
  if (around !== '') yield { sections: [{ text: around }] };
  if (document) yield pictured(document, joinSections([...body, ...noted]), limits);
  for await (const member of embeddedInOle(data)) yield { members: [member] };
  const others = isRtf(data) ? embeddedInRtf(data) : embeddedInPowerPoint(data);
  for (const member of others) yield { members: [member] };
  const found = title || sectioner.title;
  if (found) yield { title: found };
}

function isRtf(data: Buffer): boolean {
  return data.toString('latin1', 0, 5) === '{\\rtf';
}

/** The text of an old Office file or RTF by other readers than the main one, of which none is native. */
async function readOtherwise(data: Buffer): Promise<OldText | undefined> {
  const isOle = data.toString('hex', 0, 8) === OLE_MAGIC;
  return isOle ? ((await readWord(data)) ?? (await readPowerPoint(data))) : readRtf(data);
}

/** Paragraphs alone: what is left of a file at which the main reader breaks down. */
async function* readPlainly(file: SourceFile): AsyncGenerator<Part> {
  const old = await readOtherwise(await soundOle(await readFile(file.path)));
  const sectioner = createSectioner();
  for (const text of (old?.body ?? '').split('\n')) addLine(sectioner, text);
  const sections = sectioner.finish();
  if (sections.length === 0) throw new LimnerError(...DAMAGED);
  yield { sections };
  const around = unseen(old?.around ?? [], joinSections(sections));
  if (around !== '') yield { sections: [{ text: around }] };
  yield { warnings: [PLAIN_WARNING] };
}

const PLAIN_WARNING =
  'The document is damaged: its text was read without headings and tables, and some of it may be missing.';

function addLine(sectioner: Sectioner, line: string): void {
  const parts = [...pieces(line, MAX_LINE)];
  for (const [index, text] of parts.entries()) sectioner.add({ text, more: index < parts.length - 1 });
}

/** What another reader can still read: damage that matters to one, an old version. */
function isUnread(error: unknown): boolean {
  return error instanceof LimnerError && (error.code === 'corrupt' || error.code === 'unsupported');
}

/** Each line is looked up in the whole text. */
const MAX_AROUND = 2000;

/** The distinct lines that `text` does not hold, however its white space runs. */
function unseen(lines: readonly string[], text: string): string {
  const squeezed = squeeze(text);
  return [...new Set(lines)]
    .slice(0, MAX_AROUND)
    .filter((line) => !squeezed.includes(squeeze(line)))
    .join('\n');
}

function squeeze(text: string): string {
  return text.replaceAll(/\s/g, '');
}

/** The pictures of a document as its figures; where there is little text beside them, OCR reads them too. */
function pictured(document: Document, text: string, limits: Limits): Part {
  const pictures = picturesOf(document);
  const shelf = createFigureShelf();
  for (const { bytes, description } of pictures) shelf.add(bytes, { description });
  const { members, warnings } = scansIn(pictures, text, limits);
  return { members: members.map(({ name, bytes }) => ({ name, bytes })), warnings, figures: shelf.kept };
}

/** What lies beside the text, once it is known that the container unpacks to what it says. */
function openDocument(
  path: string,
  limits: Limits,
): Promise<{ title: string | undefined; margins: string[]; data?: Buffer }> {
  return withArchive(path, limits, async (archive) => {
    await verifyTextParts(archive);
    const title = await titleOf(archive);
    const margins = await pageMargins(archive);
    const bare = await withoutNotes(archive);
    return bare ? { title, margins: [...margins, ...bare.notes], data: bare.data } : { title, margins };
  });
}

const FAILURES: Readonly<Record<string, [code: ErrorCode, message: string]>> = {
  encrypted: ['encrypted', 'The document is locked with a password; save it without one.'],
  resourceLimit: ['limit', 'The document unfolds to more than any ordinary one does; it was not read.'],
  unsupported: ['unsupported', 'This sort of Office document cannot be read; save it as DOCX, PPTX or PDF.'],
};
const DAMAGED: [code: ErrorCode, message: string] = [
  'corrupt',
  'The document is damaged; opening it in an office program and saving it again may repair it.',
];

async function toDocument(data: Buffer) {
  const anydoc = await import('@firecrawl/anydoc');
  try {
    return await anydoc.toDocument(data);
  } catch (cause) {
    // Its errors carry a `code`; anything else it throws is about the file as well.
    const name = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const [code, message] = FAILURES[name] ?? DAMAGED;
    throw new LimnerError(code, message, { cause });
  }
}
