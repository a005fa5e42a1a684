import { descendants, parseXml, textUnder, type XmlNode } from './xml-tree.ts';
import type { Archive } from './zip.ts';

const COMMENTS = ['p:cm', 'p188:cm', 'p188:reply'];

/** Names of the people who commented, by the id that a comment gives (ECMA-376, part 1, 19.4; [MS-PPTX] 2.18). */
export async function commentAuthors(archive: Archive): Promise<ReadonlyMap<string, string>> {
  const authors = new Map<string, string>();
  for (const part of ['ppt/commentAuthors.xml', 'ppt/authors.xml']) {
    const source = (await archive.read(part))?.toString('utf8') ?? '';
    for (const { attributes } of descendants(await parseXml(source), 'p:cmAuthor', 'p188:author'))
      authors.set(attributes['id'] ?? '', attributes['name'] ?? '');
  }
  return authors;
}

/** The comments on a slide, a line each, those of today's PowerPoint and of the one before 2021. */
export async function commentLines(source: string, authors: ReadonlyMap<string, string>): Promise<string> {
  const lines: string[] = [];
  for (const comment of descendants(await parseXml(source), ...COMMENTS)) {
    const text = [...ownTexts(comment)].join(' ').trim();
    const author = authors.get(comment.attributes['authorId'] ?? '') ?? '';
    if (text !== '') lines.push(`Comment${author && ` by ${author}`}: ${text}`);
  }
  return lines.join('\n');
}

/** What the comment itself says, without the answers to it. */
function* ownTexts(node: XmlNode): Generator<string> {
  for (const child of node.children) {
    if (child.name === 'p:text' || child.name === 'a:t') yield textUnder(child.children);
    else if (!COMMENTS.includes(child.name)) yield* ownTexts(child);
  }
}
