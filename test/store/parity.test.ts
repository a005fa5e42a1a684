import { expect, test } from 'vitest';
import { createCorpus } from '../../bench/corpus.ts';
import { fuse } from '../../src/ask/fuse.ts';
import { createEmbeddedStore } from '../../src/store/embedded.ts';
import type { Store } from '../../src/store/store.ts';
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
    const [mine, other] = [await embedded.search(query), await qdrant.search(query)];
    shares.keyword += overlap(mine.keyword, other.keyword) / questions.length;
    shares.vector += overlap(mine.vector, other.vector) / questions.length;
    shares.fused += overlap(fuse(mine), fuse(other)) / questions.length;
  }
  await embedded.close();
  expect(shares.vector).toBeCloseTo(1, 5);
  // What differs: words that most of a few documents have, and the average length at the time of writing.
  expect(shares.keyword).toBeGreaterThan(0.85);
  expect(shares.fused).toBeGreaterThan(0.95);
});

/** The share of the first ten that both have. */
function overlap(one: readonly { text: string }[], other: readonly { text: string }[]): number {
  const texts = new Set(other.slice(0, 10).map(({ text }) => text));
  return one.slice(0, 10).filter(({ text }) => texts.has(text)).length / 10;
}
