import type { Section, SourceFile } from '../document.ts';
import { figuresOnSlides } from './figure-shelf.ts';
import type { Limits } from './limits.ts';
import { pageMargins } from './odf-pages.ts';
import type { Part, Processor } from './processor.ts';
import { scansOnSlides } from './scans.ts';
import { titleOf } from './xml-text.ts';
import { descendants, parseXml, textUnder, type XmlNode } from './xml-tree.ts';
import { verifyTextParts, withArchive, type Archive } from './zip.ts';

/** OpenDocument presentations: a section for each slide with its title as heading, its tables, and its notes. */
export const odp: Processor = {
  name: 'odp',
  version: 4,
  kinds: ['odp'],
  label: 'an OpenDocument presentation',
  extensions: ['odp', 'otp'],
  holdsFiles: true,
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  yield* await withArchive(file.path, limits, async (archive) => {
    await verifyTextParts(archive);
    return Array.fromAsync(readSlides(archive, limits));
  });
}

async function* readSlides(archive: Archive, limits: Limits): AsyncGenerator<Part> {
  const title = await titleOf(archive);
  const source = (await archive.read('content.xml'))?.toString('utf8') ?? '';
  const pages = [...descendants(await parseXml(source), 'draw:page')];
  yield { pages: pages.length, ...(title && { title }) };
  const sections = pages.flatMap((page, index) => readSlide(page, index + 1));
  yield { sections };
  const margins = await pageMargins(archive);
  if (margins.length > 0) yield { sections: [{ text: margins.join('\n') }] };
  const pictures = new Map(pages.map((page, index) => [index + 1, picturesOn(page)]));
  yield await scansOnSlides(archive, pictures, sections, limits);
  yield { figures: await figuresOnSlides(archive, pictures) };
}

function picturesOn(page: XmlNode): string[] {
  return [...descendants(page.children, 'draw:image')].map(
    ({ attributes }) => attributes['xlink:href'] ?? '',
  );
}

function readSlide(page: XmlNode, slide: number): Section[] {
  const shown = page.children.filter((node) => !isNotes(node));
  const notes = blocksOf(page.children.filter(isNotes));
  const title = titleOfSlide(shown);
  const place = { page: slide, slide, ...(title && { headings: [title] }) };
  const texts = [blocksOf(shown).join('\n\n'), notes.length > 0 ? `Notes: ${notes.join('\n')}` : ''];
  return texts.filter((text) => text.trim() !== '').map((text) => Object.assign({ text }, place));
}

function titleOfSlide(nodes: readonly XmlNode[]): string {
  const frame = nodes.find(({ attributes }) => attributes['presentation:class'] === 'title');
  return frame ? blocksOf([frame]).join(' ').slice(0, 300) : '';
}

function isNotes(node: XmlNode): boolean {
  return node.name === 'presentation:notes';
}

/** Paragraphs, tables and the descriptions of pictures, in the order of the document. */
function blocksOf(nodes: readonly XmlNode[]): string[] {
  return nodes.flatMap((node) => {
    if (node.name === 'text:p' || node.name === 'text:h') return [paragraphText(node)].filter(Boolean);
    if (node.name === 'table:table') return [tableText(node)];
    if (node.name === 'svg:desc') return [textUnder(node.children).trim()].filter(Boolean);
    return blocksOf(node.children);
  });
}

const BLANKS = new Set(['text:s', 'text:tab', 'text:line-break']);

function paragraphText(node: XmlNode): string {
  if (node.name === '') return node.text.replaceAll(/[ \t\r\n]+/g, ' ');
  return BLANKS.has(node.name) ? ' ' : node.children.map(paragraphText).join('');
}

function tableText(table: XmlNode): string {
  const rows = [...descendants(table.children, 'table:table-row')].map((row) =>
    [...descendants(row.children, 'table:table-cell')].map((cell) => blocksOf(cell.children).join(' ')),
  );
  const rule = `|${' --- |'.repeat(rows[0]?.length ?? 0)}`;
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  return [...lines.slice(0, 1), rule, ...lines.slice(1)].join('\n');
}
