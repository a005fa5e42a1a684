import { createHash } from 'node:crypto';
import type { Database } from '../sqlite.ts';
import { normalize } from './split.ts';

/** What is embedded to tell which model answers. Another sentence would make every model a new one. */
export const PROBE = 'Limner tells embedding models apart by what they make of this sentence.';

/** The digest of the model that made `vector` of the probe; the same model has the same digest again. */
export type Identify = (model: string, vector: Float32Array) => Promise<string>;

/**
 * Two runs of one model on different machines differ in the last digits, and other weights in the second one:
 * halves of a model's precision keep a cosine above this, another model or another pooling does not.
 */
const SAME_COSINE = 0.999;

const SCHEMA = [
  `create table model_fingerprint(
     model text not null, digest text not null, probe blob not null, primary key(model, digest)
   ) without rowid`,
];

/**
 * Servers of OpenAI's API tell no digest of a model, so that a model swapped under its name would leave vectors
 * of two models in one index. The model's vector of one fixed sentence stands for it, and is remembered.
 */
export function createFingerprints(database: Database): Identify {
  database.migrate('model-fingerprints', SCHEMA);
  return (model, vector) =>
    database.write((connection) => {
      const known = connection.all<{ digest: string; probe: Uint8Array }>(
        'select digest, probe from model_fingerprint where model = ?',
        model,
      );
      const same = known.find(({ probe }) => isSameModel(fromBytes(probe), vector));
      if (same) return same.digest;
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      const digest = createHash('sha256').update(bytes).digest('hex');
      connection.run('insert into model_fingerprint values (?, ?, ?)', model, digest, bytes);
      return digest;
    });
}

export function isSameModel(one: Float32Array, other: Float32Array): boolean {
  const [first, second] = [normalize(one), normalize(other)];
  if (!first || !second || first.length !== second.length) return false;
  return first.reduce((sum, value, at) => sum + value * (second[at] ?? 0), 0) >= SAME_COSINE;
}

function fromBytes(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
