import type { Schemas } from '@qdrant/js-client-rest';
import { z } from 'zod';
import { DOCUMENT_WEIGHT } from './index-reader.ts';
import { DOCUMENT_KEYWORDS, KEYWORDS, vectorName } from './qdrant-collection.ts';
import { Payload, toChunk, toDocument } from './qdrant-point.ts';
import { and, type Filter } from './qdrant-revisions.ts';
import type { QdrantParts } from './qdrant-vectors.ts';
import { questionVector, type SparseVector } from './sparse.ts';
import type { FoundChunk, Hit, QueryVector, SearchQuery, Store } from './store.ts';

const Point = z.object({ id: z.union([z.string(), z.number()]), score: z.number(), payload: Payload });
type Point = z.infer<typeof Point>;
const DocumentHit = z.object({ score: z.number(), payload: Payload.pick({ document_id: true }) });
const Answers = z.array(z.object({ points: z.unknown() }));

type Arm = Schemas['QueryRequest'];

/** Documents whose own score is told; the rest count as the last of them. */
const DOCUMENTS = 200;

/** Neighbours that the graph is searched for at least, and how many are rescored from the floats for each that is wanted. */
const SEARCH_PARAMS = { hnsw_ef: 128, quantization: { rescore: true, oversampling: 4 } };

/** Both arms in one request; the lists are fused by those who asked. */
export function createQdrantSearch({ server, collection, revisions, language }: QdrantParts) {
  async function lists(query: SearchQuery): Promise<PointLists> {
    if (query.documents?.length === 0) return NOTHING;
    const words = questionVector(query.text, language);
    const near = vectorArm(await query.vector);
    const arms: Arm[] = [
      ...(words ? [chunkArm(words, query.limit), documentArm(words)] : []),
      ...(near ? [{ ...near, limit: query.limit, with_payload: true }] : []),
    ];
    if (arms.length === 0) return NOTHING;
    const answers = await ask(arms, within(query));
    return {
      keyword: words ? withDocuments(answers[0], answers[1], query.limit) : [],
      vector: near ? inOrder(z.array(Point).parse(answers.at(-1))) : [],
    };
  }

  /** One list of points for each arm, in one request. */
  function ask(arms: readonly Arm[], where: Filter): Promise<unknown[]> {
    return revisions.read(async (visible) => {
      const filter = and(visible, where);
      const searches = arms.map((arm) => Object.assign({ filter }, arm));
      const answers = await server.ask((client) => client.queryBatch(collection.alias, { searches }));
      return Answers.parse(answers).map(({ points }) => points);
    });
  }

  /** Undefined when the question was embedded by a model whose vectors do not answer, or that has none. */
  function vectorArm(vector: QueryVector | undefined) {
    if (!vector || vector.model !== revisions.model()) return undefined;
    const size = collection.size(vector.model);
    if (size === undefined) return undefined;
    if (vector.values.length !== size)
      throw new RangeError(`The vector has ${vector.values.length} dimensions, the index ${size}.`);
    return { query: [...vector.values], using: vectorName(vector.model), params: SEARCH_PARAMS };
  }

  /** The points come with all that there is to read of them. */
  const search: Store['search'] = async (query, choose) => {
    const { keyword, vector } = await lists(query);
    const points = new Map([...keyword, ...vector].map((point) => [point.id, point]));
    const chosen = choose({ keyword: keyword.map(toHit), vector: vector.map(toHit) });
    return chosen.map((choice) =>
      Object.assign({}, choice, {
        chunks: choice.hits.flatMap(({ id }) => points.get(id) ?? []).map(toFound),
      }),
    );
  };
  return search;
}

interface PointLists {
  keyword: Point[];
  vector: Point[];
}
const NOTHING: PointLists = { keyword: [], vector: [] };

function toHit({ id, score, payload }: Point): Hit {
  return { id, document: payload.document_id, text: payload.chunk.text, score };
}

function toFound({ payload }: Point): FoundChunk {
  return { ...toChunk(payload), document: toDocument(payload) };
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
function withDocuments(chunks: unknown, documents: unknown, limit: number): Point[] {
  const parents = z.array(DocumentHit).parse(documents);
  const scores = new Map(parents.map(({ score, payload }) => [payload.document_id, score]));
  const rest = parents.length < DOCUMENTS ? 0 : (parents.at(-1)?.score ?? 0);
  // A scan of few points may list those that hold none of the words.
  const found = z
    .array(Point)
    .parse(chunks)
    .filter(({ score }) => score > 0)
    .map(({ id, score, payload }) => ({
      id,
      score: score + DOCUMENT_WEIGHT * (scores.get(payload.document_id) ?? rest),
      payload,
    }));
  return inOrder(found).slice(0, limit);
}

/** Equal scores by document and place, since the server has no order among them. */
function inOrder(points: readonly Point[]): Point[] {
  return points.toSorted((one, other) => other.score - one.score || byPlace(one.payload, other.payload));
}

type Named = Pick<z.infer<typeof Payload>, 'document_id' | 'ordinal'>;

function byPlace(one: Named, other: Named): number {
  if (one.document_id === other.document_id) return one.ordinal - other.ordinal;
  return one.document_id < other.document_id ? -1 : 1;
}
