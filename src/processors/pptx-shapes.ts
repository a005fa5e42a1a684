import { posix } from 'node:path';
import type { Relationship } from './relationships.ts';
import { descendants, textUnder, type XmlNode } from './xml-tree.ts';

const TITLES = new Set(['title', 'ctrTitle']);
/** Placeholders that repeat on every slide: date, footer, number. */
const REPEATED = new Set(['dt', 'ftr', 'hdr', 'sldNum']);

export interface SlideShapes {
  title: string;
  /** Title, texts, tables and alternative texts in the order of the slide. */
  blocks: string[];
  /** What repeats on every slide: the footer. */
  repeated: string[];
}

/** The texts of a slide's shapes (ECMA-376, part 1, 19.3). Groups are gone into. */
export function slideShapes(slide: readonly XmlNode[], related: readonly Relationship[]): SlideShapes {
  const shapes: SlideShapes = { title: '', blocks: [], repeated: [] };
  for (const shape of descendants(slide, 'p:sp', 'p:pic', 'p:graphicFrame', 'p:cxnSp'))
    addShape(shapes, shape, related);
  return shapes;
}

function addShape(shapes: SlideShapes, shape: XmlNode, related: readonly Relationship[]): void {
  const [placeholder] = descendants(shape.children, 'p:ph');
  const role = placeholder?.attributes['type'] ?? '';
  if (role === 'ftr' || role === 'hdr') shapes.repeated.push(...paragraphs(shape));
  if (REPEATED.has(role)) return;
  const tables = [...descendants(shape.children, 'a:tbl')];
  const text = tables.length > 0 ? tables.map(tableText).join('\n\n') : paragraphs(shape).join('\n');
  const block = [text, alternativeText(shape, related)].filter(Boolean).join('\n');
  if (TITLES.has(role) && shapes.title === '' && text !== '') {
    shapes.title = text.replaceAll('\n', ' ').slice(0, 300);
    shapes.blocks.push(`# ${text.replaceAll('\n', ' ')}`);
  } else if (block !== '') shapes.blocks.push(block);
}

function paragraphs(shape: XmlNode): string[] {
  return [...descendants(shape.children, 'a:p')].map(paragraphText).filter((text) => text.trim() !== '');
}

function paragraphText(paragraph: XmlNode): string {
  const parts = descendants(paragraph.children, 'a:t', 'a:br', 'a:tab');
  return [...parts].map((part) => (part.name === 'a:t' ? textUnder(part.children) : ' ')).join('');
}

function tableText(table: XmlNode): string {
  const rows = [...descendants(table.children, 'a:tr')].map((row) => {
    const cells = [...descendants(row.children, 'a:tc')].map((cell) => paragraphs(cell).join(' '));
    return { line: `| ${cells.join(' | ')} |`, width: cells.length };
  });
  const rule = `|${' --- |'.repeat(rows[0]?.width ?? 0)}`;
  return rows.flatMap(({ line }, index) => (index === 0 ? [line, rule] : [line])).join('\n');
}

/** What the author wrote for those who do not see the picture, as a picture of Markdown with the name that it has on the slide. */
function alternativeText(shape: XmlNode, related: readonly Relationship[]): string {
  const [properties] = descendants(shape.children, 'p:cNvPr');
  const { descr = '', name = '' } = properties?.attributes ?? {};
  const text = descr.trim();
  const [picture] = descendants(shape.children, 'a:blip');
  const target = related.find(({ id }) => id === picture?.attributes['r:embed'])?.target;
  if (text === '' || shape.name !== 'p:pic' || target === undefined) return text;
  const alternative = text.replaceAll(/\s+/g, ' ').replaceAll(/[[\]]/g, '');
  return `![${alternative}](${name.replaceAll(/[^\p{L}\p{N}_-]/gu, '')}${posix.extname(target)})`;
}

/** The texts that a layout or master puts on its slides: footers and shapes that are no placeholders. */
export function masterTexts(master: readonly XmlNode[]): string[] {
  return [...descendants(master, 'p:sp')].flatMap((shape) => {
    const [placeholder] = descendants(shape.children, 'p:ph');
    const isShown = placeholder === undefined || placeholder.attributes['type'] === 'ftr';
    return isShown ? paragraphs(shape) : [];
  });
}

/** Whether `masterTexts` may find something: most layouts hold nothing but placeholders, and need not be parsed. */
export function mayShowText(master: string): boolean {
  const [, ...shapes] = master.split(/<p:sp[\s>]/);
  return shapes.some(
    (shape) => shape.includes('<a:t') && (!shape.includes('<p:ph') || shape.includes('"ftr"')),
  );
}
