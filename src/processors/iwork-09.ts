import type { Section } from '../document.ts';
import type { Part } from './processor.ts';
import { createSectioner } from './sectioner.ts';
import { descendants, parseXml, textUnder, type XmlNode } from './xml-tree.ts';
import { verifyTextParts, type Archive } from './zip.ts';

/** The one part of Pages and Numbers, and of Keynote, from 2005 to 2009. */
const INDEX = ['index.xml', 'index.apxl'];
/** Samples of how pages and slides may look, and words that wait to be written over. */
const PATTERNS = new Set(
  'key:theme-list key:master-slides sl:section-prototypes sf:prototypes sl:prototypes key:stylesheet sl:stylesheet ls:stylesheet sf:ghost-text'.split(
    ' ',
  ),
);
const MARGINS = ['sf:header', 'sf:footer', 'sf:headers', 'sf:footers'];
const BREAKS = new Set(['sf:br', 'sf:lnbr', 'sf:tab', 'sf:pgbr', 'sf:crbr']);
const CELLS = new Map([
  ['sf:t', 'sfa:s'],
  ['sf:n', 'sf:v'],
  ['sf:d', 'sf:cell-date'],
]);

/** Whether a container is a document of those years. */
export function isOlderIwork(names: readonly string[]): boolean {
  return INDEX.some((name) => names.includes(name)) && names.includes('buildVersionHistory.plist');
}

/** A document of those years; undefined where the container is another one. */
export async function readOlderIwork(archive: Archive): Promise<Part | undefined> {
  if (!isOlderIwork(archive.names)) return undefined;
  await verifyTextParts(archive);
  const name = INDEX.find((one) => archive.names.includes(one)) ?? '';
  const nodes = await parseXml((await archive.read(name))?.toString('utf8') ?? '');
  const slides = [...descendants(nodes, 'key:slide')];
  if (slides.length > 0) return { pages: slides.length, sections: slides.flatMap(slideSections) };
  const sectioner = createSectioner();
  for (const text of [...linesUnder(nodes), ...marginsUnder(nodes)]) sectioner.add({ text });
  return { sections: sectioner.finish() };
}

function slideSections(slide: XmlNode, index: number): Section[] {
  const [titled] = descendants(slide.children, 'key:title-placeholder');
  const title = titled ? linesUnder(titled.children).join(' ').trim().slice(0, 300) : '';
  const place = { page: index + 1, slide: index + 1, ...(title && { headings: [title] }) };
  const body = slide.children.filter(({ name }) => name !== 'key:notes');
  const notes = [...descendants(slide.children, 'key:notes')].flatMap(({ children }) => linesUnder(children));
  const lines = linesUnder(body, titled);
  const texts = [[title && `# ${title}`, lines.join('\n')].filter(Boolean).join('\n\n'), notes.join('\n')];
  return texts
    .map((text, at) => (at === 1 && text ? `Notes: ${text}` : text).trim())
    .filter((text) => text !== '')
    .map((text) => Object.assign({ text }, place));
}

/** Paragraphs and the rows of tables, without those of `except`. */
function linesUnder(nodes: readonly XmlNode[], except?: XmlNode): string[] {
  return nodes.flatMap((node) => {
    if (node === except || PATTERNS.has(node.name) || MARGINS.includes(node.name)) return [];
    if (node.name === 'sf:p') return [paragraph(node)].filter((text) => text !== '');
    if (node.name === 'sf:tabular-model') return ['', ...tableLines(node), ''];
    return linesUnder(node.children);
  });
}

function marginsUnder(nodes: readonly XmlNode[]): string[] {
  const margins = [...descendants(nodes, ...MARGINS)].flatMap(({ children }) => linesUnder(children));
  return margins.length > 0 ? ['', ...new Set(margins)] : [];
}

function paragraph(node: XmlNode): string {
  return withBreaks(node).replaceAll(/\s+/g, ' ').trim();
}

function withBreaks(node: XmlNode): string {
  if (node.name === '') return node.text;
  return PATTERNS.has(node.name) ? '' : BREAKS.has(node.name) ? ' ' : node.children.map(withBreaks).join('');
}

/** The cells of a row are counted up to this many, however many there are. */
const ROW_CELLS = 256;

/** Each cell tells how many there are from the one before it to itself, empty ones and ends of rows included. */
function tableLines(table: XmlNode): string[] {
  const [source] = descendants(table.children, 'sf:datasource');
  const rows: string[][] = [];
  let at = 0;
  for (const [index, cell] of (source?.children ?? []).filter(({ name }) => name !== '').entries()) {
    at += Number(cell.attributes['sf:ct'] ?? Math.min(index, 1)) || 0;
    const text = cellText(cell);
    if (text === '' || at < 0 || at > MOST_CELLS) continue;
    const row = (rows[Math.floor(at / ROW_CELLS)] ??= []);
    while (row.length < at % ROW_CELLS) row.push('');
    row.push(text);
  }
  const isNamed = table.attributes['sf:name-is-visible'] !== 'false';
  const name = isNamed ? (table.attributes['sf:name'] ?? '') : '';
  return [...(name ? [name] : []), ...rows.filter(Boolean).map((row) => `| ${row.join(' | ')} |`)];
}

const MOST_CELLS = 2_000_000;

/** Of a formula what it came to. */
function cellText(cell: XmlNode): string {
  const attribute = CELLS.get(cell.name);
  const own = attribute === undefined ? undefined : cell.attributes[attribute];
  if (own !== undefined) return plain(own);
  const written = [...descendants(cell.children, 'sf:ct', 'sf:rn', 'sf:rt')].map(
    ({ attributes, children }) => attributes['sfa:s'] ?? plain(attributes['sf:v'] ?? textUnder(children)),
  );
  return written.join(' ').replaceAll(/\s+/g, ' ').trim();
}

/** Fifteen digits of a number are all that programs keep. */
function plain(value: string): string {
  const number = Number(value);
  return value.trim() === '' || !Number.isFinite(number)
    ? value.trim()
    : String(Number(number.toPrecision(15)));
}
