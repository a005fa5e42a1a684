import { z } from 'zod';
import { embeddingText } from '../document.ts';
import type { Language } from './language.ts';
import { vectorName, type Collection } from './qdrant-collection.ts';
import { Keyed, Stored, toChunk, WithVectors } from './qdrant-point.ts';
import { and, LEFT, type Filter, type Revisions } from './qdrant-revisions.ts';
import type { QdrantServer } from './qdrant-server.ts';
import type { Unembedded } from './store.ts';

/** Points in one request that carries vectors: a few megabytes of JSON. */
const VECTOR_BATCH = 64;
/** Points in one answer without vectors. */
const PAGE = 1000;
/** Keys in one filter. */
const KEYS = 512;

const VectorPage = z.object({ points: z.array(WithVectors) });
const KeyPage = z.object({ points: z.array(Keyed), next_page_offset: z.unknown() });
const Offset = z.union([z.string(), z.number()]).nullish();

export interface QdrantParts {
  server: QdrantServer;
  collection: Collection;
  revisions: Revisions;
  /** Of the words. */
  language: Language;
}

/** The dense vectors of the points: one named vector for each model, so that a new one is built beside the old. */
export function createQdrantVectors({ server, collection, revisions }: QdrantParts) {
  const { alias } = collection;
  const live = { key: 'revision', range: { gt: LEFT } };

  /** The vectors of `keys` under one name, wherever they are, by key. */
  async function knownUnder(name: string, keys: readonly string[]): Promise<Map<string, number[]>> {
    const known = new Map<string, number[]>();
    let wanted = [...new Set(keys)];
    while (wanted.length > 0) {
      const filter = { must: [{ key: 'key', match: { any: wanted.slice(0, KEYS) } }, { has_vector: name }] };
      const page = await server.ask((client) =>
        client.scroll(alias, {
          filter,
          limit: 2 * VECTOR_BATCH,
          with_payload: ['key'],
          with_vector: [name],
        }),
      );
      const found = VectorPage.parse(page).points;
      for (const { payload, vector } of found) if (vector[name]) known.set(payload.key, vector[name]);
      // A text that stands in many documents may fill a page alone, so that the rest is asked for again.
      wanted = wanted.filter((key, at) => !known.has(key) && (found.length > 0 || at >= KEYS));
    }
    return known;
  }

  function hasVectors(model: string | undefined): Promise<boolean> {
    if (model === undefined || collection.size(model) === undefined) return Promise.resolve(false);
    return revisions.read(async (visible) => {
      const filter = and(visible, { must: [{ has_vector: vectorName(model) }] });
      const { points } = await server.ask((client) =>
        client.scroll(alias, { filter, limit: 1, with_payload: false }),
      );
      return points.length > 0;
    });
  }

  /** Every point with one of these texts that lacks the vector, and its key. */
  async function lacking(name: string, keys: readonly string[]): Promise<z.infer<typeof Keyed>[]> {
    const found: z.infer<typeof Keyed>[] = [];
    const filter = {
      must: [{ key: 'key', match: { any: [...keys] } }, live],
      must_not: [{ has_vector: name }],
    };
    let offset: z.infer<typeof Offset>;
    do {
      const page = KeyPage.parse(
        await server.ask((client) =>
          client.scroll(alias, {
            filter,
            limit: PAGE,
            with_payload: ['key'],
            ...(offset !== undefined && { offset }),
          }),
        ),
      );
      found.push(...page.points);
      offset = Offset.parse(page.next_page_offset) ?? undefined;
    } while (offset !== undefined);
    return found;
  }

  /** One vector serves every chunk with the same text. False where a point went meanwhile, and all is to be looked up again. */
  async function putOnce(
    name: string,
    vectors: readonly { chunkId: string; vector: Float32Array }[],
  ): Promise<boolean> {
    const given = new Map(vectors.map(({ chunkId, vector }) => [chunkId, [...vector]]));
    const here = z.array(Keyed).parse(
      await server.ask((client) =>
        client.retrieve(alias, {
          ids: [...given.keys()],
          with_payload: ['key'],
        }),
      ),
    );
    const byKey = new Map(here.map(({ id, payload }) => [payload.key, given.get(id) ?? []]));
    if (byKey.size === 0) return true;
    const points = (await lacking(name, [...byKey.keys()])).map(({ id, payload }) => ({
      id,
      vector: { [name]: byKey.get(payload.key) ?? [] },
    }));
    for (let at = 0; at < points.length; at += VECTOR_BATCH) {
      const batch = points.slice(at, at + VECTOR_BATCH);
      const done = await server.find((client) => client.updateVectors(alias, { points: batch, wait: true }));
      if (done === undefined) return false;
    }
    return true;
  }

  return {
    hasVectors,
    /** The vectors of the texts with these keys, under every name; those unknown are left out. */
    async known(keys: readonly string[]): Promise<Map<string, Record<string, number[]>>> {
      const all = new Map<string, Record<string, number[]>>();
      for (const name of collection.vectors())
        for (const [key, vector] of await knownUnder(name, keys))
          all.set(key, { ...all.get(key), [name]: vector });
      return all;
    },
    knownOf: (model: string, keys: readonly string[]): Promise<Map<string, number[]>> =>
      collection.size(model) === undefined ? Promise.resolve(new Map()) : knownUnder(vectorName(model), keys),
    /** Every document gets its first chunks first, so that a small one does not wait behind a big one. */
    unembedded(model: string, limit: number, except: ReadonlySet<string>): Promise<Unembedded[]> {
      const has = collection.size(model) !== undefined;
      const lacks: Filter = has ? { must_not: [{ has_vector: vectorName(model) }] } : {};
      return revisions.read(async (visible) => {
        const page = await server.ask((client) =>
          client.scroll(alias, {
            filter: and(visible, lacks),
            order_by: { key: 'ordinal' },
            limit: limit + except.size,
          }),
        );
        return z
          .object({ points: z.array(Stored) })
          .parse(page)
          .points.filter(({ id }) => !except.has(id))
          .slice(0, limit)
          .map(({ id, payload }) => ({
            chunkId: id,
            documentId: payload.document_id,
            text: embeddingText(toChunk(payload)),
          }));
      });
    },
    async put(model: string, vectors: readonly { chunkId: string; vector: Float32Array }[]): Promise<void> {
      const size = collection.size(model) ?? vectors[0]?.vector.length ?? 0;
      for (const { vector } of vectors)
        if (vector.length !== size)
          throw new RangeError(`A vector of ${model} has ${vector.length} dimensions instead of ${size}.`);
      if (vectors.length === 0) return;
      await collection.addVector(model, size);
      while (!(await putOnce(vectorName(model), vectors)));
    },
  };
}
