import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createVectorIndex, type Found } from '../../src/store/vector-index.ts';

describe('the vector index', () => {
  test('finds what a plain scan over signed bytes finds, in any order of changes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(change(), { maxLength: 60 }),
        (dimensions, changes) => {
          const index = createVectorIndex({ dimensions });
          const rows = new Map<number, Row>();
          let agreed = true;
          for (const { id, group, seed } of changes) {
            const vector = randomVector(dimensions, seed);
            if (group === undefined) agreed &&= index.remove(id) === rows.delete(id);
            else {
              index.add(id, group, vector);
              rows.set(id, { group, vector });
            }
          }
          const query = randomVector(dimensions, 7);
          expect([agreed, index.size]).toEqual([true, rows.size]);
          expect(index.search(query, 5)).toEqual(scanPlainly(rows, query).slice(0, 5));
          expect(index.search(query, 99, new Set([0, 2]))).toEqual(scanPlainly(rows, query, new Set([0, 2])));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('with rescoring gives the neighbours that float32 gives', () => {
    const [count, dimensions] = [5000, 96];
    const vectors = Array.from({ length: count }, (_, id) => randomVector(dimensions, id));
    const index = createVectorIndex({ dimensions });
    vectors.forEach((vector, id) => index.add(id, 0, vector));
    let right = 0;
    for (let seed = 0; seed < 50; seed++) {
      const query = randomVector(dimensions, 1_000_000 + seed);
      const byScore = (ids: number[]) =>
        ids.sort((one, other) => dot(vectors[other], query) - dot(vectors[one], query)).slice(0, 10);
      const exact = new Set(byScore([...vectors.keys()]));
      right += byScore(index.search(query, 40).map(({ id }) => id)).filter((id) => exact.has(id)).length;
    }
    expect(right / 500).toBeGreaterThanOrEqual(0.99);
  });

  test('grows and finds every row, and says how much memory that takes', () => {
    const index = createVectorIndex({ dimensions: 8 });
    const before = index.bytes;
    for (let id = 0; id < 5000; id++) index.add(id, id % 10, randomVector(8, id));
    expect(index.size).toBe(5000);
    const found = index.search(randomVector(8, 1), 10_000);
    expect(new Set(found.map(({ id }) => id)).size).toBe(5000);
    expect(index.search(randomVector(8, 1), 10_000, new Set([3])).map(({ id }) => id % 10)).toEqual(
      Array.from({ length: 500 }, () => 3),
    );
    expect(index.bytes).toBeGreaterThan(before);
  });

  test('uses the places of removed rows again', () => {
    const index = createVectorIndex({ dimensions: 32 });
    for (let id = 0; id < 1024; id++) index.add(id, 0, randomVector(32, id));
    const { bytes } = index;
    for (let round = 1; round < 50; round++) {
      for (let id = 0; id < 1024; id++) {
        expect(index.remove(id + (round - 1) * 1024)).toBe(true);
        index.add(id + round * 1024, 0, randomVector(32, id));
      }
    }
    expect([index.bytes, index.size, index.remove(1)]).toEqual([bytes, 1024, false]);
    expect(index.search(randomVector(32, 3), 1)).toEqual([{ id: 3 + 49 * 1024, score: expect.any(Number) }]);
  });

  test('replaces a row, and its group', () => {
    const index = createVectorIndex({ dimensions: 2 });
    index.add(1, 0, Float32Array.of(1, 0));
    index.add(1, 5, Float32Array.of(0, 1));
    expect(index.search(Float32Array.of(0, 1), 9, new Set([5]))[0]?.score).toBeCloseTo(1, 5);
    expect([index.size, index.search(Float32Array.of(0, 1), 9, new Set([0]))]).toEqual([1, []]);
  });

  test('gives equal rows by id, and zero vectors a zero', () => {
    const index = createVectorIndex({ dimensions: 3 });
    for (const id of [4, 1, 3, 2]) index.add(id, 0, Float32Array.of(1, 1, 1));
    index.add(0, 0, new Float32Array(3));
    const found = index.search(Float32Array.of(1, 0, 0), 3);
    expect(found.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(index.search(Float32Array.of(1, 0, 0), 9).at(-1)).toEqual({ id: 0, score: 0 });
  });

  test.each([0, -1, Number.NaN])('gives nothing for a limit of %s', (limit) => {
    const index = createVectorIndex({ dimensions: 1 });
    index.add(1, 0, Float32Array.of(1));
    expect(index.search(Float32Array.of(1), limit)).toEqual([]);
  });

  test('gives nothing when it is empty, was emptied, or no group is wanted', () => {
    const index = createVectorIndex({ dimensions: 1 });
    expect(index.search(Float32Array.of(1), 3)).toEqual([]);
    index.add(1, 0, Float32Array.of(1));
    expect(index.search(Float32Array.of(1), 3, new Set())).toEqual([]);
    index.remove(1);
    expect(index.search(Float32Array.of(1), 3)).toEqual([]);
  });

  test('refuses what it cannot keep, and stays as it was', () => {
    const index = createVectorIndex({ dimensions: 3 });
    const wrong = 'The vector has 2 dimensions, the index 3.';
    expect(() => index.add(1, 0, new Float32Array(2))).toThrow(new RangeError(wrong));
    expect(() => index.search(new Float32Array(2), 1)).toThrow(new RangeError(wrong));
    expect(() => index.add(1, 0, Float32Array.of(1, Number.NaN, 1))).toThrow(
      /Value 1 of .* 3 dimensions is NaN/,
    );
    expect(() => index.add(1, 0, Float32Array.of(1, 1, Infinity))).toThrow(RangeError);
    expect(() => index.add(0.5, 0, new Float32Array(3))).toThrow(RangeError);
    expect(() => index.add(1, 2 ** 40, new Float32Array(3))).toThrow(RangeError);
    expect(() => createVectorIndex({ dimensions: 0 })).toThrow(RangeError);
    expect(index.size).toBe(0);
  });
});

const ASSEMBLER = fileURLToPath(new URL('../../node_modules/wabt/bin/wat2wasm', import.meta.url));

describe('the kernel', () => {
  test.skipIf(!existsSync(ASSEMBLER))('is what its source gives (needs the package wabt)', () => {
    const source = new URL('../../src/store/scan.wat', import.meta.url);
    const folder = mkdtempSync(join(tmpdir(), 'limner-scan-'));
    const built = join(folder, 'scan.wasm');
    execFileSync(process.execPath, [ASSEMBLER, '--enable-threads', fileURLToPath(source), '-o', built]);
    const bytes = readFileSync(built);
    rmSync(folder, { recursive: true });
    expect(bytes.equals(readFileSync(new URL('../../src/store/scan.wasm', import.meta.url)))).toBe(true);
  });
});

interface Row {
  group: number;
  vector: Float32Array;
}

/** Without a group: the row is removed. */
function change() {
  return fc.record({
    id: fc.nat(20),
    group: fc.option(fc.nat(3), { nil: undefined, freq: 3 }),
    seed: fc.nat(50),
  });
}

/** The same arithmetic as the index's, rounding to float32 where the kernel does. */
function scanPlainly(rows: Map<number, Row>, query: Float32Array, groups?: Set<number>): Found[] {
  const asked = toBytes(query);
  const found: Found[] = [];
  for (const [id, { group, vector }] of rows) {
    if (groups && !groups.has(group)) continue;
    const { bytes, scale } = toBytes(vector);
    const sum = bytes.reduce((total, byte, at) => total + byte * (asked.bytes[at] ?? 0), 0);
    const score = Math.fround(asked.scale * Math.fround(scale * sum));
    found.push({ id, score });
  }
  return found.sort((one, other) => other.score - one.score || one.id - other.id);
}

function toBytes(vector: Float32Array): { bytes: number[]; scale: number } {
  const most = Math.max(...vector.map(Math.abs));
  return {
    bytes: Array.from(vector, (value) => (most > 0 ? Math.round((value * 127) / most) : 0)),
    scale: Math.fround(most / 127),
  };
}

/** Values from -1 to 1; the same for the same seed (a linear congruential generator, Numerical Recipes). */
function randomVector(dimensions: number, seed: number): Float32Array {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return Float32Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

function dot(one: Float32Array | undefined, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < other.length; at++) sum += (one?.[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
