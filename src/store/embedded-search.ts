import type { Passage } from '../document.ts';
import type { Connection, Database } from '../sqlite.ts';
import { CHUNK_COLUMNS, toChunk, type ChunkRow } from './chunk-row.ts';
import { keywordScore, matchExpression } from './keyword.ts';
import type { Meanings } from './meanings.ts';
import type { SearchLists, SearchQuery } from './store.ts';
import { queryTerms } from './tokenize.ts';
import { toVector } from './vector-rows.ts';

interface Scored {
  id: number;
  score: number;
}

const COLUMNS = CHUNK_COLUMNS.split(', ')
  .map((column) => `c.${column}`)
  .join(', ');

/** Candidates of the int8 scan that are rescored from their float32 rows. */
const rescored = (limit: number): number => Math.max(40, 4 * limit);

export function createEmbeddedSearch(database: Database, meanings: Meanings) {
  const { read } = database;

  function byKeywords(query: SearchQuery): Scored[] {
    const terms = queryTerms(query.text);
    if (terms.length === 0) return [];
    const expression = matchExpression(terms);
    if (query.documents) return withinDocuments(expression, query, query.documents);
    if (query.collection === undefined)
      return read.all<Scored>(
        `select rowid as id, -${keywordScore('chunk_terms')} as score from chunk_terms
         where chunk_terms match ? order by score desc, rowid limit ?`,
        expression,
        query.limit,
      );
    // The index alone tells the collection: neither a chunk's row is read nor its score made for the others.
    return read.all<Scored>(
      `select c.id, -${keywordScore('chunk_terms')} as score from chunk_terms
       cross join chunk c indexed by chunk_collection on c.id = chunk_terms.rowid
       where chunk_terms match ? and c.collection = ? order by score desc, c.id limit ?`,
      expression,
      query.collection,
      query.limit,
    );
  }

  /** The documents' own chunks are looked up, so that the matches elsewhere cost nothing but their row numbers. */
  function withinDocuments(
    expression: string,
    { collection, limit }: SearchQuery,
    documents: readonly string[],
  ): Scored[] {
    return read.all<Scored>(
      `select c.id, -${keywordScore('chunk_terms')} as score from chunk_terms
       cross join chunk c on c.id = chunk_terms.rowid
       where chunk_terms match ? and c.document_id in (select value from json_each(?))
         and (? is null or c.collection = ?) order by score desc, c.id limit ?`,
      expression,
      JSON.stringify(documents),
      collection ?? null,
      collection ?? null,
      limit,
    );
  }

  async function byMeaning(query: SearchQuery): Promise<Scored[]> {
    if (!query.vector) return [];
    const index = await meanings.index(query.vector.model);
    if (!index) return [];
    const found = index.vectors.search(
      query.vector.values,
      rescored(query.limit),
      index.groups(query.collection, query.documents),
    );
    const { values } = query.vector;
    return found
      .flatMap(({ id }) => rescore(read, id, values))
      .sort((one, other) => other.score - one.score || one.id - other.id)
      .slice(0, query.limit);
  }

  return async function search(query: SearchQuery): Promise<SearchLists> {
    const vector = await byMeaning(query);
    return {
      keyword: toPassages(read, byKeywords(query), 'keyword'),
      vector: toPassages(read, vector, 'vector'),
    };
  };
}

/** The exact dot product with the float32 row; nothing when the chunk is gone by now. */
function rescore(read: Connection, id: number, query: Float32Array): Scored[] {
  const row = read.get<{ data: Uint8Array }>(
    `select v.data from chunk c join vector v on v.embedding_key = c.embedding_key and v.model = c.model
     where c.id = ?`,
    id,
  );
  if (!row) return [];
  const vector = toVector(row.data);
  let score = 0;
  for (let at = 0; at < vector.length; at++) score += (vector[at] ?? 0) * (query[at] ?? 0);
  return [{ id, score }];
}

function toPassages(read: Connection, scored: readonly Scored[], list: 'keyword' | 'vector'): Passage[] {
  return scored.flatMap(({ id, score }, position) => {
    const row = read.get<ChunkRow & { uri: string; title: string }>(
      `select ${COLUMNS}, e.uri, e.title from chunk c join entry e on e.document_id = c.document_id
       where c.id = ?`,
      id,
    );
    if (!row) return [];
    const document = { id: row.document_id, uri: row.uri, title: row.title, collection: row.collection };
    return [{ ...toChunk(row), document, score, ranks: { [list]: position + 1 } }];
  });
}
