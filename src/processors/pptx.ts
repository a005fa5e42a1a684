import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { embeddedFiles } from './embedded.ts';
import { figuresOnSlides } from './figure-shelf.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { commentAuthors, commentLines } from './pptx-comments.ts';
import { readRelationships, type Relationship } from './relationships.ts';
import { masterTexts, mayShowText, slideShapes } from './pptx-shapes.ts';
import { scansOnSlides } from './scans.ts';
import { titleOf, xmlParagraphs } from './xml-text.ts';
import { descendants, parseXml } from './xml-tree.ts';
import { verifyTextParts, withArchive, type Archive } from './zip.ts';

const PRESENTATION = 'ppt/presentation.xml';
const MASTERS = /^ppt\/slide(?:Masters|Layouts)\/[^/]{1,60}\.xml$/;

/** PowerPoint: a section for each slide with its title as heading; tables, charts, pictures' texts, notes, comments. */
export const pptx: Processor = {
  name: 'pptx',
  version: 6,
  kinds: ['pptx'],
  label: 'a PowerPoint presentation',
  extensions: ['pptx', 'pptm', 'ppsx', 'ppsm', 'potx', 'potm'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  // The archive is open while the parts are drawn out of it.
  const parts = await withArchive(file.path, limits, async (archive) => {
    await verifyTextParts(archive);
    const names = await listSlides(archive);
    const slides = await Array.fromAsync(readSlides(archive, names));
    const pictures = await slidePictures(archive, names);
    const sections = slides.flatMap((slide) => slide.sections ?? []);
    const scans = await scansOnSlides(archive, pictures, sections, limits);
    const members = [...(await Array.fromAsync(embeddedFiles(archive))), ...scans.members];
    return [
      ...slides,
      { members, warnings: scans.warnings, figures: await figuresOnSlides(archive, pictures) },
    ];
  });
  yield* parts;
}

async function* readSlides(archive: Archive, slides: readonly string[]): AsyncGenerator<Part> {
  const title = await titleOf(archive);
  yield { pages: slides.length, ...(title && { title }) };
  const repeated = new Set<string>();
  const shared = { repeated, authors: await commentAuthors(archive) };
  for (const [index, name] of slides.entries()) {
    yield { sections: await readSlide(archive, name, index + 1, shared) };
  }
  for (const name of archive.names.filter((part) => MASTERS.test(part)).toSorted()) {
    const source = (await archive.read(name))?.toString('utf8') ?? '';
    if (!mayShowText(source)) continue;
    for (const text of masterTexts(await parseXml(source))) repeated.add(text);
  }
  if (repeated.size > 0) yield { sections: [{ text: [...repeated].join('\n') }] };
}

/** Names of the pictures on slides, by slide from 1; those of layouts and masters are decoration. */
async function slidePictures(archive: Archive, slides: readonly string[]): Promise<Map<number, string[]>> {
  const pictures = new Map<number, string[]>();
  for (const [index, name] of slides.entries()) {
    const found = (await readRelationships(archive, name)).filter(({ type }) => type === 'image');
    pictures.set(
      index + 1,
      found.map(({ target }) => target),
    );
  }
  return pictures;
}

/** The order of the slides is that of their list, not of the numbers in their names. */
async function listSlides(archive: Archive): Promise<string[]> {
  const source = await archive.read(PRESENTATION);
  if (!source) throw new LimnerError('corrupt', 'The presentation lacks its list of slides; save it again.');
  const relationships = await readRelationships(archive, PRESENTATION);
  const targets = new Map(relationships.map(({ id, target }) => [id, target]));
  const entries = descendants(await parseXml(source.toString('utf8')), 'p:sldId');
  return [...entries].map(({ attributes }) => targets.get(attributes['r:id'] ?? '') ?? '').filter(Boolean);
}

/** What slides share: texts that repeat, and who comments. */
interface Shared {
  repeated: Set<string>;
  authors: ReadonlyMap<string, string>;
}

async function readSlide(archive: Archive, name: string, number: number, shared: Shared): Promise<Section[]> {
  const source = await archive.read(name);
  if (!source) return [];
  const related = await readRelationships(archive, name);
  const { title, blocks, repeated } = slideShapes(await parseXml(source.toString('utf8')), related);
  for (const text of repeated) shared.repeated.add(text);
  const place = { page: number, slide: number, ...(title && { headings: [title] }) };
  const attached = await readAttached(archive, related, shared.authors);
  const text = [...blocks, ...attached.filter(({ type }) => type !== 'notesSlide').map(({ text }) => text)];
  const notes = attached.filter(({ type }) => type === 'notesSlide').map(({ text }) => `Notes: ${text}`);
  return [text.join('\n\n'), notes.join('\n\n')]
    .filter((body) => body.trim() !== '')
    .map((text) => Object.assign({ text }, place));
}

const ATTACHED = new Set(['chart', 'diagramData', 'notesSlide', 'comments']);

async function readAttached(
  archive: Archive,
  relationships: readonly Relationship[],
  authors: ReadonlyMap<string, string>,
): Promise<{ type: string; text: string }[]> {
  const found: { type: string; text: string }[] = [];
  for (const { type, target } of relationships) {
    if (!ATTACHED.has(type)) continue;
    const source = (await archive.read(target))?.toString('utf8') ?? '';
    const text =
      type === 'comments'
        ? await commentLines(source, authors)
        : [...xmlParagraphs(source)].filter(isNoNumber(type)).join('\n');
    if (text !== '') found.push({ type, text });
  }
  return found;
}

/** The notes page repeats the number of its slide. */
function isNoNumber(type: string): (paragraph: string) => boolean {
  return (paragraph) => type !== 'notesSlide' || !/^\d{1,4}$/.test(paragraph);
}
