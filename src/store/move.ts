import { isDeepStrictEqual } from 'node:util';
import { embeddingText, type Chunk, type DocumentFields } from '../document.ts';
import { LimnerError } from '../errors.ts';
import type { Movable } from './movable.ts';
import type { Store } from './store.ts';

const CHUNKS = 1000;
const VECTORS = 256;
/** Chunks whose words and vectors are compared at the end, spread over all documents. */
const SAMPLES = 500;

export interface Moved {
  documents: number;
  chunks: number;
  /** Of the model in force. */
  vectors: number;
  /** Documents that had to be written; the others were there from an earlier run. */
  written: number;
  /** Chunks that were compared word by word, and vectors number by number. */
  compared: { chunks: number; vectors: number };
}

/**
 * Makes `to` hold what `from` holds, and compares. What is there already stays, so that a copy that was ended in the
 * middle goes on, and one that is repeated writes nothing. Nothing may change either store meanwhile. Throws `conflict`
 * when the two differ in the end.
 */
export async function copyStore(
  from: Movable,
  to: Movable,
  report: (progress: { documents?: number; vectors?: number }) => void,
): Promise<Moved> {
  const { documents, written } = await copyDocuments(from, to, (count) => report({ documents: count }));
  await copyVectors(from, to, (count) => report({ vectors: count }));
  const compared = await compareStores(from, to);
  return { documents, written, compared, ...(await to.store.totals()) };
}

async function copyDocuments(
  from: Movable,
  to: Movable,
  report: (documents: number) => void,
): Promise<{ documents: number; written: number }> {
  const there = new Map<string, DocumentFields>();
  for await (const fields of to.documents()) there.set(fields.id, fields);
  let documents = 0;
  let written = 0;
  for await (const fields of from.documents()) {
    if (await copyDocument(fields, from, to, there.get(fields.id))) written++;
    there.delete(fields.id);
    report(++documents);
  }
  for (const id of there.keys()) await to.store.remove(id);
  return { documents, written };
}

/** False when the very same is there already. */
async function copyDocument(
  fields: DocumentFields,
  from: Movable,
  to: Movable,
  there: DocumentFields | undefined,
): Promise<boolean> {
  const chunks = await chunksOf(from.store, fields.id);
  if (isDeepStrictEqual(there, fields) && isDeepStrictEqual(await chunksOf(to.store, fields.id), chunks))
    return false;
  await to.store.replace(fields, chunks);
  return true;
}

async function chunksOf(store: Store, id: string): Promise<Chunk[]> {
  const all: Chunk[] = [];
  for (;;) {
    const page = await store.chunks(id, { offset: all.length, limit: CHUNKS });
    all.push(...page);
    if (page.length < CHUNKS) return all;
  }
}

/** The model in force first, so that it is in force there too before others are put beside it. */
async function copyVectors(from: Movable, to: Movable, report: (vectors: number) => void): Promise<void> {
  const inForce = from.store.model();
  if (inForce === undefined) return;
  await to.store.use(inForce);
  let copied = 0;
  for (const model of [inForce, ...from.models().filter((one) => one !== inForce)])
    for await (const count of copyVectorsOf(model, from, to)) report((copied += count));
}

async function* copyVectorsOf(model: string, from: Movable, to: Movable): AsyncGenerator<number> {
  const { vectors: wanted } = await from.store.totals(model);
  const without = new Set<string>();
  while ((await to.store.totals(model)).vectors < wanted) {
    const batch = await to.store.unembedded(model, VECTORS, without);
    if (batch.length === 0) return;
    const known = await from.vectorsOf(
      model,
      batch.map(({ text }) => text),
    );
    const vectors = batch.flatMap(({ chunkId }, at) => (known[at] ? [{ chunkId, vector: known[at] }] : []));
    batch.forEach(({ chunkId }, at) => known[at] ?? without.add(chunkId));
    await to.store.putVectors(model, vectors);
    yield vectors.length;
  }
}

/** Counts of everything; words and vectors of a sample. */
async function compareStores(from: Movable, to: Movable): Promise<Moved['compared']> {
  const models = [...new Set([from.store.model(), ...from.models()])];
  for (const model of models) {
    const [here, there] = [await from.store.totals(model), await to.store.totals(model)];
    if (!isDeepStrictEqual(here, there))
      throw differs(
        `${here.chunks} chunks and ${here.vectors} vectors of ${model ?? 'no model'} against ${there.chunks} and ${there.vectors}`,
      );
  }
  const { chunks } = await from.store.totals();
  const compared = { chunks: 0, vectors: 0 };
  let passed = 0;
  for await (const { id } of from.documents()) {
    const mine = await from.store.count(id);
    if (mine.chunks !== (await to.store.count(id)).chunks) throw differs(`the chunks of document ${id}`);
    // Every so many chunks a document is looked into, at a place that goes through it.
    const before = passed;
    passed += mine.chunks;
    const step = Math.max(1, Math.floor(chunks / SAMPLES));
    if (Math.floor(before / step) === Math.floor(passed / step)) continue;
    compared.chunks++;
    compared.vectors += await compareChunk(from, to, id, before % mine.chunks);
  }
  return compared;
}

/** Returns how many vectors were compared. */
async function compareChunk(from: Movable, to: Movable, id: string, ordinal: number): Promise<number> {
  const page = { offset: ordinal, limit: 1 };
  const [mine, other] = [await from.store.chunks(id, page), await to.store.chunks(id, page)];
  if (!isDeepStrictEqual(mine, other)) throw differs(`chunk ${ordinal} of document ${id}`);
  const texts = mine.map(embeddingText);
  let compared = 0;
  for (const model of from.models()) {
    const [vector] = await from.vectorsOf(model, texts);
    const [copy] = await to.vectorsOf(model, texts);
    if (!isDeepStrictEqual(vector, copy)) throw differs(`the vector of chunk ${ordinal} of document ${id}`);
    if (vector) compared++;
  }
  return compared;
}

function differs(what: string): LimnerError {
  return new LimnerError(
    'conflict',
    `The copy is not what was copied: ${what}. Nothing was switched; run it again.`,
  );
}
