/**
 * Second arms for the comparison of fusions where no embedding model is at hand. Made of the corpus alone: latent
 * semantic analysis in few and in many dimensions (a weak and a fair arm) and TF-IDF over groups of four characters
 * (about as strong as BM25). `helped` is a simulation: an arm that was told some of the answers, to be stronger than
 * keywords; `noise` knows nothing. None of them is an embedding model, and none may be quoted as one.
 */
import { tokenize } from '../src/store/tokenize.ts';
import type { JudgedDocument } from './judged-sets.ts';

/** Scores of every document for each query. */
export type Scored = Float64Array[];

interface SparseVector {
  terms: number[];
  weights: number[];
}

interface Weighted {
  documents: SparseVector[];
  queries: SparseVector[];
  terms: number;
}

/** Groups of four characters, over the borders of words. */
export function characterGroups(text: string): string[] {
  const plain = ` ${text.toLowerCase().replace(/[^a-z0-9]+/g, ' ')} `;
  return Array.from({ length: Math.max(0, plain.length - 3) }, (_, at) => plain.slice(at, at + 4));
}

/** TF-IDF vectors of length 1; titles count twice, words of one document only are left out. */
export function weigh(
  documents: readonly JudgedDocument[],
  queries: readonly string[],
  cut: (text: string) => string[] = tokenize,
): Weighted {
  const counts = documents.map(({ title, text }) => countAll(cut(`${title} ${title} ${text}`)));
  const within = new Map<string, number>();
  for (const one of counts) for (const term of one.keys()) within.set(term, (within.get(term) ?? 0) + 1);
  const known = [...within.keys()].filter((term) => (within.get(term) ?? 0) > 1);
  const places = new Map(known.map((term, at) => [term, at]));
  const toVector = (terms: Map<string, number>): SparseVector => {
    const kept = [...terms].filter(([term]) => places.has(term));
    const weights = kept.map(
      ([term, count]) => (1 + Math.log(count)) * Math.log(documents.length / (within.get(term) ?? 1)),
    );
    const length = Math.hypot(...weights) || 1;
    return {
      terms: kept.map(([term]) => places.get(term) ?? 0),
      weights: weights.map((weight) => weight / length),
    };
  };
  return {
    documents: counts.map(toVector),
    queries: queries.map((text) => toVector(countAll(cut(text)))),
    terms: known.length,
  };
}

function countAll(terms: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}

/** The cosine of TF-IDF vectors. */
export function cosines({ documents, queries, terms }: Weighted): Scored {
  const postings: { at: number; weight: number }[][] = Array.from({ length: terms }, () => []);
  for (const [at, vector] of documents.entries())
    for (const [place, term] of vector.terms.entries())
      postings[term]?.push({ at, weight: vector.weights[place] ?? 0 });
  return queries.map((query) => {
    const scores = new Float64Array(documents.length);
    for (const [place, term] of query.terms.entries())
      for (const { at, weight } of postings[term] ?? [])
        scores[at] = (scores[at] ?? 0) + weight * (query.weights[place] ?? 0);
    return scores;
  });
}

/**
 * The cosine in the space of the first `rank` singular vectors (Deerwester et al., 1990), found by randomised subspace
 * iteration (Halko, Martinsson and Tropp, 2011).
 */
export function latent(weighted: Weighted, rank: number, random: () => number): Scored {
  const { documents, queries, terms } = weighted;
  let basis = Array.from({ length: rank }, () => Float64Array.from(documents, () => random() - 0.5));
  for (let round = 0; round < 3; round++) {
    const directions = orthonormal(basis).map((direction) => fromDocuments(documents, direction, terms));
    basis = directions.map((direction) => Float64Array.from(documents, (vector) => dot(vector, direction)));
  }
  const axes = orthonormal(orthonormal(basis).map((direction) => fromDocuments(documents, direction, terms)));
  const project = (vector: SparseVector): Float64Array => {
    const at = Float64Array.from(axes, (axis) => dot(vector, axis));
    const length = Math.hypot(...at) || 1;
    return at.map((value) => value / length);
  };
  const projected = documents.map(project);
  return queries.map((query) => {
    const at = project(query);
    return Float64Array.from(projected, (other) =>
      other.reduce((sum, value, axis) => sum + value * (at[axis] ?? 0), 0),
    );
  });
}

function dot({ terms, weights }: SparseVector, axis: Float64Array): number {
  let sum = 0;
  for (let place = 0; place < terms.length; place++)
    sum += (weights[place] ?? 0) * (axis[terms[place] ?? 0] ?? 0);
  return sum;
}

function fromDocuments(
  documents: readonly SparseVector[],
  direction: Float64Array,
  terms: number,
): Float64Array {
  const made = new Float64Array(terms);
  for (const [at, vector] of documents.entries())
    for (const [place, term] of vector.terms.entries())
      made[term] = (made[term] ?? 0) + (vector.weights[place] ?? 0) * (direction[at] ?? 0);
  return made;
}

/** Gram and Schmidt's, in place. */
function orthonormal(vectors: Float64Array[]): Float64Array[] {
  for (const [at, vector] of vectors.entries()) {
    for (const earlier of vectors.slice(0, at)) {
      const shared = vector.reduce((sum, value, place) => sum + value * (earlier[place] ?? 0), 0);
      for (let place = 0; place < vector.length; place++)
        vector[place] = (vector[place] ?? 0) - shared * (earlier[place] ?? 0);
    }
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
    for (let place = 0; place < vector.length; place++) vector[place] = (vector[place] ?? 0) / length;
  }
  return vectors;
}

/** Scores that have nothing to do with the question. */
export function noise(queries: number, documents: number, random: () => number): Scored {
  const normal = (): number => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: queries }, () => new Float64Array(documents).map(normal));
}

/** The simulation: right documents gain up to `most`, evenly spread. */
export function helped(
  scored: Scored,
  right: readonly (readonly number[])[],
  most: number,
  random: () => number,
): Scored {
  return scored.map((scores, query) => {
    const better = scores.slice();
    for (const at of right[query] ?? []) better[at] = (better[at] ?? 0) + most * random();
    return better;
  });
}
