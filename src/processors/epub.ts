import { posix } from 'node:path';
import type { Section, SourceFile } from '../document.ts';
import { LimnerError } from '../errors.ts';
import { parsePage } from './html.ts';
import { UNSEEN, writeLines } from './html-lines.ts';
import type { Limits } from './limits.ts';
import type { Part, Processor } from './processor.ts';
import { createSectioner } from './sectioner.ts';
import { descendants, parseXml, textUnder, type XmlNode } from './xml-tree.ts';
import { verifyTextParts, withArchive, type Archive } from './zip.ts';

/** EPUB books: the files of the spine in order, by heading, with the chapter that the table of contents names. */
export const epub: Processor = {
  name: 'epub',
  version: 4,
  kinds: ['epub'],
  label: 'an EPUB book',
  extensions: ['epub'],
  read,
};

async function* read(file: SourceFile, limits: Limits): AsyncGenerator<Part> {
  // The archive is open while the parts are drawn out of it.
  yield* await withArchive(file.path, limits, async (archive) => {
    await verifyTextParts(archive);
    return Array.fromAsync(readBook(archive));
  });
}

async function* readBook(archive: Archive): AsyncGenerator<Part> {
  const root = await findRoot(archive);
  const book = await readTree(archive, root);
  const [title] = [...descendants(book, 'dc:title')].map(({ children }) => textUnder(children).trim());
  if (title) yield { title };
  const names = namesById(book, posix.dirname(root));
  const old = await readChapters(archive, [...names.values()]);
  const chapters = new Map([...old, ...(await readNavigation(archive, book, posix.dirname(root)))]);
  let chapter: string | undefined;
  for (const { attributes } of descendants(book, 'itemref')) {
    const name = names.get(attributes['idref'] ?? '') ?? '';
    chapter = chapters.get(name) ?? chapter;
    yield { sections: await readChapter(archive, name, chapter) };
  }
  const facts = factsOf(book);
  if (facts.length > 0) yield { sections: [{ text: facts.join('\n') }] };
}

/** What a book says of itself (EPUB 3.3, 5.5), in words. */
const FACTS: readonly [name: string, element: string][] = [
  ['Authors', 'dc:creator'],
  ['Contributors', 'dc:contributor'],
  ['Publisher', 'dc:publisher'],
  ['Date', 'dc:date'],
  ['Subject', 'dc:subject'],
  ['Description', 'dc:description'],
];

function factsOf(book: readonly XmlNode[]): string[] {
  return FACTS.flatMap(([label, element]) => {
    const texts = [...descendants(book, element)].map(({ children }) => plain(textUnder(children)));
    const said = [...new Set(texts)].filter((text) => text !== '');
    return said.length > 0 ? [`**${label}:** ${said.join(', ')}`] : [];
  });
}

/** Descriptions are often HTML, written as text. */
function plain(text: string): string {
  const words = text.includes('<') ? (parsePage(text).body.textContent ?? '') : text;
  return words.replaceAll(/\s+/g, ' ').trim();
}

/** The container names the package document (EPUB 3.3, 4.2.6.3.1). */
async function findRoot(archive: Archive): Promise<string> {
  const container = await readTree(archive, 'META-INF/container.xml');
  const [root] = [...descendants(container, 'rootfile')].map(({ attributes }) => attributes['full-path']);
  if (!root) throw new LimnerError('corrupt', 'The book does not say where its text is; convert it anew.');
  return root;
}

async function readTree(archive: Archive, name: string): Promise<XmlNode[]> {
  return parseXml((await archive.read(name))?.toString('utf8') ?? '');
}

function namesById(book: readonly XmlNode[], folder: string): Map<string, string> {
  const items = [...descendants(book, 'item')];
  return new Map(
    items.map(({ attributes }) => [attributes['id'] ?? '', resolveName(folder, attributes['href'] ?? '')]),
  );
}

/** Titles of files, from the table of contents of EPUB 2 (toc.ncx); the first entry of a file counts. */
async function readChapters(archive: Archive, names: readonly string[]): Promise<Map<string, string>> {
  const chapters = new Map<string, string>();
  const contents = names.find((name) => name.endsWith('.ncx'));
  if (contents === undefined) return chapters;
  for (const point of descendants(await readTree(archive, contents), 'navPoint')) {
    const [target] = descendants(point.children, 'content');
    const [label] = descendants(point.children, 'navLabel');
    const name = resolveName(posix.dirname(contents), target?.attributes['src'] ?? '');
    const text = textUnder(label?.children ?? []).trim();
    if (text && !chapters.has(name)) chapters.set(name, text);
  }
  return chapters;
}

/** The same from the navigation document of EPUB 3 (EPUB 3.3, 7.3); links outside of its table of contents do not count. */
async function readNavigation(
  archive: Archive,
  book: readonly XmlNode[],
  folder: string,
): Promise<Map<string, string>> {
  const chapters = new Map<string, string>();
  const item = [...descendants(book, 'item')].find(({ attributes }) =>
    (attributes['properties'] ?? '').split(' ').includes('nav'),
  );
  const name = item && resolveName(folder, item.attributes['href'] ?? '');
  if (name === undefined) return chapters;
  const navs = [...descendants(await readTree(archive, name), 'nav')];
  const contents = navs.find(({ attributes }) => attributes['epub:type'] === 'toc') ?? navs[0];
  for (const link of descendants(contents?.children ?? [], 'a')) {
    const target = resolveName(posix.dirname(name), link.attributes['href'] ?? '');
    const text = textUnder(link.children).replaceAll(/\s+/g, ' ').trim();
    if (text && !chapters.has(target)) chapters.set(target, text);
  }
  return chapters;
}

async function readChapter(archive: Archive, name: string, chapter: string | undefined): Promise<Section[]> {
  const source = (await archive.read(name))?.toString('utf8');
  if (!source) return [];
  const sectioner = createSectioner();
  const page = parsePage(source);
  writeLines(page, { links: false, emphasis: true, skip: new Set(UNSEEN) }, (line) => sectioner.add(line));
  const sections = sectioner.finish();
  const named = chapter ?? sections[0]?.headings?.[0];
  return named ? sections.map((section) => Object.assign(section, { chapter: named })) : sections;
}

/** Addresses are relative, percent-encoded and may point into a file. */
function resolveName(folder: string, href: string): string {
  const [path = ''] = href.split('#');
  return posix.join(folder, URL.canParse(path, 'file:///') ? decodeName(path) : path);
}

function decodeName(path: string): string {
  return path.replaceAll(/%[0-9a-f]{2}/gi, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));
}
