import { LimnerError } from '../errors.ts';
import { descendants, parseXml, type XmlNode } from './xml-tree.ts';
import type { Archive } from './zip.ts';

/** What stands in the margin of pages (ODF 1.3, part 3, 16.10 to 16.14). */
const MARGINS = [
  'style:header',
  'style:footer',
  'style:header-left',
  'style:footer-left',
  'style:header-first',
  'style:footer-first',
];
/** What is said once for all slides that show it (10.6). */
const DECLARED = ['presentation:header-decl', 'presentation:footer-decl'];

/** The distinct lines of page headers and footers of an OpenDocument file, and of those that slides share. */
export async function pageMargins(archive: Archive): Promise<string[]> {
  const lines = new Set<string>();
  const gather = (nodes: Iterable<XmlNode>): void => {
    for (const node of nodes) {
      const line = marginText(node);
      if (line !== '') lines.add(line);
    }
  };
  const styles = await treeOf(archive, 'styles.xml');
  for (const margin of descendants(styles, ...MARGINS))
    gather(descendants(margin.children, 'text:p', 'text:h'));
  for (const frame of masterFrames(styles)) gather(descendants(frame.children, 'text:p', 'text:h'));
  const content = (await archive.read('content.xml'))?.toString('utf8') ?? '';
  if (DECLARED.some((name) => content.includes(name)))
    gather(descendants(await parsed(content), ...DECLARED));
  return [...lines];
}

/** Fields that a program fills in: on paper they say something, here nothing (ODF 1.3, part 3, 7.3 and 7.5). */
const FIELDS = new Set(
  'text:page-number text:page-count text:sheet-name text:date text:time text:file-name'.split(' '),
);

/** "Page 1 of 9" is left out: fields and no more than two words. */
function marginText(node: XmlNode): string {
  const line = withoutFields(node).replaceAll(/\s+/g, ' ').trim();
  const words = line.match(/\p{L}+/gu) ?? [];
  const hasField = [...descendants(node.children, ...FIELDS)].length > 0;
  return hasField && words.length <= 2 ? '' : line;
}

function withoutFields(node: XmlNode): string {
  if (node.name === '') return node.text;
  return FIELDS.has(node.name) ? ' ' : node.children.map(withoutFields).join('');
}

/** What the master of slides shows on each: its footers, and shapes that wait for no text. */
function masterFrames(styles: readonly XmlNode[]): XmlNode[] {
  const frames: XmlNode[] = [];
  for (const master of descendants(styles, 'style:master-page'))
    for (const frame of descendants(master.children, 'draw:frame', 'draw:custom-shape')) frames.push(frame);
  return frames.filter(({ attributes }) => {
    const role = attributes['presentation:class'] ?? 'footer';
    return attributes['presentation:placeholder'] !== 'true' && (role === 'footer' || role === 'header');
  });
}

async function treeOf(archive: Archive, name: string): Promise<XmlNode[]> {
  return parsed((await archive.read(name))?.toString('utf8') ?? '');
}

/** What cannot be parsed holds no margins; the text itself is read by others, who tell. */
async function parsed(source: string): Promise<XmlNode[]> {
  try {
    return await parseXml(source);
  } catch (error) {
    if (error instanceof LimnerError) return [];
    throw error;
  }
}
