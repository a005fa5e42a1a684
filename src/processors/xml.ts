import type { SourceFile } from '../document.ts';
import { decodeWhole, detectCharset } from './charset.ts';
import { feedParts } from './feed.ts';
import { LimnerError } from '../errors.ts';
import { readBytes } from './bytes.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { createRecordWriter, type RecordWriter } from './record-writer.ts';
import { drawingParts } from './svg.ts';
import { text } from './text.ts';
import { createSectioner } from './sectioner.ts';
import { xmlParagraphs } from './xml-text.ts';
import { parseXml, textUnder, type XmlNode } from './xml-tree.ts';

/** What is larger is read as text: parsed, it takes many times its size. */
const MAX_BYTES = 20 * 1024 * 1024;
/** Longer texts stand for themselves, without the name of their element. */
const LONGEST_VALUE = 80;
const MAX_TITLE = 200;

/**
 * XML: texts and attributes, titled elements as headings; feeds (RSS, Atom) by entry; the words of
 * drawings (SVG). What is no XML is read as text.
 */
export const xml: Processor = {
  name: 'xml',
  version: 4,
  kinds: ['xml'],
  label: 'an XML file',
  extensions: ['xml', 'rss', 'atom', 'rdf', 'opml', 'gpx', 'kml', 'svg'],
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  const source = file.bytes > MAX_BYTES ? '' : await sourceOf(file);
  const elements = (await parse(source)).filter(({ name }) => name !== '');
  const drawing = drawingParts(elements);
  const parts = drawing ?? feedParts(elements) ?? wordParts(elements, source) ?? [...readElements(elements)];
  const isEmpty = parts.every(({ sections }) => !sections?.length);
  // Where nothing but elements is inside, they are what can be found; not so the lines of a drawing.
  if (isEmpty && !drawing) yield* text.read(file, limits);
  else yield* parts;
}

function* readElements(elements: readonly XmlNode[]): Generator<Part> {
  const writer = createRecordWriter();
  for (const element of elements) writeElement(writer, element, [], 0);
  const title = elements.map(titleOf).find((found) => found !== '');
  const sections = writer.finish();
  yield { sections, ...(title && { title }) };
}

/** Documents that Word saved as XML in one file, of 2003 and of today: their paragraphs. */
function wordParts([root]: readonly XmlNode[], source: string): Part[] | undefined {
  if (root?.name !== 'w:wordDocument' && root?.name !== 'pkg:package') return undefined;
  const sectioner = createSectioner();
  for (const text of xmlParagraphs(source)) sectioner.add({ text });
  return [{ sections: sectioner.finish() }];
}

async function sourceOf(file: SourceFile): Promise<string> {
  const head = (await readBytes(file.path, 200)).toString('latin1');
  const declared = /encoding\s{0,9}=\s{0,9}["']([\w-]{2,40})/.exec(head)?.[1];
  return decodeWhole(file.path, await detectCharset(file.path, declared));
}

/** Nothing where it is no XML or nests too deep: then its text is still there. */
async function parse(source: string): Promise<XmlNode[]> {
  try {
    return await parseXml(source);
  } catch (error) {
    if (error instanceof LimnerError) return [];
    throw error;
  }
}

/** The tree is no deeper than parseXml allows. */
function writeElement(writer: RecordWriter, element: XmlNode, path: readonly string[], depth: number): void {
  const title = titleOf(element);
  const headings = title !== '' && depth > 0 ? [...path, title] : path;
  const attributes = Object.entries(element.attributes).filter(
    ([name]) => !/^(?:xmlns|xsi:|xml:)/.test(name),
  );
  const isText = element.children.some(({ name, text }) => name === '' && text.trim() !== '');
  if (!isText && depth > 0) writer.gap();
  const value = isText ? squeeze(textUnder(element.children)) : '';
  const line = [lead(element.name, value, attributes), value].filter(Boolean).join(' ');
  if (value !== '' || attributes.length > 0) writer.add(headings, line);
  if (isText) return;
  for (const child of element.children)
    if (child.name !== '') writeElement(writer, child, headings, depth + 1);
}

/** The name of the element where its value is short, and its attributes. */
function lead(name: string, value: string, attributes: readonly [string, string][]): string {
  const named = attributes.map(([key, text]) => `${key}=${squeeze(text)}`).join(', ');
  const isShort = value.length <= LONGEST_VALUE;
  if (named !== '') return `${name} (${named}):`;
  return isShort ? `${name}:` : '';
}

const TITLES = new Set(['title', 'heading', 'head']);

/** What an element calls itself: a child of such a name with nothing but text. */
function titleOf(element: XmlNode): string {
  const child = element.children.find(({ name }) => TITLES.has(name.replace(/^.*:/, '').toLowerCase()));
  const found = child ? squeeze(textUnder(child.children)) : '';
  return found.length <= MAX_TITLE ? found : '';
}

function squeeze(value: string): string {
  return value.replaceAll(/\s+/g, ' ').trim();
}
