import type { Schemas } from '@qdrant/js-client-rest';
import { z } from 'zod';
import type { Passage } from '../document.ts';
import { DOCUMENT_WEIGHT } from './index-reader.ts';
import { DOCUMENT_KEYWORDS, KEYWORDS, vectorName } from './qdrant-collection.ts';
import { Payload, toChunk, toDocument } from './qdrant-point.ts';
import { and, type Filter } from './qdrant-revisions.ts';
import type { QdrantParts } from './qdrant-vectors.ts';
import { questionVector, type SparseVector } from './sparse.ts';
import type { SearchLists, SearchQuery } from './store.ts';

const Hit = z.object({ score: z.number(), payload: Payload });
const DocumentHit = z.object({ score: z.number(), payload: Payload.pick({ document_id: true }) });
const Answers = z.array(z.object({ points: z.unknown() }));

type Arm = Schemas['QueryRequest'];

/** Documents whose own score is told; the rest count as the last of them. */
const DOCUMENTS = 200;

/** Neighbours that the graph is searched for at least, and how many are rescored from the floats for each that is wanted. */
const SEARCH_PARAMS = { hnsw_ef: 128, quantization: { rescore: true, oversampling: 4 } };

/** Both arms in one request; the lists are fused by those who asked. */
export function createQdrantSearch({ server, collection, revisions, language }: QdrantParts) {
  return async function search(query: SearchQuery): Promise<SearchLists> {
    if (query.documents?.length === 0) return { keyword: [], vector: [] };
    const words = questionVector(query.text, language);
    const near = vectorArm(query);
    const arms: Arm[] = [
      ...(words ? [chunkArm(words, query.limit), documentArm(words)] : []),
      ...(near ? [{ ...near, limit: query.limit, with_payload: true }] : []),
    ];
    if (arms.length === 0) return { keyword: [], vector: [] };
    const answers = await ask(arms, within(query));
    return {
      keyword: words ? withDocuments(answers[0], answers[1], query.limit) : [],
      vector: near ? toPassages(z.array(Hit).parse(answers.at(-1)), 'vector') : [],
    };
  };

  /** One list of points for each arm, in one request. */
  function ask(arms: readonly Arm[], where: Filter): Promise<unknown[]> {
    return revisions.read(async (visible) => {
      const filter = and(visible, where);
      const searches = arms.map((arm) => Object.assign({ filter }, arm));
      const answers = await server.ask((client) =>
        client.queryBatch(collection.alias, { searches, ...collection.consistency }),
      );
      return Answers.parse(answers).map(({ points }) => points);
    });
  }

  /** Undefined when the question was embedded by a model whose vectors do not answer, or that has none. */
  function vectorArm({ vector }: SearchQuery) {
    if (!vector || vector.model !== revisions.model()) return undefined;
    const size = collection.size(vector.model);
    if (size === undefined) return undefined;
    if (vector.values.length !== size)
      throw new RangeError(`The vector has ${vector.values.length} dimensions, the index ${size}.`);
    return { query: [...vector.values], using: vectorName(vector.model), params: SEARCH_PARAMS };
  }
}

function within({ collection, documents }: SearchQuery): Filter {
  return {
    must: [
      ...(collection === undefined ? [] : [{ key: 'collection', match: { value: collection } }]),
      ...(documents ? [{ key: 'document_id', match: { any: [...documents] } }] : []),
    ],
  };
}

/** More chunks than are wanted, since the score of its document may lift one. */
const chunkArm = (query: SparseVector, limit: number): Arm => ({
  query,
  using: KEYWORDS,
  limit: 2 * limit,
  with_payload: true,
});

const documentArm = (query: SparseVector): Arm => ({
  query,
  using: DOCUMENT_KEYWORDS,
  limit: DOCUMENTS,
  with_payload: ['document_id'],
});

/** To the score of a chunk comes its share of that of the whole document, as in the embedded store. */
function withDocuments(chunks: unknown, documents: unknown, limit: number): Passage[] {
  const parents = z.array(DocumentHit).parse(documents);
  const scores = new Map(parents.map(({ score, payload }) => [payload.document_id, score]));
  const rest = parents.length < DOCUMENTS ? 0 : (parents.at(-1)?.score ?? 0);
  const hits = z.array(Hit).parse(chunks);
  // A scan of few points may list those that hold none of the words.
  const found = hits.flatMap(({ score, payload }) =>
    score > 0
      ? [{ score: score + DOCUMENT_WEIGHT * (scores.get(payload.document_id) ?? rest), payload }]
      : [],
  );
  return toPassages(found, 'keyword').slice(0, limit);
}

/** Equal scores by document and place, since the server has no order among them. */
function toPassages(hits: readonly z.infer<typeof Hit>[], list: 'keyword' | 'vector'): Passage[] {
  return hits
    .toSorted((one, other) => other.score - one.score || inOrder(one.payload, other.payload))
    .map((hit, position) => toPassage(hit, { [list]: position + 1 }));
}

function toPassage({ score, payload }: z.infer<typeof Hit>, ranks: Passage['ranks']): Passage {
  return { ...toChunk(payload), document: toDocument(payload), score, ranks };
}

type Named = Pick<z.infer<typeof Payload>, 'document_id' | 'ordinal'>;

function inOrder(one: Named, other: Named): number {
  if (one.document_id === other.document_id) return one.ordinal - other.ordinal;
  return one.document_id < other.document_id ? -1 : 1;
}
