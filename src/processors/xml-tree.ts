import { LimnerError } from '../errors.ts';
import { decodeEntities } from './xml-text.ts';

/** An element, or a text, whose `name` is empty. */
export interface XmlNode {
  name: string;
  text: string;
  attributes: Readonly<Record<string, string>>;
  children: readonly XmlNode[];
}

const MAX_DEPTH = 256;

/**
 * Parses XML to a tree, in the order of the document. Entities that the document defines are not expanded. Throws
 * LimnerError `corrupt`, or `limit` where elements nest too deep.
 */
export async function parseXml(source: string): Promise<XmlNode[]> {
  const { XMLParser } = await import('fast-xml-parser');
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    processEntities: false,
    maxNestedTags: MAX_DEPTH,
    // The way to each tag is not told: nobody asks for it.
    jPath: false,
  });
  try {
    return toNodes(parser.parse(source));
  } catch (cause) {
    const isDeep =
      cause instanceof RangeError || (cause instanceof Error && /nested tags/i.test(cause.message));
    throw isDeep
      ? new LimnerError('limit', 'The file nests its elements hundreds deep, which no ordinary one does.', {
          cause,
        })
      : new LimnerError('corrupt', 'The file is damaged; saving it again where it was made may repair it.', {
          cause,
        });
  }
}

/** All elements of this name under `nodes`, in the order of the document, those inside others too. */
export function* descendants(nodes: readonly XmlNode[], ...names: readonly string[]): Generator<XmlNode> {
  const left = nodes.toReversed();
  for (let node = left.pop(); node; node = left.pop()) {
    if (names.includes(node.name)) yield node;
    // A list of strings may have more of them than a call takes.
    for (const child of node.children.toReversed()) left.push(child);
  }
}

/** The text under `nodes`, joined. */
export function textUnder(nodes: readonly XmlNode[]): string {
  return nodes.map((node) => (node.name === '' ? node.text : textUnder(node.children))).join('');
}

/** fast-xml-parser gives each node as an object of its name and, under `:@`, its attributes. */
function toNodes(value: unknown): XmlNode[] {
  return Array.isArray(value) ? value.flatMap((entry: unknown) => toNode(entry)) : [];
}

function toNode(entry: unknown): XmlNode[] {
  if (typeof entry !== 'object' || entry === null) return [];
  const name = Object.keys(entry).find((key) => key !== ':@');
  if (name === undefined || name.startsWith('?')) return [];
  const value: unknown = Reflect.get(entry, name);
  if (name === '#text') {
    return [{ name: '', text: decodeEntities(String(value)), attributes: {}, children: [] }];
  }
  return [{ name, text: '', attributes: toAttributes(Reflect.get(entry, ':@')), children: toNodes(value) }];
}

function toAttributes(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, decodeEntities(String(text))]));
}
