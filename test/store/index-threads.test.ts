import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { removeFolder, temporaryFolder } from '../service.ts';
import { until } from '../until.ts';
import { createBatches } from '../../src/store/batches.ts';
import { createChunkIndex, type ChunkIndex } from '../../src/store/chunk-index.ts';
import { termKey } from '../../src/store/chunk-terms.ts';
import type { FoundLists } from '../../src/store/hits.ts';
import { createIndexThreads, type Find, type IndexThreads } from '../../src/store/index-threads.ts';
import { PAGE_SLOTS } from '../../src/store/page.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import { openDatabase } from '../../src/sqlite.ts';

const PAGES = 5;
const DIMENSIONS = 4;
const THREADS = 3;
const QUERY: Find = {
  keys: [termKey('w7')],
  likely: [],
  vector: { model: 'model', values: vectorOf(0.3) },
  limits: { keyword: 10, near: 60 },
};

/** Another direction for another number. */
function vectorOf(seed: number): Float32Array {
  return Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(seed * (at + 1)));
}

function fill(index: ChunkIndex): void {
  const batches = createBatches();
  const fields = { id: 'd', uri: '', title: '', collection: 'c' };
  const ids = Array.from({ length: PAGES * PAGE_SLOTS }, (_, at) => at + 1);
  for (const id of ids) batches.add(id, 0, fields, { ordinal: id, text: `w${id % 100}`, span: [0, 1] });
  index.useVectors('model');
  index.publish({
    placed: [[0, 'c']],
    added: batches.take(),
    vectors: ids.map((id) => ({ id, vector: vectorOf(id) })),
  });
}

describe('threads that share a search', () => {
  const index = createChunkIndex(() => Infinity);
  let folder: string;
  let threads: IndexThreads;

  beforeAll(async () => {
    folder = await temporaryFolder();
    const path = join(folder, 'limner.sqlite');
    // Its tables are there and empty: rows are none of this test's business.
    const database = openDatabase(path);
    await createEmbeddedStore(database).close();
    await database.close();
    fill(index);
    threads = createIndexThreads({ path, size: THREADS }, { changes: index.changes });
  });
  afterAll(async () => {
    await threads.close();
    await removeFolder(folder);
  });

  const nearestOf = (parts: readonly FoundLists[]) =>
    parts
      .flatMap(({ near }) => near)
      .sort((one, other) => other.score - one.score || one.id - other.id)
      .slice(0, QUERY.limits.near);

  test('find together what one finds alone, with more threads each time', async () => {
    const [alone] = (await threads.find(QUERY, 1)).parts;
    expect(alone?.near).toHaveLength(QUERY.limits.near);
    expect(alone?.keyword).toHaveLength(QUERY.limits.keyword);
    const parts = await until(async () => {
      const { parts: found } = await threads.find(QUERY, THREADS);
      expect(nearestOf(found)).toEqual(alone?.near);
      expect(found.flatMap(({ keyword }) => keyword)).toEqual(alone?.keyword);
      return found.length === THREADS && found;
    }, 'all threads');
    expect(parts).toHaveLength(THREADS);
  });

  test('leave those that are busy alone', async () => {
    const asked = Array.from({ length: 3 * THREADS }, () => threads.find(QUERY, THREADS));
    const all = (await Promise.all(asked)).map(({ parts }) => parts);
    const [first] = all;
    for (const parts of all) expect(nearestOf(parts)).toEqual(nearestOf(first ?? []));
    expect(all.reduce((sum, parts) => sum + parts.length, 0)).toBeLessThan(3 * THREADS * THREADS);
  });
});
