import { createGroups, type GroupsView } from './groups.ts';
import { createPage, listBytes, PAGE_SLOTS, viewOf, type Page, type PageView, type Part } from './page.ts';
import { mergeSegments, type MovedSegment, type Segment } from './segment.ts';
import { createVectorSpace, type VectorSpace, type VectorSpaceView } from './vector-space.ts';

/** Chunks with their inverted index, ready to get their places. */
export interface Batch {
  ids: number[];
  /** The number of each chunk's document. */
  groups: number[];
  lengths: number[];
  /** The keys of their texts. */
  texts: number[];
  segment: Segment;
}

export interface ChunkVector {
  id: number;
  vector: Float32Array;
}

/** A change that searches see at once: all of it or nothing. */
export interface IndexChange {
  /** Documents by their numbers, with their collections. */
  placed?: readonly (readonly [group: number, collection: string])[];
  removed?: readonly number[];
  added?: readonly Batch[];
  vectors?: readonly ChunkVector[];
}

/** A full page as it was kept; `isGone` says which of its chunks have gone since. */
export interface KeptPage {
  number: number;
  used: number;
  lists: Uint8Array;
  segment: Segment;
  isGone(id: number): boolean;
}

/** What is known of a chunk beside its terms and its vector. */
interface Slot {
  id: number;
  group: number;
  length: number;
  text: number;
}

const slotAt = (
  { ids, groups, lengths, texts }: Record<'ids' | 'groups' | 'lengths' | 'texts', ArrayLike<number>>,
  at: number,
): Slot => ({ id: ids[at] ?? 0, group: groups[at] ?? 0, length: lengths[at] ?? 0, text: texts[at] ?? 0 });

/** What a thread that knew the index at one revision has to learn. */
export interface IndexChanges {
  revision: number;
  pages: PageView[];
  dropped: number[];
  groups: GroupsView;
  vectors: VectorSpaceView | undefined;
}

export type ChunkIndex = ReturnType<typeof createChunkIndex>;

/**
 * Every chunk of the store in memory, by pages: its terms, its vector and its document. The rows in the database are the
 * truth. One thread owns the index and changes it; others search what `changes` hands them. `oldestReader` says which
 * revision is still being searched, Infinity when none is.
 */
