import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FIELD_WEIGHTS, termKey } from '../../src/store/chunk-terms.ts';
import { mergeSegments } from '../../src/store/segment.ts';
import { tokenize } from '../../src/store/tokenize.ts';
import type { Found } from '../../src/store/top-list.ts';
import { addChunk, createSmallIndex, type SmallChunk } from './small-index.ts';

/** What the best document adds to its chunks; with one chunk a document the whole is 1.6 times the chunk's. */
const WITH_DOCUMENT = 1.6;

describe('keywords', () => {
  test('are scored as SQLite scores them, and a document alone adds its own score', () => {
    const word = fc.constantFrom('wind', 'wave', 'salt', 'rope', 'sail', 'the', 'of', 'kelp');
    // Counts are kept up to 15: two times 3 in the title and 9 in the text.
    const words = (maxLength: number) => fc.array(word, { maxLength }).map((list) => list.join(' '));
    const texts = fc.array(fc.record({ title: words(2), text: words(9) }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(texts, fc.uniqueArray(word, { minLength: 1, maxLength: 4 }), (given, asked) => {
        const chunks = given.map((one, at) => ({ id: at + 1, group: at, ...one }));
        const terms = asked.flatMap((word) => tokenize(word));
        const found = createSmallIndex(chunks).reader.keywords({ keys: terms.map(termKey) }, 50);
        const expected = searchSqlite(chunks, terms);
        expect(found.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
        for (const [at, { score }] of found.entries())
          expect(score / WITH_DOCUMENT).toBeCloseTo(expected[at]?.score ?? NaN, 5);
      }),
      { numRuns: 200 },
    );
  });

  test('a chunk of a document that speaks of all of them comes before one that stands alone', () => {
    const { reader } = createSmallIndex([
      { id: 1, group: 0, text: 'the keel was laid in spring' },
      { id: 2, group: 0, text: 'the mast was made of spruce' },
      { id: 3, group: 1, text: 'the keel was laid in autumn' },
      { id: 4, group: 2, text: 'nothing of that is said here' },
    ]);
    expect(idsOf(reader.keywords({ keys: ['keel', 'mast'].map(termKey) }, 9))).toEqual([2, 1, 3]);
  });

  test('what is removed is found no more and counts no more', () => {
    const chunks = ['old rope', 'new rope', 'no line'].map((text, at) => ({ id: at + 1, group: at, text }));
    const churned = createSmallIndex(chunks);
    churned.index.publish({ removed: [1] });
    churned.refresh();
    const fresh = createSmallIndex(chunks.slice(1));
    const keys = ['rope', 'line'].map(termKey);
    expect(scored(churned.reader.keywords({ keys }, 9))).toEqual(scored(fresh.reader.keywords({ keys }, 9)));
  });

  test('merging parts, and joining sparse pages, change no answer', () => {
    const random = createNumbers(5);
    const chunks: SmallChunk[] = Array.from({ length: 5000 }, (_, at) => ({
      id: at + 1,
      group: Math.floor(at / 7),
      text: Array.from({ length: 8 }, () => `w${Math.floor(random() ** 3 * 60)}`).join(' '),
      vector: vectorOf(16, at),
    }));
    const { index, reader, refresh } = createSmallIndex(chunks, 'model');
    index.publish({ removed: chunks.filter(({ id }) => id % 3 > 0).map(({ id }) => id) });
    refresh();
    const ask = () => [
      scored(reader.keywords({ keys: ['w1', 'w20', 'w44'].map(termKey) }, 40)),
      scored(reader.nearest(vectorOf(16, 9_999), 40)),
      scored(reader.nearest(vectorOf(16, 9_999), 40, reader.wantedOf('c1', [3, 5, 700]))),
    ];
    const before = ask();
    for (const page of index.pages()) {
      const { base, moved } = index.mergeOf(page, 0, page.parts.length);
      index.putMerged(page, 0, page.parts.length, { base, segment: mergeSegments(moved) });
    }
    refresh();
    expect(ask()).toEqual(before);
    const joined = index.join(index.pages());
    refresh();
    expect([joined?.alive, index.pages().length]).toEqual([Math.floor(5000 / 3), 1]);
    expect(ask()).toEqual(before);
    expect(before.map((list) => list.length)).toEqual([40, 40, expect.any(Number)]);
  });
});

describe('vectors', () => {
  test('are found as a plain scan over signed bytes finds them, in any order of changes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.array(fc.record({ remove: fc.boolean(), group: fc.nat(3), seed: fc.nat(50) }), { maxLength: 40 }),
        (dimensions, changes) => {
          const { index, reader, refresh } = createSmallIndex([], 'model');
          const rows = new Map<number, { group: number; vector: Float32Array }>();
          for (const [at, { remove, group, seed }] of changes.entries()) {
            const [first] = rows.keys();
            if (remove && first !== undefined) {
              index.publish({ removed: [first] });
              rows.delete(first);
            } else {
              const row = { id: at + 1, group, text: '', vector: vectorOf(dimensions, seed) };
              addChunk(index, row);
              rows.set(row.id, row);
            }
          }
          refresh();
          const query = vectorOf(dimensions, 7);
          expect(scored(reader.nearest(query, 5))).toEqual(scanPlainly(rows, query).slice(0, 5));
          expect(scored(reader.nearest(query, 99, reader.wantedOf(undefined, [0, 2])))).toEqual(
            scanPlainly(rows, query).filter(({ id }) => [0, 2].includes(rows.get(id)?.group ?? -1)),
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('scored again, the first are those that float32 gives', () => {
    const [count, dimensions] = [5000, 96];
    const vectors = Array.from({ length: count }, (_, at) => vectorOf(dimensions, at));
    const { reader } = createSmallIndex(
      vectors.map((vector, at) => ({ id: at, group: 0, text: '', vector })),
      'model',
    );
    let right = 0;
    for (let seed = 0; seed < 50; seed++) {
      const query = vectorOf(dimensions, 1_000_000 + seed);
      const byScore = (ids: number[]) =>
        ids.sort((one, other) => dot(vectors[other], query) - dot(vectors[one], query)).slice(0, 10);
      const exact = new Set(byScore([...vectors.keys()]));
      right += byScore(idsOf(reader.nearest(query, 40))).filter((id) => exact.has(id)).length;
    }
    expect(right / 500).toBeGreaterThanOrEqual(0.99);
  });

  test('that are nearly all the same are told apart by their whole bytes', () => {
    const [count, dimensions] = [3000, 64];
    const [same, query] = [vectorOf(dimensions, 1), vectorOf(dimensions, 2)];
    const vectors = Array.from({ length: count }, (_, at) => {
      const noise = vectorOf(dimensions, at + 10);
      return same.map((value, axis) => value + 0.03 * (noise[axis] ?? 0));
    });
    const rows = new Map(vectors.map((vector, id) => [id, { vector }]));
    const { reader } = createSmallIndex(
      vectors.map((vector, id) => ({ id, group: 0, text: '', vector })),
      'model',
    );
    expect(scored(reader.nearest(query, 20))).toEqual(scanPlainly(rows, query).slice(0, 20));
  });

  test('of another model are gone, and a chunk without one is not found', () => {
    const { index, reader, refresh } = createSmallIndex(
      [{ id: 1, group: 0, text: 'a', vector: Float32Array.of(1, 0) }],
      'one',
    );
    expect(idsOf(reader.nearest(Float32Array.of(1, 0), 9))).toEqual([1]);
    index.useVectors('other');
    addChunk(index, { id: 2, group: 0, text: 'b' });
    addChunk(index, { id: 3, group: 0, text: 'c', vector: Float32Array.of(0, 1, 0) });
    refresh();
    expect(idsOf(reader.nearest(Float32Array.of(1, 1, 1), 9))).toEqual([3]);
  });

  test('of another length, or with a value that is none, are refused', () => {
    const { index, reader } = createSmallIndex(
      [{ id: 1, group: 0, text: '', vector: Float32Array.of(1, 0, 0) }],
      'model',
    );
    const wrong = 'The vector has 2 dimensions, the index 3.';
    const put = (vector: Float32Array) => () => index.publish({ vectors: [{ id: 1, vector }] });
    expect(put(new Float32Array(2))).toThrow(new RangeError(wrong));
    expect(put(Float32Array.of(1, Number.NaN, 1))).toThrow(/Value 1 of .* 3 dimensions is NaN/);
    expect(() => reader.nearest(new Float32Array(2), 1)).toThrow(new RangeError(wrong));
  });

  test.each([0, -1, Number.NaN])('a limit of %s finds nothing', (limit) => {
    const { reader } = createSmallIndex(
      [{ id: 1, group: 0, text: 'a', vector: Float32Array.of(1) }],
      'model',
    );
    expect([
      reader.nearest(Float32Array.of(1), limit),
      reader.keywords({ keys: [termKey('a')] }, limit),
    ]).toEqual([[], []]);
  });
});

const ASSEMBLER = fileURLToPath(new URL('../../node_modules/wabt/bin/wat2wasm', import.meta.url));

describe('the kernel', () => {
  test.skipIf(!existsSync(ASSEMBLER))('is what its source gives (needs the package wabt)', () => {
    const source = fileURLToPath(new URL('../../src/store/scan.wat', import.meta.url));
    const folder = mkdtempSync(join(tmpdir(), 'limner-scan-'));
    const built = join(folder, 'scan.wasm');
    execFileSync(process.execPath, [
      ASSEMBLER,
      '--enable-threads',
      '--enable-relaxed-simd',
      source,
      '-o',
      built,
    ]);
    const bytes = readFileSync(built);
    rmSync(folder, { recursive: true });
    expect(bytes.equals(readFileSync(new URL('../../src/store/scan.wasm', import.meta.url)))).toBe(true);
  });
});

type Scored = Omit<Found, 'place'>;
/** Where a chunk stands is the index's own business. */
const scored = (found: readonly Found[]): Scored[] => found.map(({ id, score }) => ({ id, score }));
const idsOf = (found: readonly Scored[]): number[] => found.map(({ id }) => id);

/** FTS5 with our tokens and weights. */
function searchSqlite(
  chunks: readonly (SmallChunk & { title: string })[],
  terms: readonly string[],
): Scored[] {
  const database = new DatabaseSync(':memory:');
  database.exec("create virtual table k using fts5(title, path, headings, body, tokenize='ascii')");
  const insert = database.prepare(
    "insert into k(rowid, title, path, headings, body) values (?, ?, '', '', ?)",
  );
  for (const { id, title, text } of chunks)
    insert.run(id, tokenize(title).join(' '), tokenize(text).join(' '));
  const rows = database
    .prepare(
      `select rowid as id, -bm25(k, ${Object.values(FIELD_WEIGHTS).join(', ')}) as score from k where k match ?
       order by score desc, rowid`,
    )
    .all(terms.map((term) => `"${term}"`).join(' OR '));
  database.close();
  return rows.map(({ id, score }) => ({ id: Number(id), score: Number(score) }));
}

/** The same arithmetic as the index's, where a row's scale is a float32. */
function scanPlainly(rows: Map<number, { vector: Float32Array }>, query: Float32Array): Scored[] {
  const asked = toBytes(query);
  const found = [...rows].map(([id, { vector }]) => {
    const { bytes, scale } = toBytes(vector);
    const sum = bytes.reduce((total, byte, at) => total + byte * (asked.bytes[at] ?? 0), 0);
    return { id, score: asked.scale * Math.fround(scale) * sum };
  });
  return found.sort((one, other) => other.score - one.score || one.id - other.id);
}

function toBytes(vector: Float32Array): { bytes: number[]; scale: number } {
  const most = Math.max(...vector.map(Math.abs));
  return {
    bytes: Array.from(vector, (value) => (most > 0 ? Math.round(value * (127 / most)) : 0)),
    scale: most / 127,
  };
}

/** Numbers from 0 to 1; the same for the same seed (a linear congruential generator, Numerical Recipes). */
function createNumbers(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Values from -1 to 1. */
function vectorOf(dimensions: number, seed: number): Float32Array {
  const next = createNumbers(seed);
  return Float32Array.from({ length: dimensions }, () => 2 * next() - 1);
}

function dot(one: Float32Array | undefined, other: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < other.length; at++) sum += (one?.[at] ?? 0) * (other[at] ?? 0);
  return sum;
}
