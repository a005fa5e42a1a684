import type { Store } from '../src/store/store.ts';
import { createCorpus, createRandom, createVectors } from './corpus.ts';
import { DIMENSIONS, TENTH } from './search-queries.ts';

/** About what a chunk of the service holds. */
const CHARACTERS = 850;
const DOCUMENT_CHUNKS = 20;
/** Documents written side by side, as the service's workers do. */
const SIDE_BY_SIDE = 4;
const EMBED_BATCH = 32;

/** Time in the store, in ms; making the texts does not count. */
export async function putTexts(store: Store, chunks: number): Promise<number> {
  const corpus = createCorpus(1);
  let spent = 0;
  for (let document = 0; document * DOCUMENT_CHUNKS < chunks; document += SIDE_BY_SIDE) {
    const made = Array.from({ length: SIDE_BY_SIDE }, (_, at) => makeDocument(corpus, document + at));
    const since = performance.now();
    await Promise.all(made.map(({ fields, chunks }) => store.replace(fields, chunks)));
    spent += performance.now() - since;
  }
  return spent;
}

function makeDocument(corpus: ReturnType<typeof createCorpus>, number: number) {
  const topic = number % corpus.topics;
  const id = `document${number}`;
  const fields = { id, uri: `${id}.txt`, title: id, collection: number % 10 === 0 ? TENTH : 'default' };
  const chunks = Array.from({ length: DOCUMENT_CHUNKS }, (_, ordinal) => {
    const text = corpus.prose(CHARACTERS, topic);
    return { ordinal, text, span: [ordinal * 1000, ordinal * 1000 + text.length] as [number, number] };
  });
  return { fields, chunks };
}

/** The same for the vectors of every chunk that lacks one. */
export async function putVectors(store: Store, model: string): Promise<number> {
  const nextVector = createVectors(DIMENSIONS, 1000, createRandom(3));
  let spent = 0;
  for (;;) {
    const since = performance.now();
    const batch = await store.unembedded(model, EMBED_BATCH, new Set());
    spent += performance.now() - since;
    if (batch.length === 0) return spent;
    const vectors = batch.map(({ chunkId }) => ({ chunkId, vector: nextVector() }));
    const again = performance.now();
    await store.putVectors(model, vectors);
    spent += performance.now() - again;
  }
}
