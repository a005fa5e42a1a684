import type { Section, SourceFile } from '../document.ts';
import { iwaObjects, messagesIn, numberIn, refIn, type IwaObject } from './iwa.ts';
import { createTextReader, KIND, type TextReader } from './iwa-text.ts';
import { readOlderIwork } from './iwork-09.ts';
import type { Limits } from './limits.ts';
import type { Line } from './lines.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';
import { withArchive, type Archive } from './zip.ts';

/**
 * Documents of Pages and Keynote: paragraphs with their headings, tables, text boxes, notes; slides in order. Those of 2009 are
 * XML, Numbers too. Of a folder that was packed the parts inside it are read.
 */
export const iwork: Processor = {
  name: 'iwork',
  version: 1,
  kinds: ['pages', 'key', 'iwork-09', 'iwork-folder'],
  label: 'a document of Pages or Keynote',
  extensions: ['pages', 'key'],
  holdsFiles: true,
  read,
};

/** Parts with samples of how a slide may look. */
const PATTERNS = /\/(?:MasterSlide|TemplateSlide|DocumentStylesheet|ThemeStylesheet)/;
const NEEDED: ReadonlySet<number> = new Set(Object.values(KIND));

interface Document {
  objects: Map<number, IwaObject>;
  /** The part that each object is kept in. */
  parts: Map<number, string>;
}

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  yield await withArchive(file.path, limits, async (archive) => {
    const older = await readOlderIwork(archive);
    if (older) return older;
    const packed = archive.names.find((name) => PACKED.test(name));
    const bytes = packed && (await archive.read(packed));
    return bytes
      ? { members: [{ name: file.name, bytes }] }
      : readDocument(await readObjects(archive, limits));
  });
}

function readDocument(document: Document): Part {
  const isPages = [...document.objects.values()].some(({ type }) => type === KIND.pagesDocument);
  const reader = createTextReader(document.objects, isPages);
  return isPages ? pagesPart(document, reader) : keynotePart(document, reader);
}

/** Where the programs of the web and of iCloud keep the parts. */
export const PACKED = /^(?:[^/]+\/)?Index\.zip$/;

async function readObjects(archive: Archive, limits: Limits): Promise<Document> {
  const document: Document = { objects: new Map(), parts: new Map() };
  const budget = { bytes: limits.archiveBytes };
  for (const name of archive.names.filter((part) => part.endsWith('.iwa'))) {
    const bytes = await archive.read(name);
    for (const object of bytes ? iwaObjects(bytes, budget) : []) {
      const isPattern = PATTERNS.test(name) && object.type !== KIND.paragraphStyle;
      if (isPattern || !NEEDED.has(object.type)) continue;
      document.objects.set(object.id, object);
      document.parts.set(object.id, name);
    }
  }
  return document;
}

/** What a text is kept for. */
const BODY = 0;
const HEADER = 1;

const isText = (use: (kind: number) => boolean) => (object: IwaObject) =>
  object.type === KIND.text && use(kindOf(object));

/** The text, then what stands beside it: text boxes and notes, page headers and footers. */
function pagesPart({ objects }: Document, reader: TextReader): Part {
  const sectioner = createSectioner();
  for (const line of reader.rest(isText((kind) => kind === BODY))) sectioner.add(line);
  const title = sectioner.title;
  const sections = sectioner.finish();
  const beside = [
    reader.rest(isText((kind) => kind !== HEADER)),
    reader.rest(({ type }) => type === KIND.table || type === KIND.comment),
    distinct(reader.rest(isText((kind) => kind === HEADER))),
  ];
  const texts = beside.map(textOfLines).filter((text) => text !== '');
  return {
    sections: [...sections, ...texts.map((text) => ({ text }))],
    ...(title && { title }),
    ...(objects.size === 0 && { warnings: ['The document holds nothing that is known.'] }),
  };
}

/** A text says nothing of its use where that is the usual one, a text box. */
function kindOf({ fields }: IwaObject): number {
  return fields.has(1) ? numberIn(fields, 1) : 3;
}

function keynotePart({ objects, parts }: Document, reader: TextReader): Part {
  const slides = slidesOf(objects);
  const sections = slides.flatMap((slide, index) => {
    const part = parts.get(slide.id);
    const [title, lines, notes] = readSlide(slide, objects, reader);
    const left = reader.rest(({ id, type }) => type !== KIND.slide && parts.get(id) === part);
    const place = { page: index + 1, slide: index + 1, ...(title && { headings: [title] }) };
    const blocks = [
      [title && `# ${title}`, textOfLines(lines), textOfLines(left)].filter(Boolean).join('\n\n'),
      notes,
    ];
    return blocks.filter((text) => text !== '').map((text): Section => Object.assign({ text }, place));
  });
  const [title] = sections.flatMap(({ headings }) => headings ?? []);
  return { pages: slides.length, sections, ...(title && { title }) };
}

/** In the order of the show; where that is not found, as they are kept. */
function slidesOf(objects: ReadonlyMap<number, IwaObject>): IwaObject[] {
  const all = [...objects.values()];
  const show = all.find(({ type, fields }) => type === KIND.show && fields.has(3));
  const nodes = messagesIn(messagesIn(show?.fields, 3)[0], 2).map((node) => objects.get(numberIn(node, 1)));
  const listed = nodes
    .map((node) => objects.get(refIn(node?.fields, 2)))
    .filter((slide) => slide !== undefined);
  return listed.length > 0 ? listed : all.filter(({ type }) => type === KIND.slide);
}

/** Fields of a slide (KN.SlideArchive). */
const TITLE = 5;
const SHOWN = [6, 7, 42];
const NOTE = 27;

function readSlide(
  slide: IwaObject,
  objects: ReadonlyMap<number, IwaObject>,
  reader: TextReader,
): [title: string, lines: Line[], notes: string] {
  const ids = (field: number): number[] => messagesIn(slide.fields, field).map((ref) => numberIn(ref, 1));
  const title = textOfLines(ids(TITLE).flatMap((id) => reader.linesOf(id)))
    .replaceAll(/\s+/g, ' ')
    .slice(0, 300);
  const lines = SHOWN.flatMap(ids).flatMap((id) => (objects.has(id) ? reader.linesOf(id) : []));
  const notes = textOfLines(ids(NOTE).flatMap((id) => reader.linesOf(id)));
  return [title, lines, notes && `Notes: ${notes}`];
}

function distinct(lines: readonly Line[]): Line[] {
  return [...new Set(lines.map(({ text }) => text))].map((text) => ({ text }));
}

function textOfLines(lines: readonly Line[]): string {
  return lines
    .map(({ text }) => text)
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}
