import { htmlLines } from './mail-message.ts';
import type { Part } from './processor.ts';
import { createSectioner } from './sectioner.ts';
import { descendants, textUnder, type XmlNode } from './xml-tree.ts';

const ENTRIES = ['item', 'entry'];
/** Elements of an entry that hold its text, in RSS 2.0, RSS 1.0 and Atom (RFC 4287), the fullest first. */
const BODIES = ['content:encoded', 'content', 'description', 'summary'];
const FACTS: readonly [label: string, names: readonly string[]][] = [
  ['Author', ['author', 'dc:creator', 'itunes:author']],
  ['Date', ['pubDate', 'published', 'updated', 'dc:date']],
  ['Category', ['category']],
  ['Link', ['link']],
];

/** The parts of a feed, an entry a section with its title as heading; undefined where the file is none. */
export function feedParts(roots: readonly XmlNode[]): Part[] | undefined {
  const [root] = roots;
  if (!root || !['rss', 'feed', 'rdf:RDF'].includes(root.name)) return undefined;
  const [channel = root] = descendants(root.children, 'channel');
  const title = plain(channel, 'title');
  const sectioner = createSectioner();
  const level = title ? 2 : 1;
  if (title) sectioner.add({ text: `# ${title}`, heading: { level: 1, title } });
  const about = plain(channel, 'description', 'subtitle');
  if (about) sectioner.add({ text: about });
  for (const entry of descendants(roots, ...ENTRIES)) {
    for (const [index, line] of entryLines(entry).entries()) {
      if (index === 0)
        sectioner.add({ text: `${'#'.repeat(level)} ${line}`, heading: { level, title: line } });
      else sectioner.add({ text: line });
    }
  }
  return [{ sections: sectioner.finish(), ...(title && { title }) }];
}

/** Title, what is said about the entry, and its text. */
function entryLines(entry: XmlNode): string[] {
  const facts = FACTS.map(([label, names]) => {
    const values = entry.children.filter(({ name }) => names.includes(name)).map(valueOf);
    return [label, [...new Set(values)].filter(Boolean).join(', ')];
  });
  const body = BODIES.map((name) => entry.children.find((child) => child.name === name)).find(Boolean);
  const shown = facts.filter(([, value]) => value !== '').map(([label, value]) => `${label}: ${value}`);
  return [plain(entry, 'title') || 'Untitled', ...shown, ...htmlLines(body ? textUnder(body.children) : '')];
}

/** Atom has what others write as text in attributes and elements within. */
function valueOf(node: XmlNode): string {
  const { href, term } = node.attributes;
  return (href ?? term ?? textUnder(node.children)).replaceAll(/\s+/g, ' ').trim();
}

function plain(node: XmlNode, ...names: readonly string[]): string {
  const child = node.children.find(({ name }) => names.includes(name));
  return htmlLines(child ? textUnder(child.children) : '')
    .join(' ')
    .trim()
    .slice(0, 300);
}
