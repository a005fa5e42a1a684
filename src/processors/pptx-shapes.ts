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
export function slideShapes(slide: readonly XmlNode[]): SlideShapes {
  const shapes: SlideShapes = { title: '', blocks: [], repeated: [] };
  for (const shape of descendants(slide, 'p:sp', 'p:pic', 'p:graphicFrame', 'p:cxnSp'))
    addShape(shapes, shape);
  return shapes;
}

function addShape(shapes: SlideShapes, shape: XmlNode): void {
  const [placeholder] = descendants(shape.children, 'p:ph');
  const role = placeholder?.attributes['type'] ?? '';
  if (role === 'ftr' || role === 'hdr') shapes.repeated.push(...paragraphs(shape));
  if (REPEATED.has(role)) return;
  const tables = [...descendants(shape.children, 'a:tbl')];
  const text = tables.length > 0 ? tables.map(tableText).join('\n\n') : paragraphs(shape).join('\n');
  const block = [text, alternativeText(shape)].filter(Boolean).join('\n');
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

/** What the author wrote for those who do not see the picture. */
function alternativeText(shape: XmlNode): string {
  const [properties] = descendants(shape.children, 'p:cNvPr');
  return properties?.attributes['descr']?.trim() ?? '';
}

/** The texts that a layout or master puts on its slides: footers and shapes that are no placeholders. */
export function masterTexts(master: readonly XmlNode[]): string[] {
  return [...descendants(master, 'p:sp')].flatMap((shape) => {
    const [placeholder] = descendants(shape.children, 'p:ph');
    const isShown = placeholder === undefined || placeholder.attributes['type'] === 'ftr';
    return isShown ? paragraphs(shape) : [];
  });
}
