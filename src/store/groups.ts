/** The documents of the index by their numbers, as a searching thread gets them; the shared lists are read while they change. */
export interface GroupsView {
  /** Collections by their numbers. */
  collections: string[];
  /** The number of a document's collection. */
  collectionOf: Int32Array<SharedArrayBuffer>;
  /** Tokens of a document's chunks together. */
  lengths: Uint32Array<SharedArrayBuffer>;
  /** What is there: documents with chunks, chunks, and tokens of all chunks. */
  documents: number;
  chunks: number;
  tokens: number;
}

const FIRST_SIZE = 1024;

/** Counts what belongs to each document. Documents are numbered from 0 in the database. */
export function createGroups() {
  const collections: string[] = [];
  const numbers = new Map<string, number>();
  const totals = { documents: 0, chunks: 0, tokens: 0 };
  let collectionOf = new Int32Array(new SharedArrayBuffer(FIRST_SIZE * 4)).fill(-1);
  let lengths = new Uint32Array(new SharedArrayBuffer(FIRST_SIZE * 4));
  let chunksOf = new Uint32Array(FIRST_SIZE);

  /** The lists grow by being copied into bigger ones; a thread keeps those it has until it is told. */
  function reserve(group: number): void {
    if (group < collectionOf.length) return;
    const size = 2 ** Math.ceil(Math.log2(group + 1));
    const wider = new Int32Array(new SharedArrayBuffer(size * 4)).fill(-1);
    wider.set(collectionOf);
    collectionOf = wider;
    const longer = new Uint32Array(new SharedArrayBuffer(size * 4));
    longer.set(lengths);
    lengths = longer;
    const more = new Uint32Array(size);
    more.set(chunksOf);
    chunksOf = more;
  }

  function numberOf(collection: string): number {
    const number = numbers.get(collection) ?? collections.push(collection) - 1;
    numbers.set(collection, number);
    return number;
  }

  return {
    /** The document belongs to `collection` from now on. */
    place(group: number, collection: string): void {
      reserve(group);
      collectionOf[group] = numberOf(collection);
    },
    /** So many chunks and tokens more, or less. */
    count(group: number, chunks: number, tokens: number): void {
      reserve(group);
      const before = chunksOf[group] ?? 0;
      chunksOf[group] = before + chunks;
      lengths[group] = (lengths[group] ?? 0) + tokens;
      totals.chunks += chunks;
      totals.tokens += tokens;
      totals.documents += Math.sign(before + chunks) - Math.sign(before);
    },
    view: (): GroupsView => ({ ...totals, collections: [...collections], collectionOf, lengths }),
  };
}
