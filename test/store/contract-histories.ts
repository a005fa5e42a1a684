import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DocumentFields } from '../../src/document.ts';
import type { Store } from '../../src/store/store.ts';
import { allChunks, chunksOf, documentOf, dot, MODEL, vectorOf, listsOf } from './material.ts';

const DOCUMENTS = ['d1', 'd2', 'd3'] as const;
const WORDS = ['anchor', 'bilge', 'capstan', 'dinghy', 'ensign'] as const;
const COLLECTIONS = ['sea', 'land'] as const;
const NOBODY: ReadonlySet<string> = new Set();

type Change =
  | { kind: 'replace'; id: string; collection: string; texts: string[] }
  | { kind: 'remove'; id: string }
  | { kind: 'describe'; id: string; collection: string }
  | { kind: 'embed'; limit: number }
  | { kind: 'prune' };

/** What a store should hold: plain lists, and the texts whose vectors are known. */
interface Model {
  documents: Map<string, { fields: DocumentFields; texts: string[] }>;
  known: Set<string>;
}

/** Any history of changes leaves what the same history leaves in plain lists. */
export function testHistories(open: () => Promise<Store>): void {
  test('any history of changes leaves what plain lists would hold', { timeout: 120_000 }, async () => {
    const store = await open();
    const model: Model = { documents: new Map(), known: new Set() };
    await fc.assert(
      fc.asyncProperty(fc.array(change(), { minLength: 1, maxLength: 12 }), async (changes) => {
        for (const one of changes) {
          await apply(store, model, one);
          await compare(store, model);
        }
      }),
      // One store for all, so that a history also begins with what others left; nothing can be made smaller then.
      { numRuns: 25, endOnFailure: true },
    );
  });
}

function change(): fc.Arbitrary<Change> {
  const id = fc.constantFrom(...DOCUMENTS);
  const collection = fc.constantFrom(...COLLECTIONS);
  const text = fc
    .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 2 })
    .map((words) => words.join(' '));
  return fc.oneof(
    fc.record({
      kind: fc.constant('replace' as const),
      id,
      collection,
      texts: fc.array(text, { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('remove' as const), id }),
    fc.record({ kind: fc.constant('describe' as const), id, collection }),
    fc.record({ kind: fc.constant('embed' as const), limit: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('prune' as const) }),
  );
}

async function apply(store: Store, model: Model, one: Change): Promise<void> {
  if (one.kind === 'replace') {
    const fields = fieldsOf(one.id, one.collection);
    await store.replace(fields, chunksOf(...one.texts));
    model.documents.set(one.id, { fields, texts: one.texts });
  } else if (one.kind === 'remove') {
    await store.remove(one.id);
    model.documents.delete(one.id);
  } else if (one.kind === 'describe') {
    const known = model.documents.get(one.id);
    if (!known) return;
    known.fields = fieldsOf(one.id, one.collection);
    await store.describe(known.fields);
  } else if (one.kind === 'embed') {
    const batch = await store.unembedded(MODEL, one.limit, NOBODY);
    await store.putVectors(
      MODEL,
      batch.map(({ chunkId, text }) => ({ chunkId, vector: vectorOf(text) })),
    );
    for (const { text } of batch) model.known.add(text);
  } else {
    await store.prune([MODEL]);
    model.known = model.known.intersection(new Set(textsOf(model)));
  }
}

async function compare(store: Store, model: Model): Promise<void> {
  expect(await store.totals()).toEqual(await store.recount());
  for (const id of DOCUMENTS) {
    const texts = (await allChunks(store, id)).map(({ text }) => text);
    const expected = model.documents.get(id)?.texts ?? [];
    expect(texts).toEqual(expected);
    expect(await store.count(id, MODEL)).toEqual(countOf(expected, model));
  }
  expect(await store.totals(MODEL)).toEqual(countOf(textsOf(model), model));
  await compareSearch(store, model);
}

async function compareSearch(store: Store, model: Model): Promise<void> {
  const word = WORDS[model.known.size % WORDS.length] ?? '';
  const [collection] = COLLECTIONS;
  const question = vectorOf('question');
  const found = await listsOf(store, {
    text: word,
    vector: { model: MODEL, values: question },
    collection,
    limit: 50,
  });
  const inside = [...model.documents.values()].filter(({ fields }) => fields.collection === collection);
  const entries = inside.flatMap(({ fields, texts }) =>
    texts.map((text, ordinal) => ({ id: fields.id, ordinal, text })),
  );
  expect(found.keyword.map(nameOf).toSorted()).toEqual(
    entries
      .filter(({ text }) => text.includes(word))
      .map(entryName)
      .toSorted(),
  );
  const near = entries.filter(({ text }) => model.known.has(text));
  // Before there are any vectors the model is not in force everywhere.
  if (store.model() !== MODEL) return;
  expect(found.vector.map(nameOf).toSorted()).toEqual(near.map(entryName).toSorted());
  for (const { text, score } of found.vector) expect(score).toBeCloseTo(dot(question, vectorOf(text)), 4);
}

const fieldsOf = (id: string, collection: string): DocumentFields =>
  documentOf({ id, collection, uri: `${collection}/${id}.txt`, title: id });

const textsOf = ({ documents }: Model): string[] => [...documents.values()].flatMap(({ texts }) => texts);

const countOf = (texts: readonly string[], { known }: Model) => ({
  chunks: texts.length,
  vectors: texts.filter((text) => known.has(text)).length,
});

const nameOf = ({
  document,
  ordinal,
  text,
}: {
  document: DocumentFields;
  ordinal: number;
  text: string;
}): string => entryName({ id: document.id, ordinal, text });

const entryName = ({ id, ordinal, text }: { id: string; ordinal: number; text: string }): string =>
  `${id}/${ordinal} ${text}`;
