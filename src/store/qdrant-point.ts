import { createHash } from 'node:crypto';
import type { Schemas } from '@qdrant/js-client-rest';
import { z } from 'zod';
import { embeddingText, MORE_PLACE, type Chunk, type DocumentFields } from '../document.ts';
import type { Language } from './language.ts';
import { countFields, type SparseVector, type TermCounts } from './sparse.ts';

export type Point = Schemas['PointStruct'];

const PlacedChunk = z.object({
  ordinal: z.int(),
  text: z.string(),
  span: z.tuple([z.int(), z.int()]),
  page: z.int().optional(),
  headings: z.array(z.string()).optional(),
  lines: z.tuple([z.int(), z.int()]).optional(),
  ...MORE_PLACE,
});

/** What a point says of its chunk besides the vectors. */
export const Payload = z.object({
  document_id: z.string(),
  uri: z.string(),
  title: z.string(),
  collection: z.string(),
  revision: z.int(),
  ordinal: z.int(),
  /** Of the embedded text: equal texts have equal vectors. */
  key: z.string(),
  chunk: PlacedChunk,
});

/** The payload fields of a point that goes while its vectors stay; the rest is the document's. */
export const DOCUMENT_FIELDS = ['document_id', 'uri', 'title', 'collection', 'ordinal', 'chunk'];

const Id = z.union([z.string(), z.number(), z.bigint()]).transform(String);

export const Stored = z.object({ id: Id, payload: Payload });
export const Keyed = z.object({ id: Id, payload: z.object({ key: z.string() }) });

/** Dense vectors of a point by name; the sparse one has another shape and is passed over. */
export const WithVectors = Keyed.extend({
  vector: z.record(z.string(), z.unknown()).transform((named) =>
    Object.fromEntries(
      Object.entries(named).flatMap(([name, value]) => {
        const numbers = z.array(z.number()).safeParse(value);
        return numbers.success ? [[name, numbers.data]] : [];
      }),
    ),
  ),
});

export const keyOf = (chunk: Pick<Chunk, 'headings' | 'preface' | 'text'>): string =>
  keyOfText(embeddingText(chunk));

export function keyOfText(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/**
 * What words find a chunk by. A file inside another is found by its own name as well, and what a model wrote about a
 * passage counts as its text.
 */
export function countChunk(
  { title, uri }: DocumentFields,
  { member, headings, preface, text }: Chunk,
  language: Language,
): TermCounts {
  const path = [uri, member].filter(Boolean).join(' ');
  const body = [preface, text].filter(Boolean).join('\n');
  return countFields({ title, path, headings: (headings ?? []).join(' '), body }, language);
}

/** A sparse vector by its name, or nothing where it has no entries. */
export function sparse(name: string, vector: SparseVector): Record<string, SparseVector> {
  return vector.indices.length === 0 ? {} : { [name]: vector };
}

export function toPoint(
  document: DocumentFields,
  chunk: Chunk,
  revision: number,
  vector: Record<string, number[] | SparseVector>,
): Point {
  return {
    id: pointId(document.id, revision, chunk.ordinal),
    vector,
    payload: {
      document_id: document.id,
      uri: document.uri,
      title: document.title,
      collection: document.collection,
      revision,
      ordinal: chunk.ordinal,
      key: keyOf(chunk),
      chunk,
    },
  };
}

/** A UUID of the custom version 8 (RFC 9562), the same whenever the same write is repeated. */
function pointId(documentId: string, revision: number, ordinal: number): string {
  const bytes = createHash('sha256')
    .update(`${documentId}\0${revision}\0${ordinal}`)
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function toChunk({ chunk }: z.infer<typeof Payload>): Chunk {
  return chunk;
}

export function toDocument(payload: z.infer<typeof Payload>): DocumentFields {
  const { document_id: id, uri, title, collection } = payload;
  return { id, uri, title, collection };
}
