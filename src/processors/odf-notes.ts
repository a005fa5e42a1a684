import { descendants, parseXml, textUnder } from './xml-tree.ts';
import type { Archive } from './zip.ts';

const CONTENT = 'content.xml';
/** They hold one another never (ODF 1.3, part 3, 14.1). */
const NOTE = /<office:annotation[\s>][^]*?<\/office:annotation>/g;

/**
 * An OpenDocument text whose comments stand in the middle of its sentences, without them, and what they say, a line each;
 * undefined where there are none.
 */
export async function withoutNotes(archive: Archive): Promise<{ data: Buffer; notes: string[] } | undefined> {
  const content = (await archive.read(CONTENT))?.toString('utf8') ?? '';
  const found = content.match(NOTE);
  if (!found) return undefined;
  const notes = await Promise.all(found.map(noteLine));
  const parts = new Map<string, Buffer>();
  for (const name of archive.names) {
    const bytes = name.endsWith('/') ? undefined : await archive.read(name);
    if (bytes) parts.set(name, bytes);
  }
  parts.set(CONTENT, Buffer.from(content.replaceAll(NOTE, '')));
  return { data: await zipOf(parts), notes: notes.filter((note) => note !== '') };
}

async function noteLine(source: string): Promise<string> {
  const nodes = await parseXml(source);
  const textOf = (...names: string[]): string =>
    [...descendants(nodes, ...names)].map(({ children }) => textUnder(children).trim()).join(' ');
  const [author, said] = [textOf('dc:creator'), textOf('text:p', 'text:h')];
  return said.trim() === '' ? '' : `Comment${author && ` by ${author}`}: ${said}`;
}

/** A container of these parts. */
async function zipOf(parts: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const { CFB } = await import('@e965/xlsx');
  const whole = CFB.utils.cfb_new();
  for (const [name, bytes] of parts) CFB.utils.cfb_add(whole, `/${name}`, bytes);
  const written: unknown = CFB.write(whole, { type: 'buffer', fileType: 'zip' });
  if (!Buffer.isBuffer(written)) throw new TypeError('The writer of containers gave no bytes.');
  return written;
}
