import { createVectorIndex, type VectorIndex } from './vector-index.ts';

/** The vectors of one model in memory, and whose they are: what a search may be limited to. */
export interface MeaningIndex {
  vectors: VectorIndex;
  add(row: { id: number; document_id: string; collection: string }, vector: Float32Array): void;
  /** The numbers of a collection's documents, or of these documents; undefined is all of them. */
  groups(collection: string | undefined, documents: readonly string[] | undefined): Set<number> | undefined;
}

/** Every document is a group of the vector index, so that collections and documents are filters within the scan. */
export function createMeaningIndex(dimensions: number): MeaningIndex {
  const vectors = createVectorIndex({ dimensions });
  const numbers = new Map<string, number>();
  const homes: string[] = [];
  const members = new Map<string, Set<number>>();

  function membersOf(collection: string): Set<number> {
    const known = members.get(collection) ?? new Set();
    members.set(collection, known);
    return known;
  }

  /** A document that moved to another collection keeps its number. */
  function numberOf(document: string, collection: string): number {
    const number = numbers.get(document) ?? numbers.size;
    numbers.set(document, number);
    const home = homes[number];
    if (home !== collection) {
      if (home !== undefined) membersOf(home).delete(number);
      membersOf(collection).add(number);
      homes[number] = collection;
    }
    return number;
  }

  return {
    vectors,
    add(row, vector) {
      vectors.add(row.id, numberOf(row.document_id, row.collection), vector);
    },
    groups(collection, documents) {
      const within = collection === undefined ? undefined : (members.get(collection) ?? new Set<number>());
      if (!documents) return within;
      const found = documents.flatMap((document) => numbers.get(document) ?? []);
      return new Set(within ? found.filter((number) => within.has(number)) : found);
    },
  };
}
