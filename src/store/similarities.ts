import type { Connection } from '../sqlite.ts';
import type { QueryVector } from './store.ts';

const VECTOR = `select v.data from chunk c
  join vector v on v.embedding_key = c.embedding_key and v.model = ? where c.id = ?`;

/** The dot products of chunks' float32 rows with the question's vector; undefined when one of them is there no more. */
export function similarities(
  read: Connection,
  ids: readonly number[],
  { model, values }: QueryVector,
): number[] | undefined {
  const scores: number[] = [];
  // Without it every row would be a transaction of its own.
  read.run('begin');
  try {
    for (const id of ids) {
      const row = read.get<{ data: Uint8Array }>(VECTOR, model, id);
      if (!row) return undefined;
      scores.push(dot(toVector(row.data), values));
    }
    return scores;
  } finally {
    read.run('commit');
  }
}

/** A row's bytes as float32, little-endian; copied where they are not aligned. */
export function toVector(data: Uint8Array): Float32Array {
  const { buffer, byteOffset, byteLength } =
    data.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0 ? data : data.slice();
  return new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
}

function dot(one: Float32Array, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
