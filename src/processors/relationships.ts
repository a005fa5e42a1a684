import { posix } from 'node:path';
import { descendants, parseXml } from './xml-tree.ts';
import type { Archive } from './zip.ts';

export interface Relationship {
  id: string;
  /** The last word of its type: `slide`, `chart`, `notesSlide`, ... */
  type: string;
  /** Name of the part it points at. */
  target: string;
}

/** What a part of an Office Open XML package points at, within the package (ECMA-376, part 2, 9.3). */
export async function readRelationships(archive: Archive, part: string): Promise<Relationship[]> {
  const folder = posix.dirname(part);
  const source = await archive.read(posix.join(folder, '_rels', `${posix.basename(part)}.rels`));
  const nodes = await parseXml(source?.toString('utf8') ?? '');
  return [...descendants(nodes, 'Relationship')]
    .filter(({ attributes }) => attributes['TargetMode'] !== 'External')
    .map(({ attributes }) => ({
      id: attributes['Id'] ?? '',
      type: posix.basename(attributes['Type'] ?? ''),
      target: resolveTarget(folder, attributes['Target'] ?? ''),
    }));
}

function resolveTarget(folder: string, target: string): string {
  return target.startsWith('/') ? target.slice(1) : posix.join(folder, target);
}
