import { posix } from 'node:path';
import type { Block, Document, Inline } from '@firecrawl/anydoc';
import type { Member } from './processor.ts';

export interface OfficePicture extends Member {
  /** What the document says of it, where it says something. */
  description: string | undefined;
}

/** The pictures that a document shows, in the order of its text; then those that are in the file beside that. */
export function picturesOf({ assets, blocks, notes }: Document): OfficePicture[] {
  const said = new Map<number, string>();
  for (const inline of [...blocks, ...notes.flatMap((note) => note.blocks)].flatMap(inlinesOf)) {
    const id = inline.source?.assetId;
    if (id !== undefined && !said.get(id)) said.set(id, inline.alt?.trim() ?? '');
  }
  const shown = [...said.keys()];
  const order = (id: number): number => (said.has(id) ? shown.indexOf(id) : shown.length + id);
  return assets
    .filter(({ mediaType }) => mediaType.startsWith('image/'))
    .toSorted((one, other) => order(one.id) - order(other.id))
    .map(({ id, originPart, data }) => ({
      name: posix.basename(originPart),
      bytes: data,
      description: said.get(id) || undefined,
    }));
}

/** Those that stand in this block, however deep. */
function inlinesOf({ content = [], list, table, blocks = [] }: Block): Inline[] {
  const items = list?.items.flatMap((item) => item.blocks) ?? [];
  const cells = table?.grid.flat().flatMap(({ cell }) => cell?.blocks ?? []) ?? [];
  return [...content.flatMap(withInner), ...[...items, ...cells, ...blocks].flatMap(inlinesOf)];
}

function withInner(inline: Inline): Inline[] {
  return [inline, ...(inline.content ?? []).flatMap(withInner)];
}
