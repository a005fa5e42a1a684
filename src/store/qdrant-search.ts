import { z } from 'zod';
import type { Passage } from '../document.ts';
import { KEYWORDS, vectorName } from './qdrant-collection.ts';
import { Payload, toChunk, toDocument } from './qdrant-point.ts';
import { and, type Filter } from './qdrant-revisions.ts';
import type { QdrantParts } from './qdrant-vectors.ts';
import { questionVector } from './sparse.ts';
import type { SearchLists, SearchQuery } from './store.ts';

const Hit = z.object({ score: z.number(), payload: Payload });
const Answers = z.array(z.object({ points: z.array(Hit) }));

/** Neighbours that the graph is searched for at least, and how many are rescored from the floats for each that is wanted. */
const SEARCH_PARAMS = { hnsw_ef: 128, quantization: { rescore: true, oversampling: 4 } };

/** Both arms in one request; the lists are fused by those who asked. */
export function createQdrantSearch({ server, collection, revisions }: QdrantParts) {
  return async function search(query: SearchQuery): Promise<SearchLists> {
    if (query.documents?.length === 0) return { keyword: [], vector: [] };
    const keyword = questionVector(query.text);
    const vector = vectorArm(query);
    const arms = [...(keyword ? [{ query: keyword, using: KEYWORDS }] : []), ...(vector ? [vector] : [])];
    if (arms.length === 0) return { keyword: [], vector: [] };
    const answers = await revisions.read(async (visible) => {
      const filter = and(visible, within(query));
      const wanted = { filter, limit: query.limit, with_payload: true };
      const searches = arms.map((arm) => Object.assign({}, wanted, arm));
      return Answers.parse(
        await server.ask((client) =>
          client.queryBatch(collection.alias, {
            searches,
            ...collection.consistency,
          }),
        ),
      );
    });
    const lists = answers.map(({ points }) => points);
    return {
      keyword: keyword ? toPassages(lists[0] ?? [], 'keyword') : [],
      vector: vector ? toPassages(lists.at(-1) ?? [], 'vector') : [],
    };
  };

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

/** Equal scores by document and place, since the server has no order among them. */
function toPassages(hits: readonly z.infer<typeof Hit>[], list: 'keyword' | 'vector'): Passage[] {
  // A scan of few points may list those that hold none of the words.
  const found = hits.filter(({ score }) => list === 'vector' || score > 0);
  return found
    .sort((one, other) => other.score - one.score || inOrder(one.payload, other.payload))
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
