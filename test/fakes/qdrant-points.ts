import { z } from 'zod';

/** Points of the fake, and what filters and queries find among them. */

export const PointId = z.union([z.int(), z.string()]);
export type PointId = z.infer<typeof PointId>;

export const Sparse = z.object({ indices: z.array(z.int()), values: z.array(z.number()) });
export type Sparse = z.infer<typeof Sparse>;
export const Vectors = z.record(z.string(), z.union([z.array(z.number()), Sparse]));
export type Vectors = z.infer<typeof Vectors>;

export interface Point {
  id: PointId;
  vectors: Vectors;
  payload: Record<string, unknown>;
}

const Value = z.union([z.string(), z.number(), z.boolean()]);
const Match = z.union([z.object({ value: Value }), z.object({ any: z.array(Value) })]);
const Range = z.object({
  gt: z.number().optional(),
  gte: z.number().optional(),
  lt: z.number().optional(),
  lte: z.number().optional(),
});
const Condition = z.union([
  z.object({ key: z.string(), match: Match }),
  z.object({ key: z.string(), range: Range }),
  z.object({ has_vector: z.string() }),
]);
type Condition = z.infer<typeof Condition>;

/** The part of Qdrant's filters that is played; anything else is an error of the test. */
export const Filter = z.strictObject({
  must: z.array(Condition).optional(),
  must_not: z.array(Condition).optional(),
});
export type Filter = z.infer<typeof Filter>;

export function fits(point: Point, { must = [], must_not: mustNot = [] }: Filter): boolean {
  return must.every((one) => meets(point, one)) && !mustNot.some((one) => meets(point, one));
}

function meets(point: Point, condition: Condition): boolean {
  if ('has_vector' in condition) return point.vectors[condition.has_vector] !== undefined;
  const value = point.payload[condition.key];
  if ('range' in condition) return typeof value === 'number' && isWithin(value, condition.range);
  const wanted = 'any' in condition.match ? condition.match.any : [condition.match.value];
  return wanted.some((one) => one === value);
}

function isWithin(value: number, { gt, gte, lt, lte }: z.infer<typeof Range>): boolean {
  return (
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte)
  );
}

export interface Hit {
  point: Point;
  score: number;
}

/** The dot products with a dense vector, best first. */
export function searchDense(points: Iterable<Point>, name: string, query: readonly number[]): Hit[] {
  const hits: Hit[] = [];
  for (const point of points) {
    const vector = point.vectors[name];
    if (!Array.isArray(vector)) continue;
    hits.push({
      point,
      score: Math.fround(vector.reduce((sum, one, at) => sum + one * (query[at] ?? 0), 0)),
    });
  }
  return hits.sort((one, other) => other.score - one.score);
}

/**
 * The dot products with a sparse vector whose entries are multiplied by the inverse document frequency over all points
 * of the collection, `ln(1 + (N - n + 0.5) / (n + 0.5))`, as `modifier: idf` has it. What shares no entry is no hit.
 */
export function searchSparse(
  all: readonly Point[],
  name: string,
  query: Sparse,
  filter: (point: Point) => boolean,
): Hit[] {
  const maps = all.flatMap((point) => {
    const vector = point.vectors[name];
    return vector === undefined || Array.isArray(vector) ? [] : [{ point, entries: entriesOf(vector) }];
  });
  const weights = query.indices.map((index, at) => {
    const holding = maps.filter(({ entries }) => entries.has(index)).length;
    const idf = Math.log(1 + (maps.length - holding + 0.5) / (holding + 0.5));
    return { index, weight: (query.values[at] ?? 0) * idf };
  });
  const hits: Hit[] = [];
  for (const { point, entries } of maps) {
    const shared = weights.filter(({ index }) => entries.has(index));
    if (shared.length === 0 || !filter(point)) continue;
    const score = shared.reduce((sum, { index, weight }) => sum + weight * (entries.get(index) ?? 0), 0);
    hits.push({ point, score: Math.fround(score) });
  }
  return hits.sort((one, other) => other.score - one.score);
}

function entriesOf({ indices, values }: Sparse): Map<number, number> {
  return new Map(indices.map((index, at) => [index, values[at] ?? 0]));
}
