import type { Part } from './processor.ts';
import { textUnder, type XmlNode } from './xml-tree.ts';

const WRITTEN = new Set(['text', 'title', 'desc', 'flowRoot']);
const PIECES = new Set(['tspan', 'p', 'div', 'flowPara', 'br']);

/** What a drawing says: its words, and the titles and descriptions of its shapes. Undefined where the file is none. */
export function drawingParts(roots: readonly XmlNode[]): Part[] | undefined {
  const [root] = roots;
  if (!root || local(root) !== 'svg') return undefined;
  const lines = [...new Set(writtenUnder(root))];
  const title = root.children.find((child) => local(child) === 'title');
  const named = title ? squeeze(textUnder(title.children)) : '';
  return [
    {
      ...(named !== '' && { title: named }),
      ...(lines.length > 0 && { sections: [{ text: lines.join('\n') }] }),
    },
  ];
}

function* writtenUnder(node: XmlNode): Generator<string> {
  for (const child of node.children) {
    if (WRITTEN.has(local(child)) || local(child) === 'foreignObject') {
      const line = squeeze(textOf(child));
      if (line !== '') yield line;
    } else yield* writtenUnder(child);
  }
}

/** Pieces of a text are placed on their own, so nothing but their place parts them. */
function textOf(node: XmlNode): string {
  if (node.name === '') return node.text;
  const inside = node.children.map(textOf).join('');
  return PIECES.has(local(node)) ? ` ${inside}` : inside;
}

function local({ name }: XmlNode): string {
  return name.replace(/^svg:/, '');
}

function squeeze(value: string): string {
  return value.replaceAll(/\s+/g, ' ').trim();
}