export function createChunkIndex(oldestReader: () => number) {
  let groups = createGroups();
  const pages = new Map<number, Page>();
  const dropped: { number: number; revision: number }[] = [];
  /** Blocks of dropped pages that a thread may still read. */
  let unread: { block: number; revision: number }[] = [];
  let revision = 1;
  let nextNumber = 0;
  let openPage: Page | undefined;
  let space: VectorSpace | undefined;
  let model: string | undefined;
  let generation = 0;

  function addPage(number: number): Page {
    const page = createPage(number, revision);
    pages.set(number, page);
    nextNumber = Math.max(nextNumber, number + 1);
    return page;
  }

  function roomFor(count: number): Page {
    if (!openPage || openPage.used + count > PAGE_SLOTS) openPage = addPage(nextNumber);
    return openPage;
  }

  function find(id: number): { page: Page; slot: number } | undefined {
    for (const page of pages.values()) {
      if (id < page.span[0] || id > page.span[1]) continue;
      const slot = page.ids.subarray(0, page.used).indexOf(id);
      if (slot >= 0) return { page, slot };
    }
    return undefined;
  }

  function putSlot(page: Page, slot: number, { id, group, length, text }: Slot): void {
    page.ids[slot] = id;
    page.groups[slot] = group;
    page.lengths[slot] = length;
    page.texts[slot] = text;
    revive(page, slot);
  }

  /** The slot's chunk is there: counts it in. */
  function revive(page: Page, slot: number): void {
    const id = page.ids[slot] ?? 0;
    page.live[slot] = 1;
    page.alive++;
    page.span = [Math.min(page.span[0], id), Math.max(page.span[1], id)];
    groups.count(page.groups[slot] ?? 0, 1, page.lengths[slot] ?? 0);
  }

  function add({ ids, segment, ...batch }: Batch): void {
    const page = roomFor(ids.length);
    for (let at = 0; at < ids.length; at++) putSlot(page, page.used + at, slotAt({ ids, ...batch }, at));
    page.parts = [...page.parts, { base: page.used, segment }];
    page.used += ids.length;
    page.revision = revision;
  }

  function remove(id: number): void {
    const found = find(id);
    if (!found || found.page.live[found.slot] === 0) return;
    const { page, slot } = found;
    page.live[slot] = 0;
    page.alive--;
    if (page.vectors?.has[slot] === 1) page.embedded--;
    groups.count(page.groups[slot] ?? 0, -1, -(page.lengths[slot] ?? 0));
    page.revision = revision;
  }

  /** The block of a page's vectors, made when its first one comes. */
  function reserveVectors(page: Page, dimensions: number) {
    if (model === undefined) return undefined;
    space ??= createVectorSpace(dimensions);
    reuseBlocks(space);
    return { space, ...(page.vectors ??= { block: space.takeBlock(), has: new Uint8Array(PAGE_SLOTS) }) };
  }

  function reuseBlocks({ giveBlock }: VectorSpace): void {
    const oldest = oldestReader();
    for (const { block } of unread.filter((one) => one.revision <= oldest)) giveBlock(block);
    unread = unread.filter((one) => one.revision > oldest);
  }

  /** Moves the chunks that are left of a page; gives their new slots, -1 where there is none. */
  function moveSlots(page: Page, into: Page): Int32Array {
    const slots = new Int32Array(page.used).fill(-1);
    for (let slot = 0; slot < page.used; slot++) {
      if (page.live[slot] === 0) continue;
      slots[slot] = into.used;
      const moved = slotAt(page, slot);
      groups.count(moved.group, -1, -moved.length);
      putSlot(into, into.used++, moved);
      if (page.vectors?.has[slot] === 1) copyVector(page, slot, into);
    }
    return slots;
  }

  function copyVector(page: Page, slot: number, into: Page): void {
    const vectors = space && reserveVectors(into, space.dimensions);
    if (!vectors || !page.vectors) return;
    vectors.space.copy(page.vectors.block, slot, vectors.block, into.used - 1);
    vectors.has[into.used - 1] = 1;
    into.embedded++;
  }

  function drop(page: Page): void {
    pages.delete(page.number);
    dropped.push({ number: page.number, revision });
    if (page.vectors) unread.push({ block: page.vectors.block, revision });
  }

  function putVector({ id, vector }: ChunkVector): void {
    const found = find(id);
    const vectors = found && reserveVectors(found.page, vector.length);
    if (!vectors || found.page.live[found.slot] === 0) return;
    vectors.space.write(vectors.block, found.slot, vector);
    if (vectors.has[found.slot] === 0) found.page.embedded++;
    vectors.has[found.slot] = 1;
    found.page.revision = revision;
  }

  return {
    /** New chunks are there before the old go. Vectors are passed over while `model` is undefined. */
    publish({ placed = [], added = [], vectors = [], removed = [] }: IndexChange): void {
      revision++;
      for (const [group, collection] of placed) groups.place(group, collection);
      // What came while the index was loaded may have been read with it.
      for (const batch of added) if (!find(batch.ids[0] ?? 0)) add(batch);
      if (model !== undefined) vectors.forEach(putVector);
      removed.forEach(remove);
    },
    has: (id: number): boolean => find(id) !== undefined,
    pages: (): Page[] => [...pages.values()],
    isOpen: (page: Page): boolean => page === openPage,
    /** The model whose vectors are kept here. */
    model: (): string | undefined => model,
    /** Keeps vectors of `next` from now on, and none of the model before. */
    useVectors(next: string | undefined): void {
      revision++;
      model = next;
      space = undefined;
      unread = [];
      generation++;
      for (const page of pages.values()) {
        delete page.vectors;
        page.embedded = 0;
        page.revision = revision;
      }
    },
    vectorSpace: (): VectorSpace | undefined => space,
    /** Chunks of a page that have no vector. */
    withoutVector: ({ ids, used, live, vectors }: Page): number[] =>
      [...ids.subarray(0, used)].filter((_, slot) => live[slot] === 1 && vectors?.has[slot] !== 1),
    /** A page's vectors as they are now, to be kept. */
    vectorsOf: ({ vectors }: Page) =>
      space &&
      vectors && {
        dimensions: space.dimensions,
        has: vectors.has.slice(),
        bytes: space.bytes(vectors.block),
      },
    /** Forgets everything. */
    clear(): void {
      revision++;
      for (const page of pages.values()) drop(page);
      groups = createGroups();
      openPage = undefined;
    },
    /** Puts the chunks that are left of full pages together on a new one; undefined when none is left. */
    join(sparse: readonly Page[]): Page | undefined {
      revision++;
      const page = addPage(nextNumber);
      const moved = sparse.flatMap((one) => {
        const slots = moveSlots(one, page);
        return one.parts.map(({ base, segment }) => ({ segment, slots: slots.subarray(base) }));
      });
      page.parts = [{ base: 0, segment: mergeSegments(moved) }];
      sparse.forEach(drop);
      if (page.used > 0) return page;
      pages.delete(page.number);
      return undefined;
    },
    /** A page as it was kept. */
    restore({ number, used, lists, segment, isGone }: KeptPage): Page {
      revision++;
      const page = addPage(number);
      listBytes(page).set(lists);
      page.used = used;
      page.parts = [{ base: 0, segment }];
      for (let slot = 0; slot < used; slot++) if (!isGone(page.ids[slot] ?? 0)) revive(page, slot);
      return page;
    },
    /** A page's vectors as they were kept: `fill` writes their bytes. */
    restoreVectors(page: Page, dimensions: number, has: Uint8Array, fill: (into: Uint8Array) => void): void {
      const vectors = reserveVectors(page, dimensions);
      if (!vectors) return;
      fill(vectors.space.bytes(vectors.block));
      vectors.has.set(has);
      page.embedded = page.live.reduce((sum, live, slot) => sum + (live & (has[slot] ?? 0)), 0);
      page.revision = ++revision;
    },
    /** What makes one part of several neighbours: they begin at slot `base` of the page. */
    mergeOf({ parts, live, used }: Page, from: number, to: number): { base: number; moved: MovedSegment[] } {
      const base = parts[from]?.base ?? 0;
      const moved = parts.slice(from, to).map(({ base: start, segment }, at) => {
        const end = parts[from + at + 1]?.base ?? used;
        const slots = Int32Array.from({ length: end - start }, (_, slot) =>
          live[start + slot] === 1 ? start + slot - base : -1,
        );
        return { segment, slots };
      });
      return { base, moved };
    },
    /** Puts the merged segment in the place of its parts; searches find the same before and after. */
    putMerged(page: Page, from: number, to: number, part: Part): void {
      page.parts = page.parts.toSpliced(from, to - from, part);
      page.revision = ++revision;
    },
    pageCount: () => pages.size,
    /** Undefined for who knows this revision. */
    changes(since: number): IndexChanges | undefined {
      if (since === revision) return undefined;
      return {
        revision,
        pages: [...pages.values()].filter((page) => page.revision > since).map(viewOf),
        dropped: dropped.filter((one) => one.revision > since).map(({ number }) => number),
        groups: groups.view(),
        vectors: space && { generation, dimensions: space.dimensions, memory: space.memory },
      };
    },
  };
}
