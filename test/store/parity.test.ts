import { expect, test } from 'vitest';
import { createCorpus } from '../../bench/corpus.ts';
import { fuse } from '../../src/ask/fuse.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import type { SearchQuery, Store } from '../../src/store/store.ts';
import { chunksOf, documentOf, embedAll, MODEL, vectorOf } from './material.ts';
import { fakeQdrant, openQdrant } from './qdrant-bed.ts';

/**
 * Documents of one to twelve chunks: the score of a whole document counts in both stores. Every third passage has
 * a header that a model wrote, with words that its text may lack.
 */
async function fill(store: Store): Promise<void> {
  const corpus = createCorpus(1);
  for (let at = 0; at < 80; at++) {
    const texts = Array.from({ length: 1 + ((at * 5) % 12) }, () => corpus.prose(500, at % 25));
    const document = documentOf({ id: `d${at}`, uri: `${at}.txt`, title: corpus.rareWords(at % 25) });
    const chunks = chunksOf(...texts).map((chunk) =>
      chunk.ordinal % 3 === 0 ? Object.assign(chunk, { preface: corpus.rareWords((at + 7) % 25) }) : chunk,
    );
    await store.replace(document, chunks);
  }
  await embedAll(store);
}

test('both stores rank alike', { timeout: 60_000 }, async () => {
  const { store: qdrant, database } = await openQdrant((await fakeQdrant()).url);
  const embedded = createEmbeddedStore(database);
  await fill(embedded);
  await fill(qdrant);
  const corpus = createCorpus(2);
  const shares = { keyword: 0, vector: 0, fused: 0 };
  const questions = Array.from({ length: 40 }, (_, at) => corpus.question(at % 25));
  for (const text of questions) {
    const query = { text, vector: { model: MODEL, values: vectorOf(text) }, limit: 50 };
    const [mine, other] = [await searched(embedded, query), await searched(qdrant, query)];
    for (const list of ['keyword', 'vector', 'fused'] as const)
      shares[list] += overlap(mine[list], other[list]) / questions.length;
  }
  await embedded.close();
  expect(shares.vector).toBeCloseTo(1, 5);
  // What differs: words that most of a few documents have, and the average length at the time of writing.
  expect(shares.keyword).toBeGreaterThan(0.85);
  expect(shares.fused).toBeGreaterThan(0.95);
});

/** The texts of both lists and of the fused one. */
async function searched(store: Store, query: SearchQuery): Promise<Record<List, string[]>> {
  const chosen = await store.search(query, (lists) => [
    { list: 'keyword' as const, hits: lists.keyword },
    { list: 'vector' as const, hits: lists.vector },
    { list: 'fused' as const, hits: fuse(lists).map(({ hits: [hit] }) => hit) },
  ]);
  const texts: Record<List, string[]> = { keyword: [], vector: [], fused: [] };
  for (const { list, chunks } of chosen) texts[list] = chunks.map(({ text }) => text);
  return texts;
}

type List = 'keyword' | 'vector' | 'fused';

/** The share of the first ten that both have. */
function overlap(one: readonly string[], other: readonly string[]): number {
  const texts = new Set(other.slice(0, 10));
  return one.slice(0, 10).filter((text) => texts.has(text)).length / 10;
}
